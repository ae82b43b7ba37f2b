"""Servers and clients for the tests of the upstream room, and a watch over what leaks."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import uvloop

from certificates import self_signed
from helio.upstream.child import StdioUpstream
from helio.upstream.http import HttpUpstream
from upstream.peers import Connect, Handler, Peer, Serve
from upstream.programs import SERVER, Program

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, LoopFactory]:
    """Every test here runs on both event loops: they differ just where a client is delicate."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def nothing_leaks() -> AsyncIterator[None]:
    """No test may leave a task or a connection behind."""
    tasks, descriptors = asyncio.all_tasks(), _descriptors()
    yield
    for _ in range(200):
        left = {task for task in asyncio.all_tasks() - tasks if task is not asyncio.current_task()}
        if not left and _descriptors() <= descriptors:
            return
        await asyncio.sleep(0)
    raise AssertionError(f"left behind: {left} and descriptors {_descriptors() - descriptors}")


def _descriptors() -> set[tuple[int, str]]:
    """The open TCP sockets; loops have sockets of other kinds for themselves."""
    found = set()
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names of links that come and go
        with suppress(OSError):
            target = str(Path(f"/proc/self/fd/{name}").readlink())
            if target.startswith("socket:"):
                with socket.socket(fileno=os.dup(int(name))) as same:
                    if same.family in (socket.AF_INET, socket.AF_INET6):
                        found.add((int(name), target))
    return found


@pytest.fixture
async def serve(nothing_leaks: None) -> AsyncIterator[Serve]:
    """Starts a server: `await serve(handler, host=…, tls=…)` gives a `Peer`."""
    peers: list[Peer] = []

    async def start(handler: Handler, **options: object) -> Peer:
        peer = await Peer(handler, **options).start()  # type: ignore[arg-type]
        peers.append(peer)
        return peer

    yield start
    for peer in peers:
        await peer.stop()


@pytest.fixture
async def connect(serve: Serve) -> AsyncIterator[Connect]:
    """Makes a client for a URL, with short timeouts; it is closed at the end."""
    clients: list[HttpUpstream] = []

    def make(url: str, **options: object) -> HttpUpstream:
        settings: dict[str, object] = {"headers": {}, "connect_timeout": 2, "request_timeout": 5}
        client = HttpUpstream(url, **(settings | options))  # type: ignore[arg-type]
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.aclose()
        assert client.open_connections == 0


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for `localhost` and 127.0.0.1, with its key, as PEM."""
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def program(nothing_leaks: None) -> AsyncIterator[Program]:
    """The scripted server as an upstream; nothing of it may be left."""
    started: list[StdioUpstream] = []

    def start(*flags: str, **options: Any) -> StdioUpstream:
        upstream = StdioUpstream(
            sys.executable, ["-I", "-S", str(SERVER), *flags], **{"name": "scripted", **options}
        )
        started.append(upstream)
        return upstream

    yield start
    for upstream in started:
        await upstream.aclose()
        assert upstream.children == 0
