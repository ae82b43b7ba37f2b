"""Answers that are made here, not read from HTTP: what ports that speak otherwise answer with.

Above: the ports (`helio.upstream.port`). Below: `helio.protocol`. Both classes are
`helio.upstream.port.Response`s.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Final

from helio.errors import UpstreamFailed
from helio.protocol.headers import Header
from helio.protocol.media import EVENT_STREAM, JSON
from helio.protocol.sse import encode_event

BUFFER_LIMIT: Final = 1024 * 1024
"""Bytes that a stream holds for a reader before whoever fills it has to wait."""


def find(headers: Sequence[Header], name: bytes) -> bytes | None:
    """The first header of this name (in lower case), None without one."""
    for key, value in headers:
        if key == name:
            return value
    return None


class WholeResponse:
    """An answer that is there as a whole."""

    complete = True

    def __init__(self, status: int, body: bytes = b"", headers: Sequence[Header] = ()) -> None:
        self.status = status
        self.headers: tuple[Header, ...] = tuple(headers)
        if body and self.header(b"content-type") is None:
            self.headers += ((b"content-type", JSON.encode()),)
        self._body = body

    def header(self, name: bytes) -> bytes | None:
        """See `helio.upstream.port.Response`."""
        return find(self.headers, name)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """See `helio.upstream.port.Response`."""
        body, self._body = self._body, b""
        if body:
            yield body

    async def read(self, limit: int) -> bytes:
        """See `helio.upstream.port.Response`."""
        if len(self._body) > limit:
            raise UpstreamFailed("too_large", sent=True, detail=f"an answer over {limit} bytes")
        body, self._body = self._body, b""
        return body

    def allow_silence(self, timeout: float | None) -> None:
        """Nothing more will come."""

    def close(self) -> None:
        """Nothing is kept."""


class StreamResponse:
    """An event stream that somebody fills with messages while another reads it.

    `on_close` is called once when the reader leaves before `end` or `fail`. `timeout` as
    `helio.upstream.port.Port.send` has it; filling it restarts it.
    """

    status = 200

    def __init__(
        self,
        *,
        timeout: float | None,
        headers: Sequence[Header] = (),
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self.headers: tuple[Header, ...] = (
            (b"content-type", EVENT_STREAM.encode()),
            *headers,
        )
        self._timeout = timeout
        self._on_close = on_close
        self._pieces: deque[bytes] = deque()
        self._buffered = 0
        self._ended = False
        self._failure: UpstreamFailed | None = None
        self._closed = False
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    @property
    def complete(self) -> bool:
        """See `helio.upstream.port.Response`."""
        return self._ended

    @property
    def closed(self) -> bool:
        """Whether the reader has left: what is put is dropped."""
        return self._closed

    @property
    def full(self) -> bool:
        """Whether `BUFFER_LIMIT` is reached: `room` waits until the reader took something."""
        return self._buffered >= BUFFER_LIMIT

    def put(self, message: bytes) -> None:
        """Adds one JSON-RPC message as an event."""
        if self._closed or self._ended or self._failure is not None:
            return
        event = encode_event(message, event=b"message")
        self._pieces.append(event)
        self._buffered += len(event)
        if self.full:
            self._room.clear()
        self._changed.set()

    async def begun(self) -> None:
        """Waits until there is something to be read, or nothing will be."""
        await self._changed.wait()

    async def room(self) -> None:
        """Waits until the stream is not full, or nobody reads it any more."""
        await self._room.wait()

    def end(self) -> None:
        """Nothing more will be put."""
        self._ended = True
        self._changed.set()

    def fail(self, failure: UpstreamFailed) -> None:
        """Nothing more can come: after what is buffered the reader gets `failure`."""
        if not self._ended:
            self._failure = failure
            self._changed.set()

    def header(self, name: bytes) -> bytes | None:
        """See `helio.upstream.port.Response`."""
        return find(self.headers, name)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """See `helio.upstream.port.Response`."""
        try:
            while True:
                while self._pieces:
                    piece = self._pieces.popleft()
                    self._buffered -= len(piece)
                    if not self.full:
                        self._room.set()
                    yield piece
                if self._ended:
                    return
                if self._failure is not None:
                    raise self._failure
                await self._wait()
        finally:
            self.close()

    async def read(self, limit: int) -> bytes:
        """See `helio.upstream.port.Response`."""
        pieces: list[bytes] = []
        size = 0
        async for piece in self.chunks():
            size += len(piece)
            if size > limit:
                raise UpstreamFailed("too_large", sent=True, detail=f"an answer over {limit} bytes")
            pieces.append(piece)
        return b"".join(pieces)

    def allow_silence(self, timeout: float | None) -> None:
        """See `helio.upstream.port.Response`."""
        self._timeout = timeout
        self._changed.set()

    def close(self) -> None:
        """See `helio.upstream.port.Response`."""
        if self._closed:
            return
        self._closed = True
        self._pieces.clear()
        self._buffered = 0
        self._room.set()
        if self._on_close is not None and not self._ended and self._failure is None:
            self._on_close()

    async def _wait(self) -> None:
        self._changed.clear()
        silence = self._timeout
        try:
            async with asyncio.timeout(silence):
                await self._changed.wait()
        except TimeoutError:
            detail = f"nothing from the upstream within {silence} s"
            raise UpstreamFailed("timeout", sent=True, detail=detail) from None
