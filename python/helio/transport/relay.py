"""Relaying an upstream's answer to the agent as it comes.

Above: `helio.transport.reception`, `helio.transport.exchange`. Below: `helio.upstream` (the
response), `helio.protocol` (which headers come back).
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from typing import Any

from helio.errors import UpstreamFailed
from helio.protocol.headers import Header, answer_headers
from helio.transport.inbound import Downstream, Whole
from helio.upstream.port import Response
from helio.upstream.registry import Upstream

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 15.0
"""How long a stream may be silent before a comment is sent, so that nothing on the way closes
it."""
FINISH_SECONDS = 1.0
"""How long an upstream may take to end a stream that it has answered on."""
HEARTBEAT = b": keep-alive\n\n"
TOOLS_CHANGED = b"notifications/tools/list_changed"


def headers_down(response: Response, *, stream: bool, is_modern: bool) -> list[Header]:
    """The upstream's headers that the agent gets; event streams ask buffering proxies not to."""
    headers = answer_headers(response.headers, modern=is_modern)
    if stream:
        names = {name for name, _ in headers}
        extra = ((b"x-accel-buffering", b"no"), (b"cache-control", b"no-cache"))
        headers += [header for header in extra if header[0] not in names]
    return headers


def is_event_stream(response: Response) -> bool:
    """Whether the answer is `text/event-stream`, by the essence of its media type."""
    value = response.header(b"content-type") or b""
    return value.partition(b";")[0].strip().lower() == b"text/event-stream"


async def relay_stream(
    downstream: Downstream, upstream: Response, on_tools_changed: Callable[[], None]
) -> None:
    """Passes a stream through, byte for byte, until the upstream ends it.

    When it breaks, the agent's connection is closed as abruptly. A cancellation closes the
    upstream's side only, between two pieces.
    """
    tail = b""
    try:
        await downstream.write(b"")
        async with contextlib.aclosing(_with_heartbeats(upstream.chunks())) as chunks:
            async for chunk in chunks:
                if TOOLS_CHANGED in tail + chunk:
                    on_tools_changed()
                    tail = b""
                else:
                    tail = (tail + chunk)[-len(TOOLS_CHANGED) :]
                await downstream.write(chunk)
    except UpstreamFailed as failure:
        logger.info("an upstream's stream broke: %s", failure)
        downstream.hang_up()
    finally:
        upstream.close()


async def relay_whole(upstream: Response, limit: int, *, is_modern: bool = False) -> Whole:
    """Reads an answer that is no stream, and gives it on as it is."""
    body = await upstream.read(limit)
    return Whole(upstream.status, headers_down(upstream, stream=False, is_modern=is_modern), body)


def finish_in_background(upstream: Response, chunks: AsyncGenerator[bytes]) -> None:
    """Reads what is left of an answered stream, so that its connection serves again.

    Servers end the stream after the answer; one that does not within `FINISH_SECONDS` is hung up
    on.
    """
    in_background(_finish(upstream, chunks))


def tell_in_background(upstream: Upstream, headers: Sequence[Header], body: bytes) -> None:
    """Sends a notification of Helio's own, and waits for its receipt where nobody else waits."""
    in_background(_tell(upstream, headers, body))


def in_background(work: Coroutine[Any, Any, None]) -> None:
    """Has something done that nobody waits for, and that comes to an end on its own."""
    task = asyncio.ensure_future(work)
    _under_way.add(task)
    task.add_done_callback(_under_way.discard)


_under_way: set[asyncio.Task[None]] = set()
"""The loop keeps only weak references to tasks."""


async def _tell(upstream: Upstream, headers: Sequence[Header], body: bytes) -> None:
    try:
        async with asyncio.timeout(FINISH_SECONDS):
            response = await upstream.send("POST", headers, body, timeout=FINISH_SECONDS)
            response.close()
    except (TimeoutError, UpstreamFailed) as failure:
        logger.debug("an upstream was not told that a request was given up: %r", failure)


async def _finish(upstream: Response, chunks: AsyncGenerator[bytes]) -> None:
    try:
        async with asyncio.timeout(FINISH_SECONDS):
            async for _ in chunks:
                pass
    except (TimeoutError, UpstreamFailed):
        logger.debug("an upstream kept its stream open after the answer")
    finally:
        upstream.close()


async def _with_heartbeats(chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The chunks, and a comment whenever none came for `HEARTBEAT_SECONDS`.

    A comment is only sent where an event ended, so that it cannot break one in two.
    """
    upcoming = asyncio.ensure_future(anext(chunks, None))
    between_events = True
    try:
        while True:
            done, _ = await asyncio.wait({upcoming}, timeout=HEARTBEAT_SECONDS)
            if done:
                chunk = upcoming.result()
                if chunk is None:
                    return
                between_events = chunk.endswith((b"\n\n", b"\r\r", b"\r\n\r\n"))
                yield chunk
                upcoming = asyncio.ensure_future(anext(chunks, None))
            elif between_events:
                yield HEARTBEAT
    finally:
        if not upcoming.done():
            upcoming.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await upcoming
