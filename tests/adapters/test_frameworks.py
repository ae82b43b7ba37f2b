"""The adapters in their frameworks: what is blocked is not done, and the model hears why."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from adapters.standing_in import Port, standing_in
from frameworks.scenario import Said
from frameworks.ways import Program
from peers import ROOT

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

PROGRAMS = Path(__file__).parent / "programs"
FRAMEWORKS = {
    "langchain": "langchain_program.py",
    "crewai": "crewai_program.py",
    "autogen": "autogen_program.py",
    "openai-agents": "openai_program.py",
}
MARKS = ("langchain", "crewai", "autogen")
"""Those that mark errors as such."""
ORDER = {"order_id": 7}


@contextmanager
def running(framework: str, url: str, directory: Path) -> Iterator[Program]:
    if not os.environ.get("HELIO_COMPAT"):
        pytest.skip("`make compat` plays it")
    environment = {"HELIO_ADAPTER_TOKEN": "t", "PYTHONPATH": str(ROOT / "python")}
    program = Program.started(
        ROOT / f".venv-compat-{framework}",
        PROGRAMS / FRAMEWORKS[framework],
        url,
        directory,
        session="a-task",
        environment=environment,
    )
    try:
        yield program
    finally:
        program.stop()


def blocked(framework: str, text: str) -> Said:
    return Said(text, True if framework in MARKS else None)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_call_is_asked_about_and_told_of(framework: str, tmp_path: Path) -> None:
    with standing_in() as port, running(framework, port.url, tmp_path) as program:
        port.body = {"evaluation_id": "e1", "decision": "allow"}
        assert program.call("lookup_order", ORDER).text == "order 7: standing desk"
        assert [path for path, _, _ in port.asked] == ["/evaluate", "/audit"]
        assert port.asked[0][2] == {
            "origin": "shop-agent",
            "session_id": "a-task",
            "tool": {"name": "lookup_order"},
            "arguments": ORDER,
        }
        told = port.asked[1][2]
        assert told.pop("duration_ms") > 0
        assert told == {
            "evaluation_id": "e1",
            "status": "success",
            "result": "order 7: standing desk",
        }


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_what_is_blocked_is_not_done(framework: str, tmp_path: Path) -> None:
    with standing_in() as port, running(framework, port.url, tmp_path) as program:
        port.body = {
            "evaluation_id": "e1",
            "decision": "deny",
            "feedback": {"message": "Orders are never deleted", "suggestion": "Ask a person."},
        }
        text = "Blocked: Orders are never deleted. Ask a person."
        assert program.call("delete_order", ORDER) == blocked(framework, text)
        port.status, port.body = 503, {"error": "the audit is full"}
        text = "Blocked: no decision could be had, so this was not done: the audit is full"
        assert program.call("delete_order", ORDER) == blocked(framework, text)
        assert [path for path, _, _ in port.asked] == ["/evaluate"] * 2


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_tool_that_failed_is_told_as_failed(framework: str, tmp_path: Path) -> None:
    with standing_in() as port, running(framework, port.url, tmp_path) as program:
        port.body = {"evaluation_id": "e1", "decision": "allow"}
        said = program.call("refund_order", {"order_id": 0}).text
        # By default function tools of OpenAI's hide what went wrong from the model.
        hidden = framework == "openai-agents"
        assert ("An error occurred" if hidden else "there is no order 0") in said
        (_, evaluated), (path, told) = [(path, body) for path, _, body in port.asked]
        assert (path, told["status"], told["evaluation_id"]) == ("/audit", "error", "e1")
        assert "there is no order 0" in told["error"]
        assert evaluated["tool"] == {"name": "refund_order"}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_out_of_reach_nothing_is_done(framework: str, tmp_path: Path) -> None:
    with running(framework, Port("http://127.0.0.1:9").url, tmp_path) as program:
        said = program.call("delete_order", ORDER)
        assert said.text.startswith("Blocked: no decision could be had")
        assert "is `helio start` running?" in said.text
