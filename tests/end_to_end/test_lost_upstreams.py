"""An upstream that is killed, hangs and comes back under many calls: what agents and the audit are
told, and when.

The figures in docs/performance.md are what `-s` shows.
"""

import asyncio
import signal
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from conftest import HelioFactory
from end_to_end.crowds import echo, left_at_the_end, of_all, opened, running_server, until
from end_to_end.test_faults import faults
from end_to_end.test_large_answers import outcomes
from processes import HelioProcess, choose_free_port
from transport.house import Agent, tool_call

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

CALLS = 30
TIMEOUT = 1.0
TEXT = "upstream: { url: '${HELIO_TEST_UPSTREAM}', request_timeout: 1s, connect_timeout: 1s }"
HANG = tool_call("9", "hang")


async def answer(agent: Agent, session: str, body: bytes) -> tuple[Any, float]:
    """What a call is answered with, and the seconds until then."""
    began = time.monotonic()
    await agent.ask(body, headers=session)
    return (await agent.reply()).message, time.monotonic() - began


def intents(process: HelioProcess) -> int:
    journals = process.audit_dir.glob("journal-*.jsonl")
    return sum(path.read_bytes().count(b'"kind":"intent"') for path in journals)


async def test_killed_in_the_middle_and_started_again(helio: HelioFactory, tmp_path: Path) -> None:
    port = choose_free_port()
    log = tmp_path / "server.log"
    with ExitStack() as stack:
        server, url = stack.enter_context(running_server(log, port))
        process = helio(TEXT.replace("request_timeout: 1s", "request_timeout: 60s"), upstream=url)
        sessions = await of_all([partial(opened, process.mcp_port)] * CALLS)
        async with left_at_the_end([agent for agent, _ in sessions]):
            calls = [asyncio.ensure_future(answer(*each, HANG)) for each in sessions]
            await until(lambda: intents(process) == CALLS)
            killed = time.monotonic()
            server.kill()
            answers = [await call for call in calls]
            print(f"killed: all {CALLS} answered in {(time.monotonic() - killed) * 1000:.0f} ms")
            assert time.monotonic() - killed < 2
            reasons = {message["error"]["data"]["reason"] for message, _ in answers}
            assert reasons == {"upstream_closed"}
            message, _ = await answer(*sessions[0], echo("away"))
            assert message["error"]["data"]["reason"] == "upstream_connect_failed"
            stack.enter_context(running_server(log, port))
            began = time.monotonic()
            back = await of_all(partial(answer, *each, echo("back")) for each in sessions)
            # A call that found its session forgotten is not sent again; the next one has a new one.
            again = await of_all(partial(answer, *each, echo("again")) for each in sessions)
            print(f"restarted: every session serves after {time.monotonic() - began:.2f} s")
            assert time.monotonic() - began < 2
            assert [message["id"] for message, _ in back] == [7] * CALLS
            texts = [message["result"]["content"][0]["text"] for message, _ in again]
            assert texts == ["again"] * CALLS
        rows = process.calls("--limit", "1000")
        hung = [row for row in rows if row["tool_name"] == "hang"]
        assert [row["outcome"] for row in hung] == ["indeterminate"] * CALLS
        assert len(rows) == 3 * CALLS + 1
        assert process.stop() == 0
        assert faults(process) == []


async def test_hung_and_awake_again(helio: HelioFactory, tmp_path: Path) -> None:
    with running_server(tmp_path / "server.log") as (server, url):
        process = helio(TEXT, upstream=url)
        sessions = await of_all([partial(opened, process.mcp_port)] * CALLS)
        async with left_at_the_end([agent for agent, _ in sessions]):
            server.send_signal(signal.SIGSTOP)
            try:
                answers = await of_all(partial(answer, *each, echo("late")) for each in sessions)
            finally:
                server.send_signal(signal.SIGCONT)
            reasons = {message["error"]["data"]["reason"] for message, _ in answers}
            assert reasons == {"upstream_timeout"}
            await until(lambda: outcomes(process.audit_dir) == CALLS)
            rows = [row for row in process.calls() if row["tool_name"] == "echo"]
            worst = max(row["total_duration_ms"] for row in rows) / 1000
            print(f"hung: {CALLS} calls answered after {worst:.3f} s at most; the timeout is 1 s")
            assert len(rows) == CALLS
            assert TIMEOUT <= worst < TIMEOUT + 0.25
            message, _ = await answer(*sessions[0], echo("awake"))
            assert message["result"]["content"][0]["text"] == "awake"
        assert process.stop() == 0
        assert faults(process) == []
