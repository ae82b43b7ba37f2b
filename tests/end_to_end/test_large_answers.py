"""Answers of many MiB through every door: unbroken, held once while their agent takes its time, and
let go of with it. The caps.

The figures in docs/performance.md are what `-s` shows.
"""

import asyncio
import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import HelioFactory
from end_to_end.crowds import MIB, descriptors, opened, resident, running_server, until
from end_to_end.test_faults import faults, wait
from end_to_end.test_stdio import SERVER, Stdio
from processes import LOOPBACK, HelioProcess
from transport.house import head, tool_call

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

LARGE = 40 * MIB
WAYS = ("json", "events", "sse")
"""An answer as JSON or as an event stream at the HTTP door, and one at the SSE door."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with running_server(tmp_path / "server.log") as (_, url):
        yield url


def big(size: int, *, stream: bool = False) -> bytes:
    """A call that is answered with a text of this size."""
    return tool_call("5", "big", json.dumps({"size": size, "stream": stream}))


def outcomes(directory: Path) -> int:
    """How many calls' outcomes the journal holds."""
    return sum(path.read_bytes().count(b'"kind":"outcome"') for path in directory.rglob("*.jsonl"))


class Slow:
    """An agent that asks for a large answer and takes nothing of it."""

    def __init__(self, process: HelioProcess) -> None:
        self._process = process
        self.sockets: list[socket.socket] = []

    async def ask(self, size: int, way: str) -> None:
        """Asks for a text of this size."""
        path = "/mcp"
        if way == "sse":
            stream = await self._connect()
            stream.sendall(head("GET", None, "accept: text/event-stream\r\n", "/sse"))
            said = b""
            while not said.partition(b"data: ")[2].endswith(b"\n\n\r\n"):
                said += await asyncio.to_thread(stream.recv, 4096)
            path = said.partition(b"data: ")[2].decode().strip()
        body = big(size, stream=way == "events")
        (await self._connect()).sendall(head("POST", len(body), path=path) + body)

    async def _connect(self) -> socket.socket:
        found = socket.socket()
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await asyncio.to_thread(found.connect, (LOOPBACK, self._process.mcp_port))
        self.sockets.append(found)
        return found

    def leave(self) -> None:
        """Goes away."""
        for each in self.sockets:
            each.close()


@pytest.mark.parametrize("way", WAYS)
async def test_an_answer_is_held_once_and_goes_with_its_agent(
    helio: HelioFactory, server: str, way: str
) -> None:
    process = helio(upstream=server)
    await until(lambda: (process.health() or {})["audit"]["index"] == "ready")
    before = (descriptors(process), resident(process.process))
    slow = Slow(process)
    await slow.ask(LARGE, way)
    await until(lambda: outcomes(process.audit_dir) == 1)
    await until(lambda: 30 < resident(process.process) - before[1] < 60)
    print(f"{way}: 40 MiB held as {resident(process.process) - before[1]:.0f} MiB")
    slow.leave()
    await until(lambda: resident(process.process) - before[1] < 15)
    await until(lambda: descriptors(process) <= before[0] + 3)
    assert process.stop() == 0
    assert faults(process) == []


def test_standard_output_holds_an_answer_once(tmp_path: Path) -> None:
    started = Stdio(tmp_path, ["--", sys.executable, "-c", SERVER]).open()
    try:
        before = resident(started.process)
        started.call(1, size=LARGE)
        wait("the outcome", lambda: outcomes(tmp_path) == 1)
        wait("one copy", lambda: 30 < resident(started.process) - before < 60)
        print(f"stdio: 40 MiB held as {resident(started.process) - before:.0f} MiB")
        text = started.hear()["result"]["content"][0]["text"]
        assert text == "None" + "y" * LARGE
    finally:
        started.close()


@pytest.mark.parametrize("stream", [False, True], ids=["json", "events"])
async def test_ten_mebibytes_pass_unbroken(helio: HelioFactory, server: str, stream: bool) -> None:
    process = helio(upstream=server)
    agent, session = await opened(process.mcp_port)
    await agent.ask(big(10 * MIB, stream=stream), headers=session)
    reply = await agent.reply()
    (message,) = reply.events or [reply.message]
    assert message["result"]["content"][0]["text"] == "x" * (10 * MIB)
    agent.leave()
