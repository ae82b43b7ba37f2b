"""A server that is stopped and started again on its port, and a client that keeps its session."""

import asyncio
import socket
import time
from typing import Any

import pytest
import uvicorn
from mcp.shared.exceptions import MCPError

from helio.upstream.eras import Eras
from helio.upstream.sessions import ReopenedSessions
from upstream.bridge.agent import LEGACY, connected
from upstream.bridge.everything import LOOPBACK, Everything, http, in_front_of

WITHIN = 2.0
"""Seconds until a session works again once the upstream is back."""


class Restarted:
    """A server of one port that can be stopped and started."""

    def __init__(self) -> None:
        with socket.create_server((LOOPBACK, 0)) as probe:
            self._port = int(probe.getsockname()[1])
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[Any] | None = None

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self._port}/mcp"

    async def start(self) -> None:
        application = Everything().server.streamable_http_app(host=LOOPBACK)
        self._server = uvicorn.Server(
            uvicorn.Config(
                application,
                host=LOOPBACK,
                port=self._port,
                log_level="critical",
                timeout_graceful_shutdown=0,
            )
        )
        self._serving = asyncio.create_task(self._server.serve())
        while not self._server.started:  # noqa: ASYNC110 - it tells in no other way
            await asyncio.sleep(0)

    async def stop(self) -> None:
        assert self._server is not None
        assert self._serving is not None
        self._server.should_exit = True
        await self._serving


@pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")
async def test_a_session_works_soon_after_the_upstream_is_back() -> None:
    server = Restarted()
    await server.start()
    port = Eras(ReopenedSessions(http(server.url)))
    async with in_front_of(port) as url, connected(url, LEGACY) as agent, asyncio.timeout(30):
        assert (await agent.call("echo", {"text": "before"})).content[0].text == "before"
        await server.stop()
        await server.start()
        back = time.monotonic()
        listed = await agent.client.list_tools()
        assert time.monotonic() - back < WITHIN
        assert listed.tools
        assert (await agent.call("echo", {"text": "after"})).content[0].text == "after"
        await server.stop()
        await server.start()
        lost = await agent.call("echo", {"text": "lost"})
        assert isinstance(lost, MCPError), "a call is not sent twice"
        assert (await agent.call("echo", {"text": "again"})).content[0].text == "again"
    await server.stop()
