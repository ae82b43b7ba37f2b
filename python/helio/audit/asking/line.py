"""The end of the line in the process that serves calls: asks, and takes answers in pieces.

Above: `helio.app.indexing` (reads it, and knows when it is lost), `helio.operator` (asks). Below:
`frames`. Lives on the event loop, and does nothing there but copy bytes; knows no DuckDB.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from helio.audit.asking.frames import (
    HEADER_SIZE,
    WINDOW,
    Beginning,
    Frame,
    Kind,
    Pool,
    Question,
    encoded,
    header,
)
from helio.audit.segment import Position
from helio.errors import IndexUnavailable, Unanswered

logger = logging.getLogger(__name__)

_LEVELS: Final = frozenset(
    (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL)
)
_LOST: Final = "its process ended"


class Status(NamedTuple):
    """How it stands with the index: `loading`, `ready` or `unavailable`, and why."""

    state: str
    detail: str = ""


class Line:
    """One process's line, from its start until either end closes it. `settled` tells how far the
    journal may be read.

    `began`: the other end has spoken; `was_ready`: so was its index. `unanswered_beats` is how many
    came since it spoke last.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        settled: Callable[[], Position],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._settled = settled
        self._open: dict[int, Answer] = {}
        self._number = 0
        self._lost = False
        self.unanswered_beats = 0
        self.status = Status("loading")
        self.began = False
        self.was_ready = False

    def begin(self, directory: Path, archive: str | None, *, anew: bool = False) -> None:
        """Tells the process what it needs to know; `anew`: it makes the index anew, whatever it
        finds."""
        self._send(Kind.BEGIN, 0, Beginning(str(directory), archive, self._settled(), anew))

    def beat(self) -> None:
        """Tells how far the journal is, and asks for a sign of life."""
        self.unanswered_beats += 1
        self._send(Kind.BEAT, 0, self._settled())

    def days_sealed(self) -> None:
        """Sealed days belong to the archive now."""
        self._send(Kind.SEALED)

    def asked(self, pool: Pool) -> int:
        """How many questions of this pool are waiting or worked on."""
        return sum(each.pool == pool for each in self._open.values())

    def ask(
        self, pool: Pool, name: str, arguments: dict[str, object], *, fresh: bool = True
    ) -> "Answer":
        """The answer to come. Raises `IndexUnavailable` when the line is lost."""
        if self._lost:
            raise IndexUnavailable(_LOST)
        self._number += 1
        question = Question(name, arguments, pool, fresh, self._settled())
        answer = self._open[self._number] = Answer(self._send, self._number, pool)
        self._send(Kind.ASK, self._number, question)
        return answer

    async def read(self) -> None:
        """Takes what comes until the other end closes. Whoever waits then is told.

        Raises ValueError for what is none of this house's frames.
        """
        try:
            while True:
                kind, number, size = header(await self._reader.readexactly(HEADER_SIZE))
                self._take(Frame(kind, number, await self._reader.readexactly(size)))
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # It ended; who started it finds out why.
        except (KeyError, TypeError) as error:
            raise ValueError(f"a frame that makes no sense: {error!r}") from error
        finally:
            self._lost = True
            self.status = Status("unavailable", _LOST)
            for answer in self._open.values():
                answer.put(IndexUnavailable(_LOST))
            self._open.clear()

    def end(self) -> None:
        """Asks the process to end; `read` returns when it did."""
        if not self._lost and self._writer.can_write_eof():
            self._writer.write_eof()

    async def close(self) -> None:
        """Gives the line up."""
        self._writer.close()
        with contextlib.suppress(ConnectionError):  # The other end was faster.
            await self._writer.wait_closed()

    def _take(self, frame: Frame) -> None:
        match frame.kind:
            case Kind.STATUS:
                self.began = True
                self.unanswered_beats = 0
                state, detail = frame.values()
                self.status = Status(str(state), str(detail))
                self.was_ready = self.was_ready or state == "ready"
            case Kind.PIECE if frame.body:
                self._open[frame.number].put(frame.body)
            case Kind.END:
                fault, text = frame.values()
                answer = self._open.pop(frame.number)
                answer.put(b"" if fault is None else Unanswered(fault, str(text)))
            case Kind.LOG:
                level, name, text = frame.values()
                if level in _LEVELS:
                    logging.getLogger(str(name)).log(level, "%s", text)
            case _:
                raise ValueError(f"a frame that nobody sends: {frame.kind.name}")

    def _send(self, kind: Kind, number: int = 0, value: object = None) -> None:
        if not self._lost:
            self._writer.write(encoded(kind, number, value))


class Answer:
    """One answer on its way. Of what nobody has read the other end sends no more than a window."""

    def __init__(self, send: Callable[[Kind, int], None], number: int, pool: Pool) -> None:
        self._send = send
        self._number = number
        self._pieces: asyncio.Queue[bytes | Exception] = asyncio.Queue()
        self._over = False
        self.pool = pool

    async def piece(self) -> bytes:
        """The next piece, empty at the end. Raises `Unanswered`, and `IndexUnavailable` when the
        process is gone."""
        found = await self._pieces.get()
        if isinstance(found, Exception):
            self._over = True
            raise found
        if found:
            self._send(Kind.MORE, self._number)
        else:
            self._over = True
        return found

    def leave(self) -> None:
        """Says that nobody waits any more, unless all of it came."""
        if not self._over:
            self._over = True
            self._send(Kind.LEAVE, self._number)

    def put(self, piece: bytes | Exception) -> None:
        """What the other end sent. Raises ValueError when it sends more than it may."""
        if isinstance(piece, bytes) and self._pieces.qsize() > WINDOW:
            raise ValueError("more pieces than were asked for")
        if not self._over:
            self._pieces.put_nowait(piece)
