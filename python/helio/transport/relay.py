"""Relaying an upstream's answer to the agent as it comes.

Above: `helio.transport.door`, `helio.transport.exchange`. Below: `helio.upstream` (the response),
`helio.protocol` (which headers come back).
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable

from aiohttp.web import BaseRequest, Response, StreamResponse
from multidict import CIMultiDict

from helio.errors import UpstreamFailed
from helio.protocol.headers import answer_headers
from helio.upstream.response import UpstreamResponse

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 15.0
"""How long a stream may be silent before a comment is sent, so that nothing on the way closes
it."""
FINISH_SECONDS = 1.0
"""How long an upstream may take to end a stream that it has answered on."""
HEARTBEAT = b": keep-alive\n\n"
TOOLS_CHANGED = b"notifications/tools/list_changed"


def headers_down(response: UpstreamResponse, *, stream: bool) -> CIMultiDict[str]:
    """The upstream's headers that the agent gets; event streams ask buffering proxies not to."""
    headers: CIMultiDict[str] = CIMultiDict(
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in answer_headers(response.headers)
    )
    if stream:
        headers.setdefault("x-accel-buffering", "no")
        headers.setdefault("cache-control", "no-cache")
    return headers


def is_event_stream(response: UpstreamResponse) -> bool:
    """Whether the answer is `text/event-stream`, by the essence of its media type."""
    value = response.header(b"content-type") or b""
    return value.partition(b";")[0].strip().lower() == b"text/event-stream"


class Downstream:
    """One streamed answer to an agent, which may go away at any time without harm to the upstream
    side."""

    def __init__(self, request: BaseRequest, response: StreamResponse) -> None:
        self.response = response
        self._request = request
        self.gone = False

    async def write(self, data: bytes) -> None:
        """Sends `data`, with backpressure; does nothing once the agent is gone."""
        if self.gone:
            return
        try:
            if not self.response.prepared:
                await self.response.prepare(self._request)
            if data:
                await self.response.write(data)
        except ConnectionError:
            self.gone = True

    async def end(self) -> None:
        """Ends the answer."""
        if self.gone:
            return
        try:
            if not self.response.prepared:
                await self.response.prepare(self._request)
            await self.response.write_eof()
        except ConnectionError:
            self.gone = True


async def relay_stream(
    request: BaseRequest,
    upstream: UpstreamResponse,
    on_tools_changed: Callable[[], None],
    lost: asyncio.Event | None,
) -> StreamResponse:
    """Passes a stream through, byte for byte, until either side ends it.

    `lost` is set when the agent's connection is gone; None keeps the upstream's side going to its
    end without an agent (a POST of the legacy revisions, where a disconnect is not a cancel).
    """
    downstream = Downstream(
        request,
        StreamResponse(status=upstream.status, headers=headers_down(upstream, stream=True)),
    )
    tail = b""
    try:
        await downstream.write(b"")
        async with contextlib.aclosing(_with_heartbeats(upstream.chunks(), lost)) as chunks:
            async for chunk in chunks:
                if TOOLS_CHANGED in tail + chunk:
                    on_tools_changed()
                    tail = b""
                else:
                    tail = (tail + chunk)[-len(TOOLS_CHANGED) :]
                await downstream.write(chunk)
        await downstream.end()
    finally:
        upstream.close()
    return downstream.response


async def relay_whole(upstream: UpstreamResponse, limit: int) -> Response:
    """Reads an answer that is no stream, and gives it on as it is."""
    body = await upstream.read(limit)
    headers = headers_down(upstream, stream=False)
    return Response(status=upstream.status, headers=headers, body=body or None)


def finish_in_background(upstream: UpstreamResponse, chunks: AsyncGenerator[bytes]) -> None:
    """Reads what is left of an answered stream, so that its connection serves again.

    Servers end the stream after the answer; one that does not within `FINISH_SECONDS` is hung up
    on.
    """
    task = asyncio.ensure_future(_finish(upstream, chunks))
    _finishing.add(task)
    task.add_done_callback(_finishing.discard)


_finishing: set[asyncio.Task[None]] = set()
"""The loop keeps only weak references to tasks."""


async def _finish(upstream: UpstreamResponse, chunks: AsyncGenerator[bytes]) -> None:
    try:
        async with asyncio.timeout(FINISH_SECONDS):
            async for _ in chunks:
                pass
    except (TimeoutError, UpstreamFailed):
        logger.debug("an upstream kept its stream open after the answer")
    finally:
        upstream.close()


async def _with_heartbeats(
    chunks: AsyncGenerator[bytes], lost: asyncio.Event | None
) -> AsyncGenerator[bytes]:
    """The chunks, and a comment whenever none came for `HEARTBEAT_SECONDS`; ends when `lost` is
    set.

    A comment is only sent where an event ended, so that it cannot break one in two.
    """
    gone = None if lost is None else asyncio.ensure_future(lost.wait())
    upcoming = asyncio.ensure_future(anext(chunks, None))
    between_events = True
    try:
        while True:
            waiting = {upcoming} if gone is None else {upcoming, gone}
            done, _ = await asyncio.wait(
                waiting, timeout=HEARTBEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if gone is not None and gone in done:
                return
            if upcoming in done:
                chunk = upcoming.result()
                if chunk is None:
                    return
                between_events = chunk.endswith((b"\n\n", b"\r\r", b"\r\n\r\n"))
                yield chunk
                upcoming = asyncio.ensure_future(anext(chunks, None))
            elif between_events:
                yield HEARTBEAT
    finally:
        for task in (upcoming, gone):
            if task is not None and not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
