"""One agent's event stream at the SSE door: messages in by POST, messages out as events.

Above: `helio.transport.sse_door`. Below: `helio.transport.channel`, aiohttp.
"""

import asyncio
import logging
import secrets
from collections.abc import Sequence
from typing import Final

from aiohttp.web import BaseRequest, StreamResponse

from helio.protocol.headers import Header
from helio.protocol.media import EVENT_STREAM
from helio.protocol.sse import encode_event
from helio.transport.channel import AgentChannel, Receives
from helio.transport.http import PIECE, STALLED_SECONDS, forget_trace

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS: Final = 15.0
"""How long a stream may be silent before a comment is sent, so that nothing on the way closes
it."""
HEARTBEAT: Final = b": keep-alive\n\n"
BUFFER_LIMIT: Final = 1024 * 1024
"""Bytes that wait for a slow agent before whoever sends them has to."""
PARTING_SECONDS: Final = 1.0
"""How long an agent may take for the rest when Helio ends its stream."""
WAITING_MESSAGES: Final = 32
"""Messages of an agent that may wait until those before them are taken."""
PATIENCE_SECONDS: Final = 30.0
"""How long one more may wait for its place among them."""


class SseSession:
    """One stream, from `serve` to `close`.

    `agent` is who it proved to be; only that one may `put` messages, which the door sees to.
    `ended` is done when the stream has ended.
    """

    def __init__(
        self,
        request: BaseRequest,
        reception: Receives,
        target: str | None,
        agent: str | None,
        headers: Sequence[Header],
    ) -> None:
        self.identifier = secrets.token_urlsafe(32)
        self.target = target
        self.agent = agent
        self.response = StreamResponse(
            headers={
                "content-type": EVENT_STREAM,
                "cache-control": "no-cache",
                "x-accel-buffering": "no",
            }
        )
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request = request
        self._channel = AgentChannel(reception, target, self._send, agent=agent, headers=headers)
        self._inbox: asyncio.Queue[tuple[bytes, Sequence[Header]]] = asyncio.Queue(WAITING_MESSAGES)
        self._taking: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()
        self._quiet_since = 0.0
        self._leaving = asyncio.Event()

    def leave(self) -> None:
        """Ends the stream: the agent is gone, or Helio wants to go."""
        self._leaving.set()

    async def serve(self, endpoint: str) -> None:
        """Serves the stream until it ends; `endpoint` is where the agent sends its messages."""
        try:
            await self.response.prepare(self._request)
            if self._request.transport is not None:
                self._request.transport.set_write_buffer_limits(high=BUFFER_LIMIT)
            await self._write(encode_event(endpoint.encode(), event=b"endpoint"))
            self._taking = asyncio.ensure_future(self._take())
            await self._stay()
            await self._end()
        except ConnectionError:
            logger.debug("an agent left its event stream")
        finally:
            self.leave()
            self.ended.set_result(None)

    async def put(self, body: bytes, headers: Sequence[Header]) -> bool:
        """Takes a message; False when too many wait for too long."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._inbox.put((body, headers))
        except TimeoutError:
            return False
        return True

    async def close(self, seconds: float) -> None:
        """What is to be done after the stream: calls under way may take `seconds` more to come to
        their outcome, and the upstream's session ends."""
        if self._taking is not None:
            self._taking.cancel()
            await asyncio.wait({self._taking})
        await self._channel.close(seconds)

    async def _take(self) -> None:
        """Hands on the agent's messages, in order."""
        while True:
            body, headers = await self._inbox.get()
            await self._channel.take(body, headers)

    async def _stay(self) -> None:
        """Keeps the stream alive until it is to end."""
        while not await self._leaves_until(self._quiet_since + HEARTBEAT_SECONDS):
            if self._writing.locked():
                # A message is on its way, however slowly; `_write` sees to that.
                self._quiet_since = asyncio.get_running_loop().time()
            elif asyncio.get_running_loop().time() >= self._quiet_since + HEARTBEAT_SECONDS:
                async with self._writing:
                    await self._write(HEARTBEAT)

    async def _leaves_until(self, moment: float) -> bool:
        try:
            async with asyncio.timeout_at(moment):
                await self._leaving.wait()
        except TimeoutError:
            return False
        return True

    async def _end(self) -> None:
        """Ends the answer as a whole one, if the agent is there to take it."""
        transport = self._request.transport
        if transport is None or transport.is_closing():
            return
        try:
            async with asyncio.timeout(PARTING_SECONDS), self._writing:
                await self.response.write_eof()
        except TimeoutError:
            transport.abort()

    async def _send(self, message: bytes) -> None:
        """One message, on one line, as an event."""
        async with self._writing:
            if self._leaving.is_set():
                return
            try:
                if len(message) <= PIECE:
                    await self._write(b"event: message\ndata: " + message + b"\n\n")
                    return
                await self._write(b"event: message\ndata: ")
                view = memoryview(message)
                for start in range(0, len(message), PIECE):
                    await self._write(view[start : start + PIECE])
                await self._write(b"\n\n")
            except ConnectionError as error:
                forget_trace(error)
                self.leave()

    async def _write(self, data: bytes | memoryview) -> None:
        try:
            async with asyncio.timeout(STALLED_SECONDS):
                await self.response.write(data)
        except TimeoutError:
            logger.warning("an agent took nothing for %s s; it is hung up on", STALLED_SECONDS)
            if self._request.transport is not None:
                self._request.transport.abort()
            raise ConnectionResetError("the agent takes nothing") from None
        self._quiet_since = asyncio.get_running_loop().time()
