"""Standard input and output without ever blocking the event loop, whatever they are.

Above: `helio.transport.stdio_door`. Below: threads and the kernel. A descriptor that a process
inherits may be a pipe, a socket, a terminal or a file, and is often shared with its parent: making
it non-blocking would change it there as well, and the loop cannot watch files. So one thread reads
and one writes. Both are daemons: one that waits in the kernel holds up no exit.
"""

import asyncio
import os
import select
import threading
from collections import deque
from collections.abc import AsyncGenerator
from queue import SimpleQueue
from typing import Final

PIECE: Final = 64 * 1024
"""Bytes that are read at once."""
BUFFER_LIMIT: Final = 1024 * 1024
"""Bytes that wait to be written before whoever writes them has to."""
_PIECES_AHEAD: Final = 4
"""Pieces that are read before they are wanted."""


class Inflow:
    """What comes from a descriptor. At most `_PIECES_AHEAD` pieces wait."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._pieces: deque[bytes] = deque()
        self._arrived = asyncio.Event()
        self._room = threading.Semaphore(_PIECES_AHEAD)
        threading.Thread(target=self._read, name="helio-stdin", daemon=True).start()

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The pieces as they come, until the end."""
        while True:
            while not self._pieces:
                self._arrived.clear()
                await self._arrived.wait()
            piece = self._pieces.popleft()
            if not piece:
                return
            self._room.release()
            yield piece

    def _arrive(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._arrived.set()

    def _read(self) -> None:
        """On its own thread."""
        piece = b"more"
        while piece:
            self._room.acquire()
            piece = self._next()
            try:
                self._loop.call_soon_threadsafe(self._arrive, piece)
            except RuntimeError:
                return  # The loop is closed: nobody wants it any more.

    def _next(self) -> bytes:
        while True:
            try:
                return os.read(self._descriptor, PIECE)
            except BlockingIOError:
                # Whoever shares it made it non-blocking.
                select.select([self._descriptor], [], [])
            except OSError:
                return b""  # A terminal that was closed, a connection that was reset: the end.


class Outflow:
    """What goes to a descriptor, in the order of `write`. `broken` is set once nobody reads it any
    more."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[bytes | None] = SimpleQueue()
        self._waiting = 0
        self._moved = asyncio.Event()
        self.broken = asyncio.Event()
        threading.Thread(target=self._write, name="helio-stdout", daemon=True).start()

    async def write(self, *pieces: bytes) -> None:
        """Adds the pieces, as one. Returns when there is room for more, or nobody reads."""
        for piece in pieces:
            self._waiting += len(piece)
            self._queue.put(piece)
        await self._until(BUFFER_LIMIT)

    async def flush(self, seconds: float) -> bool:
        """Waits until all is written, at most `seconds`; whether it was."""
        try:
            async with asyncio.timeout(seconds):
                await self._until(0)
        except TimeoutError:
            return False
        return not self.broken.is_set()

    def close(self) -> None:
        """Ends the thread once it has written what waits."""
        self._queue.put(None)

    async def _until(self, limit: int) -> None:
        while self._waiting > limit and not self.broken.is_set():
            self._moved.clear()
            await self._moved.wait()

    def _wrote(self, size: int) -> None:
        self._waiting -= size
        self._moved.set()

    def _break(self) -> None:
        self.broken.set()
        self._moved.set()

    def _write(self) -> None:
        """On its own thread."""
        while (piece := self._queue.get()) is not None:
            written = self._put(piece)
            try:
                if not written:
                    self._loop.call_soon_threadsafe(self._break)
                    return
                self._loop.call_soon_threadsafe(self._wrote, len(piece))
            except RuntimeError:
                return  # The loop is closed.

    def _put(self, piece: bytes) -> bool:
        """Writes all of it; False when nobody takes it."""
        rest = memoryview(piece)
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:
                select.select([], [self._descriptor], [])
            except OSError:
                return False
        return True
