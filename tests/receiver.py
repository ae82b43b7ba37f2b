"""A receiver of webhooks: it keeps every request, and answers as it is told."""

import asyncio
import json
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

PATIENCE = 20.0
"""Seconds until something that should have come is missed."""


@dataclass(frozen=True)
class Received:
    """One request as it came, the names of its headers in small letters."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> str:
        """Its event's name."""
        return str(json.loads(self.body)["event"])

    @property
    def ticket(self) -> dict[str, Any]:
        """The ticket in it."""
        return dict(json.loads(self.body)["ticket"])


@dataclass
class Receiver:
    """Answers `always`, after what is queued in `answers`. A status of 0 hangs up instead."""

    answers: deque[tuple[int, dict[str, str]]] = field(default_factory=deque)
    always: int = 204
    tls: ssl.SSLContext | None = None
    received: list[Received] = field(default_factory=list)

    async def __aenter__(self) -> "Receiver":
        self._news = asyncio.Event()
        self._runner = web.ServerRunner(web.Server(self._receive, access_log=None))
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.tls).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def port(self) -> int:
        """Where it listens, on loopback."""
        return int(self._runner.addresses[0][1])

    @property
    def url(self) -> str:
        """Its address."""
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}/hooks/approvals"

    def events(self) -> list[str]:
        """The events that came, in their order."""
        return [each.event for each in self.received]

    async def until(self, holds: Callable[[], object]) -> None:
        """Waits until something came."""
        async with asyncio.timeout(PATIENCE):
            while not holds():
                self._news.clear()
                await self._news.wait()

    async def _receive(self, request: web.BaseRequest) -> web.Response:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.received.append(Received(request.path, headers, body))
        self._news.set()
        status, answered = self.answers.popleft() if self.answers else (self.always, {})
        if status == 0:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=status or 500, headers=answered)
