"""Agents by the thousand, on bare sockets, and what a process takes for them."""

import asyncio
import json
import os
import resource
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from end_to_end import roomy
from processes import HelioProcess, end_process
from transport.house import Agent, head, message, tool_call

MIB = 1024 * 1024
AT_ONCE = 32
"""Agents that do something at the same time."""
OPENING = (
    '{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"one","version":"1"}}'
)
Found = TypeVar("Found")


@contextmanager
def running_server(log: Path, port: int = 0) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """`roomy` as a process, and its URL."""
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, roomy.__file__, str(port)], stdout=subprocess.PIPE, stderr=errors
        )
    assert process.stdout is not None
    with process.stdout as output:
        url = output.readline().decode().strip()
    try:
        assert url, log.read_text()
        yield process, url
    finally:
        end_process(process)


@contextmanager
def descriptors_limited(soft: int) -> Iterator[None]:
    """How many descriptors this process, and each that it starts meanwhile, may have."""
    before, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, hard))


def resident(process: subprocess.Popen[bytes] | None) -> float:
    """MiB that the process holds."""
    assert process is not None
    status = Path(f"/proc/{process.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


def descriptors(process: HelioProcess) -> int:
    """How many descriptors the process has."""
    assert process.process is not None
    return len(os.listdir(f"/proc/{process.process.pid}/fd"))  # noqa: PTH208 - they come and go


def counted(upstream: str) -> Any:
    """What the server counts."""
    with urllib.request.urlopen(upstream.replace("/mcp", "/count"), timeout=5) as answer:
        return json.load(answer)


async def connected(port: int) -> Agent:
    """A connection."""
    return Agent(*await asyncio.open_connection("127.0.0.1", port, limit=MIB))


async def opened(port: int) -> tuple[Agent, str]:
    """An agent with a session, and the header that names it."""
    agent = await connected(port)
    await agent.ask(message("initialize", "0", OPENING))
    reply = await agent.reply()
    session = f"mcp-session-id: {reply.headers['mcp-session-id']}\r\n"
    session += "mcp-protocol-version: 2025-11-25\r\n"
    await agent.ask(message("notifications/initialized", None), headers=session)
    assert (await agent.reply()).status == 202
    return agent, session


async def standing(port: int, session: str = "", path: str = "/mcp") -> Agent:
    """An agent that holds a standing stream."""
    agent = await connected(port)
    await agent.send(head("GET", None, "accept: text/event-stream\r\n" + session, path))
    status, _ = await agent.head()
    assert status == 200
    return agent


def echo(text: str) -> bytes:
    """A call that is answered with this text."""
    return tool_call("7", "echo", json.dumps({"text": text}))


async def of_all(tasks: Iterable[Callable[[], Awaitable[Found]]]) -> list[Found]:
    """What they all give, a few of them at a time."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(task: Callable[[], Awaitable[Found]]) -> Found:
        async with room:
            return await task()

    return await asyncio.gather(*[one(task) for task in tasks])


@asynccontextmanager
async def left_at_the_end(agents: list[Agent]) -> AsyncIterator[None]:
    """Has the agents leave at the end, whatever happens."""
    try:
        yield
    finally:
        for agent in agents:
            agent.leave()


async def until(holds: Callable[[], bool], within: float = 15.0) -> None:
    """Waits until it holds."""
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110 - another process has no event for it
            await asyncio.sleep(0.05)
