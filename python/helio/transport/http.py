"""The agent behind one HTTP request: its answers as aiohttp gives them.

Above: `helio.transport.door`. Below: `helio.transport.inbound`, aiohttp.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from aiohttp.web import BaseRequest, Response, StreamResponse
from multidict import CIMultiDict

from helio.protocol.headers import Header
from helio.transport.inbound import Reply, Whole
from helio.transport.listener import Partings
from helio.transport.plain import PlainResponse, is_plain

logger = logging.getLogger(__name__)

STALLED_SECONDS = 30.0
"""How long an agent may take nothing of what it is sent before it counts as gone."""
PIECE = 256 * 1024
"""Bytes that are handed to a connection at once: the rest waits where it is, and is not held a
second time."""


class HttpDownstream:
    """One streamed answer to an agent, which may go away at any time without harm to the upstream
    side. One that takes nothing for `STALLED_SECONDS` is hung up on.
    """

    def __init__(
        self,
        request: BaseRequest,
        status: int,
        headers: Sequence[Header],
        length: int | None = None,
    ) -> None:
        """`length` in bytes, where it is known."""
        self.response = StreamResponse(status=status, headers=_text(headers))
        self.response.content_length = length
        self._request = request
        self.gone = False

    async def write(self, data: bytes) -> None:
        """See `helio.transport.inbound.Downstream`."""
        if len(data) <= PIECE:
            await self._write(data)
            return
        view = memoryview(data)
        for start in range(0, len(data), PIECE):
            await self._write(view[start : start + PIECE])

    async def _write(self, data: bytes | memoryview) -> None:
        if self.gone:
            return
        try:
            async with asyncio.timeout(STALLED_SECONDS):
                if not self.response.prepared:
                    await self.response.prepare(self._request)
                if data:
                    await self.response.write(data)
        except TimeoutError:
            logger.warning("an agent took nothing for %s s; it is hung up on", STALLED_SECONDS)
            self.hang_up()
        except ConnectionError as error:
            self._lost(error)

    def _lost(self, error: ConnectionError) -> None:
        self.gone = True
        forget_trace(error)

    async def end(self) -> None:
        """See `helio.transport.inbound.Downstream`."""
        await self.write(b"")
        if self.gone:
            return
        try:
            await self.response.write_eof()
        except ConnectionError as error:
            self._lost(error)

    async def end_early(self) -> None:
        """See `helio.transport.inbound.EarlyEnding`."""
        await self.end()
        self.gone = True
        # While this request is not done with, aiohttp reads no other one from its connection.
        if self._request.transport is not None:
            self._request.transport.close()

    def hang_up(self) -> None:
        """See `helio.transport.inbound.Downstream`."""
        self.gone = True
        if self._request.transport is not None:
            self._request.transport.abort()


class HttpCaller:
    """The `helio.transport.inbound.Caller` of one HTTP request."""

    channel: str | None = None
    gave_up = False

    def __init__(self, request: BaseRequest, agent: str | None, partings: Partings) -> None:
        self.agent = agent
        self._request = request
        self._partings = partings

    def open_stream(self, status: int, headers: Sequence[Header]) -> HttpDownstream:
        """See `helio.transport.inbound.Caller`."""
        return HttpDownstream(self._request, status, headers)

    def on_gone(self, then: Callable[[], None] | None) -> None:
        """See `helio.transport.inbound.Caller`."""
        if then is None:
            self._partings.pop(self._request.protocol, None)
        elif self._request.transport is None:
            then()
        else:
            self._partings[self._request.protocol] = then


def forget_trace(error: ConnectionError) -> None:
    """Has an error of a lost connection lead nowhere any more. aiohttp keeps it with the request,
    in a circle: the answer, to which its traceback leads, would wait for the garbage collector.
    """
    error.__traceback__ = None


async def respond(reply: Reply, request: BaseRequest) -> StreamResponse:
    """What aiohttp is told to answer. A stream has been written already; so has a large answer in
    one piece, because of which an agent that takes its time is waited for here.
    """
    if isinstance(reply, Whole):
        if is_plain(request, reply):
            return PlainResponse(reply)
        if len(reply.body) <= PIECE:
            body = reply.body or None
            return Response(status=reply.status, headers=_text(reply.headers), body=body)
        downstream = HttpDownstream(request, reply.status, reply.headers, len(reply.body))
        await downstream.write(reply.body)
        await downstream.end()
        return downstream.response
    if not isinstance(reply, HttpDownstream):
        raise TypeError("a stream that HTTP did not open")
    return reply.response


def _text(headers: Sequence[Header]) -> CIMultiDict[str]:
    return CIMultiDict((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)
