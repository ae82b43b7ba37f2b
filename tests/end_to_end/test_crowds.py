"""Many agents at once: sessions, standing streams and event streams, and what they cost.

The figures in docs/performance.md are what `-s` shows. With `HELIO_PROOF=1` there are 10,000
sessions, too.
"""

import asyncio
import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from conftest import HelioFactory
from end_to_end.crowds import (
    MIB,
    connected,
    counted,
    descriptors,
    descriptors_limited,
    echo,
    left_at_the_end,
    of_all,
    opened,
    resident,
    running_server,
    standing,
    until,
)
from end_to_end.test_faults import faults
from processes import HelioProcess
from transport.house import Agent, head

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

PROVING = os.environ.get("HELIO_PROOF") == "1"
SHELLS_GRANT = 1024
"""Descriptors that a process may have unless it asks for more."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with descriptors_limited(32768), running_server(tmp_path / "server.log") as (_, url):
        yield url


def started(helio: HelioFactory, server: str, text: str = "") -> HelioProcess:
    """Helio as a shell starts it."""
    with descriptors_limited(SHELLS_GRANT):
        return helio(text, upstream=server)


async def call(agent: Agent, session: str) -> float:
    """Calls, and gives the seconds that it took."""
    began = time.perf_counter()
    await agent.ask(echo(session[-60:]), headers=session)
    reply = await agent.reply()
    assert reply.status == 200, reply
    assert reply.message["result"]["content"][0]["text"] == session[-60:]
    return time.perf_counter() - began


async def test_a_thousand_sessions_with_their_streams(helio: HelioFactory, server: str) -> None:
    process = started(helio, server)
    await until(lambda: (process.health() or {})["audit"]["index"] == "ready")
    before = (descriptors(process), resident(process.process))
    sessions = await of_all([partial(opened, process.mcp_port)] * 1000)
    agents = [agent for agent, _ in sessions]
    async with left_at_the_end(agents):
        agents += await of_all(
            partial(standing, process.mcp_port, session) for _, session in sessions
        )
        await until(lambda: counted(server)["standing"] == 1000)
        assert counted(server)["sessions"] >= 1000
        took = sorted(await of_all(partial(call, *each) for each in sessions))
        grown = resident(process.process) - before[1]
        print(  # for docs/performance.md
            f"1,000 sessions, each with a standing stream: {grown:.0f} MiB, a call of each at 32 "
            f"at once: p50 {took[500] * 1000:.0f} ms, p99 {took[990] * 1000:.0f} ms"
        )
        assert grown < 160
        assert len(process.calls("--limit", "2000")) == 1000
    await until(lambda: descriptors(process) <= before[0] + 3)
    await until(lambda: counted(server)["standing"] == 0)
    assert process.stop() == 0
    assert faults(process) == []


async def test_a_hundred_event_streams(helio: HelioFactory, server: str) -> None:
    text = "listen: { port: '${HELIO_TEST_PORT}', max_sse_sessions: 100 }"
    process = started(helio, server, text)
    port = process.mcp_port
    await until(lambda: (process.health() or {})["audit"]["index"] == "ready")
    before = (descriptors(process), resident(process.process))
    agents = await of_all([partial(standing, port, "", "/sse")] * 100)
    async with left_at_the_end(agents):
        endpoints = [await endpoint_of(agent) for agent in agents]
        assert len(set(endpoints)) == 100
        posters = await of_all([partial(connected, port)] * 100)
        async with left_at_the_end(posters):
            for number, (agent, path) in enumerate(zip(posters, endpoints, strict=True)):
                await agent.ask(echo(f"call {number}"), path=path)
                assert (await agent.reply()).status == 202
            for number, agent in enumerate(agents):
                answer = await agent.reader.readuntil(b"}\n\n")
                assert f'"call {number}"'.encode() in answer
        grown = resident(process.process) - before[1]
        print(f"100 event streams: {grown:.0f} MiB")
        assert grown < 40
        await refused(port)
        agents.pop().leave()
        agents.append(await one_more(port))
    await until(lambda: descriptors(process) <= before[0] + 3)
    assert len(process.calls()) == 100
    assert process.stop() == 0
    assert faults(process) == []


async def endpoint_of(agent: Agent) -> str:
    """Where an event stream wants its messages."""
    block = await agent.reader.readuntil(b"\n\n")
    return block.partition(b"data: ")[2].decode().strip()


async def one_more(port: int) -> Agent:
    """A stream in the place of one that its agent left a moment ago."""
    async with asyncio.timeout(10):
        while True:
            agent = await connected(port)
            await agent.send(head("GET", None, "accept: text/event-stream\r\n", "/sse"))
            status, _ = await agent.head()
            if status == 200:
                return agent
            agent.leave()
            await asyncio.sleep(0.05)


async def refused(port: int) -> None:
    """One stream too many."""
    agent = await connected(port)
    await agent.ask(None, "GET", "accept: text/event-stream\r\n", "/sse")
    reply = await agent.reply()
    assert (reply.status, reply.headers["retry-after"]) == (503, "5")
    agent.leave()


@pytest.mark.skipif(not PROVING, reason="`make proof` opens 10,000 sessions")
async def test_ten_thousand_sessions(helio: HelioFactory, server: str) -> None:
    process = started(helio, server)
    before = resident(process.process)

    async def open_and_leave() -> str:
        agent, session = await opened(process.mcp_port)
        agent.leave()
        return session

    sessions = await of_all([open_and_leave] * 10_000)
    grown = resident(process.process) - before
    print(f"10,000 sessions: {grown:.0f} MiB, {grown * MIB / 10_000:.0f} bytes each")
    assert len(set(sessions)) == 10_000
    assert resident(process.process) < 1024
    assert process.stop() == 0
