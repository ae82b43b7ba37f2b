"""The standing stream of a legacy session, from `subscriptions/listen` of a 2026-07-28 upstream.

Above: `helio.upstream.bridge.legacy_agent`. Below: the upstream's port.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Sequence
from typing import Final

import orjson

from helio.errors import UpstreamFailed
from helio.evaluator import inspect_answer, parse_message
from helio.protocol.headers import Header
from helio.upstream.bridge.agent_session import AgentSession
from helio.upstream.made import StreamResponse
from helio.upstream.messages import events, is_event_stream
from helio.upstream.port import Port, Response

logger = logging.getLogger(__name__)

OPEN_SECONDS: Final = 30.0
LEAST_PAUSE: Final = 0.25
MOST_PAUSE: Final = 30.0

_ACKNOWLEDGED: Final = "notifications/subscriptions/acknowledged"


class StandingStream:
    """One standing stream, opened with `open`; it follows what the session subscribes to."""

    def __init__(self, port: Port, session: AgentSession, headers: Sequence[Header]) -> None:
        self._port = port
        self._session = session
        self._headers = headers
        self._task: asyncio.Task[None] | None = None
        self.stream = StreamResponse(timeout=None, on_close=self._left)

    async def open(self) -> bool:
        """Whether the upstream has such a stream. Raises `UpstreamFailed`."""
        self._session.standing = True
        try:
            first = await self._listen()
        except BaseException:
            self._session.standing = False
            raise
        if first is None:
            self._session.standing = False
            return False
        self._task = asyncio.create_task(self._relay(first))
        self._task.add_done_callback(self._over)
        return True

    def _left(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _over(self, task: asyncio.Task[None]) -> None:
        self._session.standing = False
        self.stream.end()

    async def _listen(self) -> Response | None:
        """The upstream's stream for all that the session wants to hear; None without one."""
        self._session.subscriptions_changed.clear()
        wanted: dict[str, object] = {
            "toolsListChanged": True,
            "promptsListChanged": True,
            "resourcesListChanged": True,
        }
        if self._session.uris:
            wanted["resourceSubscriptions"] = [orjson.Fragment(uri) for uri in self._session.uris]
        request = {
            "jsonrpc": "2.0",
            "id": f"helio-{secrets.token_urlsafe(16)}",
            "method": "subscriptions/listen",
            "params": {"notifications": wanted},
        }
        message = parse_message(orjson.dumps(request))
        headers, body = self._session.request(message, self._headers)
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                response = await self._port.send("POST", headers, body, timeout=None)
        except TimeoutError:
            detail = f"no stream from the upstream within {OPEN_SECONDS} s"
            raise UpstreamFailed("timeout", sent=True, detail=detail) from None
        if is_event_stream(response):
            return response
        response.close()
        return None

    async def _relay(self, first: Response) -> None:
        """Relays one stream after the other until the agent or the session leaves."""
        current: Response | None = first
        pause = LEAST_PAUSE
        while not self._session.ended and not self.stream.closed:
            if current is not None:
                relayed = await self._follow(current)
                pause = LEAST_PAUSE if relayed else pause
            if self._session.subscriptions_changed.is_set():
                pause = LEAST_PAUSE
            else:
                await asyncio.sleep(pause)
                pause = min(2 * pause, MOST_PAUSE)
            current = None
            try:
                current = None if self._session.ended else await self._listen()
            except UpstreamFailed as failure:
                logger.info("a standing stream could not be opened again: %s", failure)

    async def _follow(self, response: Response) -> bool:
        """Relays one stream until it ends, or something else is to be heard; whether anything
        came."""
        relaying = asyncio.create_task(self._relay_one(response))
        changed = asyncio.create_task(self._session.subscriptions_changed.wait())
        try:
            await asyncio.wait({relaying, changed}, return_when=asyncio.FIRST_COMPLETED)
            return relaying.result() if relaying.done() else True
        finally:
            for task in (relaying, changed):
                task.cancel()
            await asyncio.gather(relaying, changed, return_exceptions=True)
            response.close()

    async def _relay_one(self, response: Response) -> bool:
        relayed = False
        try:
            async with contextlib.aclosing(events(response)) as received:
                async for event in received:
                    message = inspect_answer(event.data) if event.data else None
                    if message is None or message.kind != "notification":
                        continue
                    relayed = True
                    if message.method != _ACKNOWLEDGED:
                        self.stream.put(message.body)
                        await self.stream.room()
        except UpstreamFailed as failure:
            logger.info("a standing stream broke: %s", failure)
        return relayed
