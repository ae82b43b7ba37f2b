"""From a thread that writes to somebody who reads over the network, piece by piece.

Above: `questions`. Below: aiohttp. Whoever reads slowly holds the writer back, and whoever stops
reading ends it.
"""

import asyncio
import io
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Final

from aiohttp import web

from helio.operator.faults import Refused

logger = logging.getLogger(__name__)

_PIECE: Final = 256 * 1024
_MOST_PIECES: Final = 2
"""Pieces that were written and not read yet."""
_STALLED_SECONDS: Final = 60.0
"""How long a piece may take until the network has it."""


class Pipe:
    """One answer on its way: written in a thread, read on the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(_MOST_PIECES)
        self._closed = False
        self._writer: asyncio.Future[None] | None = None

    def started(self, writer: asyncio.Future[None]) -> None:
        """Names who writes."""
        self._writer = writer
        writer.add_done_callback(self._end)

    @contextmanager
    def writing(self) -> Iterator[IO[bytes]]:
        """A file for the thread. Writing raises `BrokenPipeError` once nobody reads."""
        raw = _Raw(self._put)
        out = io.BufferedWriter(raw, _PIECE)
        try:
            yield out
            out.flush()
        finally:
            # Before its writer, so that this does not try to write the rest of what failed.
            raw.close()

    async def read(self) -> bytes:
        """The next piece, empty at the end. Raises what the writer raised."""
        assert self._writer is not None  # noqa: S101 - `started` comes first
        while True:
            if self._pieces.empty() and self._writer.done():
                self._writer.result()
                return b""
            piece = await self._pieces.get()
            if piece is not None:
                return piece

    async def close(self, interrupt: Callable[[], None]) -> None:
        """Ends the writer if it still writes, and waits for that."""
        self._closed = True
        writer = self._writer
        if writer is None or writer.done():
            return
        interrupt()
        while not writer.done():
            await self._pieces.get()
        if not isinstance(error := writer.exception(), Refused | BrokenPipeError | None):
            logger.error("an answer that nobody waits for failed", exc_info=error)

    def _put(self, piece: bytes) -> None:
        if self._closed:
            raise BrokenPipeError("nobody reads")
        asyncio.run_coroutine_threadsafe(self._pieces.put(piece), self._loop).result()

    def _end(self, _writer: asyncio.Future[None]) -> None:
        """Wakes whoever waits for a piece: there are no more than there are."""
        if self._pieces.empty():
            self._pieces.put_nowait(None)


class _Raw(io.RawIOBase):
    """What a buffered writer writes to."""

    def __init__(self, put: Callable[[bytes], None]) -> None:
        super().__init__()
        self._put = put

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, piece: object) -> int:
        """All of it at once."""
        taken = bytes(memoryview(piece))  # type: ignore[arg-type]
        self._put(taken)
        return len(taken)


async def send(
    request: web.Request, headers: dict[str, str], first: bytes, pipe: Pipe
) -> web.StreamResponse:
    """Answers with all pieces. What fails on the way breaks the connection."""
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    # Whoever asks for the head alone takes a body for the next answer.
    piece = b"" if request.method == "HEAD" else first
    try:
        while piece:
            async with asyncio.timeout(_STALLED_SECONDS):
                await response.write(piece)
            piece = await pipe.read()
    except ConnectionError:
        raise  # Whoever asked is gone.
    except (Refused, TimeoutError) as error:
        logger.warning("%s broke off: %s", request.path, error or "nobody read it")
        _break_off(request)
    except Exception:
        logger.exception("%s broke off", request.path)
        _break_off(request)
    else:
        await response.write_eof()
    return response


def _break_off(request: web.Request) -> None:
    """Ends the connection in the middle of an answer: nobody may take a part for the whole."""
    if request.transport is not None:
        request.transport.abort()
