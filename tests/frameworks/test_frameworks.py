"""The frameworks that agents are built with are governed alike, and their models hear why."""

import os
import subprocess
from pathlib import Path

import pytest

from end_to_end.people import People
from frameworks.scenario import DECISIONS, decisions, outcomes, play, shop
from frameworks.ways import HERE, WAYS, Program, Way
from peers import give_up

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

ALL = "HELIO_COMPAT"
"""Set by `make compat`: every framework is played, and each has to be installed."""
SESSIONS = {"one": 1, "one a call": len(DECISIONS), "none": 0}


def played(*, heavy_only: bool = False) -> list[object]:
    return [pytest.param(way, id=way.name) for way in WAYS if not (heavy_only and way.light)]


def skip_unless_asked_for(way: Way) -> None:
    if os.environ.get(ALL):
        return
    if not way.light:
        pytest.skip("`make compat` plays it")
    if not way.installed:
        give_up(f"{way.name} is not installed (`make peers` does it)")


@pytest.mark.parametrize("way", played())
def test_a_governed_day(way: Way, tmp_path: Path) -> None:
    skip_unless_asked_for(way)
    with shop(tmp_path) as pair, way.connected(pair.helio.mcp_url, tmp_path, "a-day") as framework:
        day = play(framework, pair)
        assert all(outcomes(day, marks=way.marks).values()), day
        assert decisions(pair) == DECISIONS


def named(name: str) -> Way:
    (way,) = [way for way in WAYS if way.name == name]
    skip_unless_asked_for(way)
    return way


def test_an_agent_that_gave_up_waiting_for_a_person_gets_it_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = named("OpenAI Agents")
    monkeypatch.setenv("PATIENCE", "1")
    payment = ("create_payment", {"order_id": 7, "amount": 350, "currency": "GBP"})
    with shop(tmp_path) as pair, way.connected(pair.helio.mcp_url, tmp_path, "a-day") as framework:
        people = People(pair.helio)
        given_up = framework.call(*payment)
        assert "350" not in given_up.text
        (ticket,) = people.wait_for()
        assert people.approve(ticket) == 200
        assert "350" in framework.call(*payment).text
        assert [row["outcome"] for row in pair.helio.calls()][-1] == "answered"


@pytest.mark.parametrize(
    ("name", "program", "seconds"),
    [
        (
            "OpenAI Agents",
            "import inspect; from agents.mcp import MCPServerStreamableHttp as it; print("
            "inspect.signature(it).parameters['client_session_timeout_seconds'].default)",
            5,
        ),
        (
            "AutoGen",
            "from autogen_ext.tools.mcp import StreamableHttpServerParams as it; "
            "print(it(url='').sse_read_timeout)",
            300,
        ),
    ],
)
def test_how_long_it_waits_by_itself(name: str, program: str, seconds: float) -> None:
    python = str(named(name).venv / "bin" / "python")  # type: ignore[operator]
    told = subprocess.run([python, "-c", program], check=True, capture_output=True, text=True)
    assert float(told.stdout) == seconds


def test_crewais_own_client_fails_by_itself(demo_upstream: str, tmp_path: Path) -> None:
    """Once it works, it is one more way to play the day."""
    venv = named("CrewAI").venv
    assert venv is not None
    agent = HERE / "crewai_mcps_agent.py"
    program = Program.started(venv, agent, demo_upstream, tmp_path, session="")
    try:
        with pytest.raises(AssertionError, match="the agent ended"):
            program.call("search_orders", {"text": "desk"})
    finally:
        program.stop()
    assert "Error during MCP client disconnect" in program.log.read_text("utf-8")


@pytest.mark.parametrize("way", played(heavy_only=True))
def test_the_sessions_that_it_has_by_itself(way: Way, tmp_path: Path) -> None:
    skip_unless_asked_for(way)
    with shop(tmp_path) as pair, way.connected(pair.helio.mcp_url, tmp_path, "") as framework:
        day = play(framework, pair)
        found = {row["session_id"] for row in pair.helio.calls()} - {None}
        assert len(found) == SESSIONS[way.sessions]
        kept = way.sessions == "one"
        went = outcomes(day, marks=way.marks)
        assert went["repaired"] == went["limited"] == kept
        assert went["blocked"]
        assert went["approved"]
