"""Many calls that wait for a person at once: what they take, and what other calls feel of them.

The figures in docs/performance.md are what `HELIO_PROOF=1` and `-s` show, with 1,000 of them.
"""

import asyncio
import os
import statistics
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from conftest import HelioFactory
from end_to_end.crowds import (
    connected,
    descriptors,
    descriptors_limited,
    echo,
    left_at_the_end,
    of_all,
    resident,
    running_server,
    until,
)
from end_to_end.people import People
from end_to_end.test_faults import faults
from transport.house import Agent, message

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

PROVING = os.environ.get("HELIO_PROOF") == "1"
HELD = 1000 if PROVING else 200
CALLS = 1000 if PROVING else 300
MOST_SLOWED = 1.5 if PROVING else 3.0
"""Other tests may run beside this one, and disturb one half of the comparison."""
POLICIES = """
policies:
  rules:
    - { name: people, match: { tool: big }, action: require_approval }
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with descriptors_limited(32768), running_server(tmp_path / "server.log") as (_, url):
        yield url


async def test_held_calls_weigh_little_and_slow_nobody(helio: HelioFactory, server: str) -> None:
    process = helio(POLICIES, upstream=server)
    people = People(process)
    await until(lambda: (process.health() or {})["audit"]["index"] == "ready")
    caller = await connected(process.mcp_port)
    await latencies(caller, CALLS)  # what the first calls alone would cost
    alone = await latencies(caller, CALLS)
    before = (descriptors(process), resident(process.process))

    agents = await of_all([partial(connected, process.mcp_port)] * HELD)
    async with left_at_the_end([caller, *agents]):
        await of_all(partial(held, agent, number) for number, agent in enumerate(agents))
        tickets = await people.waiting(HELD)
        assert len({each["id"] for each in tickets}) == HELD
        grown = resident(process.process) - before[1]
        beside = await latencies(caller, CALLS)
        assert grown < 60
        for ticket in tickets:
            assert await asyncio.to_thread(people.approve, ticket) == 200
        for number, agent in enumerate(agents):
            assert f'"{"x" * (number + 1)}"'.encode() in await answer(agent)
        # Before and after: others on the machine come and go.
        after = await latencies(caller, CALLS)
        ratio = statistics.median(beside) / max(statistics.median(alone), statistics.median(after))
        print(  # for docs/performance.md
            f"{HELD} held calls: {grown:.0f} MiB; another call p50 {quantile(alone, 50):.2f} ms "
            f"before, {quantile(beside, 50):.2f} ms beside them, {quantile(after, 50):.2f} ms "
            f"after (ratio {ratio:.2f}); p99 {quantile(alone, 99):.2f}, "
            f"{quantile(beside, 99):.2f} and {quantile(after, 99):.2f} ms"
        )
        assert ratio < MOST_SLOWED
    assert people.tickets(status="pending") == []
    await until(lambda: descriptors(process) <= before[0] + 5)
    assert process.stop() == 0
    assert faults(process) == []


async def held(agent: Agent, number: int) -> None:
    """A call that waits, each another one; its agent is told so."""
    params = (
        f'{{"name":"big","arguments":{{"size":{number + 1}}},"_meta":{{"progressToken":{number}}}}}'
    )
    await agent.ask(message("tools/call", "1", params))
    async with asyncio.timeout(30):
        status, headers = await agent.head()
        assert (status, headers["content-type"]) == (200, "text/event-stream")
        await agent.reader.readuntil(b"A person is asked")


async def answer(agent: Agent) -> bytes:
    """The rest of its stream."""
    async with asyncio.timeout(30):
        return await agent.reader.readuntil(b"\r\n0\r\n\r\n")


async def latencies(agent: Agent, calls: int) -> list[float]:
    """Milliseconds of so many calls, one after the other."""
    found: list[float] = []
    for number in range(calls):
        began = time.perf_counter()
        await agent.ask(echo(str(number)))
        assert (await agent.reply()).status == 200
        found.append((time.perf_counter() - began) * 1000)
    return found


def quantile(values: list[float], percent: int) -> float:
    return sorted(values)[len(values) * percent // 100]
