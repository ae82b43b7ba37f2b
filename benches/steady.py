"""Calls at a steady pace, from a process of its own, until its stdin ends.

    python benches/steady.py PORT CALLS_A_SECOND

Several agents' sessions at `/mcp` of that port of this machine. One call in ten is denied by the
policy of `dashboard.py`, one in 400 waits for a person. At the end it prints one line of JSON:
`{"calls", "seconds", "p50_ms", "p99_ms"}`. An answer that is none ends it with a failure.
"""

import asyncio
import json
import random
import sys
import time

import aiohttp

from helio.bench.figures import Latency
from helio.bench.serving import end_of_input

CONNECTIONS = 16
REVISION = "2025-11-25"


def message(number: int, chance: random.Random) -> dict[str, object]:
    """One call."""
    name = f"tool_{chance.randrange(40)}"
    if number % 10 == 0:
        name = "delete_order"
    if number % 400 == 1:
        name = "close_account"
    arguments = {"amount": chance.randrange(1, 9000) / 100, "order": number}
    params = {"name": name, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


class Agents:
    """What calls, and how long each took."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url
        self._chance = random.Random(11)
        self.taken: list[int] = []

    async def call(self, number: int) -> None:
        """One call. Raises `RuntimeError` for an answer that is none."""
        headers = {
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": REVISION,
            "mcp-session-id": f"session-{number % 50}",
        }
        begun = time.perf_counter_ns()
        body = message(number, self._chance)
        async with self._session.post(self._url, json=body, headers=headers) as response:
            answer = await response.read()
        if response.status != 200 or b'"result"' not in answer:
            raise RuntimeError(f"{response.status}: {answer[:500]!r}")
        self.taken.append(time.perf_counter_ns() - begun)


async def drive(port: int, rate: float) -> None:
    """Calls until stdin ends: each when it is due, whatever became of those before."""
    ending = asyncio.create_task(end_of_input())
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as calls:
        agents = Agents(session, f"http://127.0.0.1:{port}/mcp")
        begun = time.perf_counter()
        number = 0
        while not ending.done():
            number += 1
            calls.create_task(agents.call(number))
            await asyncio.sleep(max(0.0, begun + number / rate - time.perf_counter()))
    seconds = time.perf_counter() - begun
    latency = Latency.of(agents.taken)
    told = {"p50_ms": round(latency.p50_ms, 2), "p99_ms": round(latency.p99_ms, 2)}
    print(json.dumps({"calls": len(agents.taken), "seconds": round(seconds, 1), **told}))


if __name__ == "__main__":
    asyncio.run(drive(int(sys.argv[1]), float(sys.argv[2])))
