"""Calls that take long, and upstreams that never answer: who is waited for, and how long."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from conftest import HelioFactory
from end_to_end.agent import Agent, outcome_of, play
from end_to_end.pairs import KINDS, Pair, running_pair, running_sdk_server
from end_to_end.stalling import Stalling

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning"),
]

TIMEOUT = 1.0
"""Seconds of `request_timeout` here, where the default is 30."""
SLACK = 0.25
"""Seconds by which Helio may notice a timeout late: its check interval, and a busy machine."""
CLIENT_SLACK = 1.0
"""Seconds that the client, and a test process that shares its processor, may add to that."""
GRAIN = 0.005
"""Seconds by which it may seem early: the event loop's clock counts whole milliseconds."""
TIMED_OUT = "upstream_timeout"


@pytest.fixture(scope="module", params=list(KINDS))
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    directory = tmp_path_factory.mktemp(f"long-calls-{request.param}")
    with (
        running_sdk_server(directory, *KINDS[request.param]) as url,
        running_pair(directory, url, "", "1s") as running,
    ):
        yield running


@pytest.fixture(scope="module")
def stalling() -> Iterator[Stalling]:
    upstream = Stalling()
    yield upstream
    upstream.close()


@pytest.fixture(scope="module")
def stalled(stalling: Stalling, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    directory = tmp_path_factory.mktemp("stalled")
    with running_pair(directory, stalling.url, "", "1s") as running:
        yield running


async def hang(agent: Agent, tool: str, **arguments: object) -> None:
    """Makes a call that Helio must give up; the client hears of it, soon after the timeout."""
    began = time.monotonic()
    error = await agent.refused(agent.start(tool, arguments, progress_callback=agent.on_progress))
    took = time.monotonic() - began
    assert error.error.data["reason"] == TIMED_OUT, error.error
    assert error.error.data["call_id"]
    assert TIMEOUT - GRAIN <= took < TIMEOUT + SLACK + CLIENT_SLACK


def check_given_up(row: dict[str, Any], tool: str) -> None:
    """The row of a call that Helio gave up in time, by its own clock."""
    assert outcome_of(row) == (tool, TIMED_OUT)
    assert row["outcome"] == "indeterminate"
    assert (TIMEOUT - GRAIN) * 1000 <= row["total_duration_ms"] < (TIMEOUT + SLACK) * 1000


@pytest.mark.slow
@pytest.mark.parametrize("pair", ["sse"], indirect=True)
async def test_progress_keeps_a_call_alive_for_twelve_timeouts(pair: Pair) -> None:
    """As six minutes are at the default of 30 s."""

    async def long(agent: Agent) -> None:
        arguments = {"steps": 24, "pause": TIMEOUT / 2}
        await agent.call("long", arguments, progress_callback=agent.on_progress)
        await agent.until(lambda: len(agent.progress) == 24)

    began = time.monotonic()
    direct, through = await asyncio.gather(play(long, pair.direct), pair.through(long))
    assert time.monotonic() - began > 12 * TIMEOUT
    assert through.transcript == direct.transcript
    assert [step for step, _, _ in through.progress] == list(range(1, 25))
    (row,) = pair.rows(through)
    assert outcome_of(row) == ("long", "answered")
    assert row["upstream_latency_ms"] > 12_000 * TIMEOUT


async def test_a_silent_call_ends_at_the_timeout_and_the_session_goes_on(pair: Pair) -> None:
    async def silence(agent: Agent) -> None:
        await hang(agent, "silent", seconds=20)
        await agent.call("echo", {"text": "the session goes on"})

    hung, echoed = pair.rows(await pair.through(silence))
    check_given_up(hung, "silent")
    assert outcome_of(echoed) == ("echo", "answered")


@pytest.mark.parametrize("pair", ["sse"], indirect=True)
async def test_a_person_may_take_longer_than_the_timeout(pair: Pair) -> None:
    """While the upstream waits for the client, it is not the upstream that is silent."""

    async def think(agent: Agent) -> None:
        agent.thinking = 2 * TIMEOUT
        await agent.call("elicit")

    direct, through = await asyncio.gather(play(think, pair.direct), pair.through(think))
    assert through.transcript == direct.transcript
    assert through.calls == [("elicit", "answered")]


@pytest.mark.parametrize("pair", ["sse"], indirect=True)
async def test_the_timeout_runs_again_when_the_person_has_answered(pair: Pair) -> None:
    async def ask(agent: Agent) -> None:
        await hang(agent, "elicit", then_silent=20)

    (row,) = pair.rows(await pair.through(ask))
    check_given_up(row, "elicit")


@pytest.mark.parametrize("tool", ["mute", "headers_only", "comments", "half_an_event"])
async def test_nothing_but_messages_keeps_a_hung_call_alive(stalled: Pair, tool: str) -> None:
    (row,) = stalled.rows(await stalled.through(lambda agent: hang(agent, tool)))
    check_given_up(row, tool)


async def test_a_message_restarts_the_timeout_once(stalled: Pair) -> None:
    agent = await stalled.through(lambda agent: hang(agent, "progress_then_mute"))
    assert agent.progress == [(1.0, None, None)]
    (row,) = stalled.rows(agent)
    check_given_up(row, "progress_then_mute")


async def test_hung_calls_end_together(stalled: Pair) -> None:
    tools = ["mute", "comments"] * 10

    async def hang_all(agent: Agent) -> None:
        await asyncio.gather(*(hang(agent, tool) for tool in tools))

    rows = stalled.rows(await stalled.through(hang_all))
    assert sorted(row["tool_name"] for row in rows) == sorted(tools)
    for row in rows:
        check_given_up(row, row["tool_name"])


async def test_a_cancelled_call_that_the_upstream_never_ends_is_recorded_as_cancelled(
    helio: HelioFactory, stalling: Stalling
) -> None:
    process = helio("", upstream=stalling.url)

    async def cancel(agent: Agent) -> None:
        call = asyncio.ensure_future(
            agent.start("progress_then_mute", {}, progress_callback=agent.on_progress)
        )
        await agent.until(lambda: len(agent.progress) == 1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    agent = await play(cancel, process.mcp_url)
    assert "notifications/cancelled" in stalling.methods
    assert process.stop() == 0
    assert [outcome_of(row) for row in process.calls()] == agent.calls
    (row,) = process.calls()
    assert row["upstream_error"].startswith("cancelled: ")
