"""Questions to the audit's index: asked in threads of their own, a few at once, for a limited time.

Above: `ledger`, `audit`. Below: `helio.audit` (the index), `streaming`. No question waits on the
event loop, none takes a thread that calls need, and what the threads do in Python they do in short
pieces, so that calls go on at their pace. DuckDB loads slowly; whoever asks finds it loaded by the
index.
"""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import IO, TYPE_CHECKING, Any, Final, TypeVar, cast

from aiohttp import web

from helio.audit.background import stand_back
from helio.errors import FilterError, IndexUnavailable
from helio.operator.faults import Refused
from helio.operator.streaming import Pipe, send

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from helio.audit.index import Index

_MOST_WAITING: Final = 16
"""Questions that wait for a thread; one more is refused."""
_AT_ONCE: Final = max(1, min(4, (os.cpu_count() or 1) - 1))
"""Questions that are worked on at once: one processor is left to calls."""
_FRESH_SECONDS: Final = 5.0
_GLANCE_SECONDS: Final = 0.5
"""How long a question waits for the index to hold what is recorded now: when it must, and else."""
_PIECE_SECONDS: Final = 0.001
_PAUSE_SECONDS: Final = 0.0005
"""After so long in the interpreter, a thread leaves it to others for a moment."""

_Answer = TypeVar("_Answer")
_Item = TypeVar("_Item")


class Questions:
    """Asks the index of the moment (`index`, None while it loads).

    `at_once` threads; `seconds` is how long a question may take until its answer, or the first
    piece of it.
    """

    def __init__(
        self, index: "Callable[[], Index | None]", *, at_once: int = _AT_ONCE, seconds: float = 30.0
    ) -> None:
        self._index = index
        self._seconds = seconds
        self._room = at_once + _MOST_WAITING
        self._asked: set[_Asked] = set()
        self._threads = ThreadPoolExecutor(at_once, "helio-question", initializer=stand_back)

    async def ask(
        self, question: "Callable[[DuckDBPyConnection], _Answer]", *, fresh: bool = True
    ) -> _Answer:
        """What a question gives. Raises `Refused`, also for what it raises of `helio.errors`.

        Without `fresh`, an index that cannot keep up is asked for what it holds.
        """
        async with self._asking() as asked:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, self._answer, asked, question, fresh)

    async def stream(
        self,
        request: web.Request,
        headers: dict[str, str],
        write: "Callable[[DuckDBPyConnection, IO[bytes]], object]",
    ) -> web.StreamResponse:
        """Answers with what is written, while it is written. Raises `Refused` before that begins;
        a failure later breaks the connection, so that nobody takes a part for the whole."""
        pipe = Pipe(asyncio.get_running_loop())

        def written(connection: "DuckDBPyConnection") -> None:
            with pipe.writing() as out:
                write(connection, out)

        async with self._asking() as asked:
            loop = asyncio.get_running_loop()
            pipe.started(loop.run_in_executor(self._threads, self._answer, asked, written, True))
            try:
                first = await pipe.read()
                asked.in_time()
                return await send(request, headers, first, pipe)
            finally:
                await pipe.close(asked.interrupt)

    async def close(self) -> None:
        """Ends what is asked, and the threads."""
        for asked in list(self._asked):
            asked.interrupt()
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    @asynccontextmanager
    async def _asking(self) -> "AsyncIterator[_Asked]":
        if len(self._asked) >= self._room:
            raise Refused(503, "too many questions at once", headers={"retry-after": "1"})
        asked = _Asked(self._seconds)
        self._asked.add(asked)
        try:
            yield asked
        finally:
            asked.in_time()
            self._asked.discard(asked)

    def _answer(
        self,
        asked: "_Asked",
        question: "Callable[[DuckDBPyConnection], _Answer]",
        fresh: bool,
    ) -> _Answer:
        """Asks, in a thread."""
        import duckdb

        try:
            with self._followed(fresh).cursor() as connection:
                return question(asked.watched(connection))
        except FilterError as error:
            raise Refused(400, str(error)) from error
        except duckdb.InterruptException as error:
            text = f"this took longer than {self._seconds:g} s: ask for less, by filters or a limit"
            raise Refused(503, text) from error
        except (IndexUnavailable, duckdb.Error) as error:
            text = f"the audit's index cannot be asked: {error}"
            raise Refused(503, text, headers={"retry-after": "2"}) from error

    def _followed(self, fresh: bool) -> "Index":
        """The index, `fresh` with all that is recorded now. Raises `IndexUnavailable`."""
        index = self._index()
        if index is None:
            raise IndexUnavailable("it is loading")
        follows = index.refresh(_FRESH_SECONDS if fresh else _GLANCE_SECONDS)
        if not follows and (fresh or index.status.state != "ready"):
            raise IndexUnavailable("it has yet to read what was recorded last")
        return index


class Asking:
    """Questions by how long they take, so that short ones never wait for long ones: `quick` ones
    (the feed), `thorough` ones (lists, sums), and `exports`."""

    def __init__(self, index: "Callable[[], Index | None]") -> None:
        self.quick = Questions(index, at_once=1, seconds=10)
        self.thorough = Questions(index)
        self.exports = Questions(index, seconds=300)

    async def close(self) -> None:
        """Ends what is asked, and the threads."""
        for questions in (self.quick, self.thorough, self.exports):
            await questions.close()


class _Asked:
    """One question: what it runs, so that it can be ended."""

    def __init__(self, seconds: float) -> None:
        self._over = False
        self._changing = threading.Lock()
        self._cursors: list[DuckDBPyConnection] = []
        self._timer = asyncio.get_running_loop().call_later(seconds, self.interrupt)

    def watched(self, connection: "DuckDBPyConnection") -> "DuckDBPyConnection":
        """The connection, in a form whose cursors `interrupt` knows: all that the room `audit` asks
        of it are cursors."""
        return cast("DuckDBPyConnection", _Watched(connection, self._note))

    def in_time(self) -> None:
        """No longer ends it for its time."""
        self._timer.cancel()

    def interrupt(self) -> None:
        """Ends what runs, and what would be asked next. For every thread."""
        with self._changing:
            self._over = True
            for cursor in self._cursors:
                _interrupt(cursor)

    def _note(self, cursor: "DuckDBPyConnection") -> None:
        import duckdb

        with self._changing:
            if self._over:
                raise duckdb.InterruptException("asked too late")
            self._cursors.append(cursor)


def _interrupt(cursor: "DuckDBPyConnection") -> None:
    """Ends what a cursor runs."""
    import duckdb

    try:
        cursor.interrupt()
    except duckdb.ConnectionException:
        return  # It is closed, and runs nothing.


class _Watched:
    """A connection's `cursor`, noted."""

    def __init__(
        self, connection: "DuckDBPyConnection", note: "Callable[[DuckDBPyConnection], None]"
    ) -> None:
        self._connection = connection
        self._note = note

    def cursor(self) -> Any:
        cursor = self._connection.cursor()
        self._note(cursor)
        return cursor


def in_pieces(items: Iterable[_Item]) -> Iterator[_Item]:
    """The items, with moments between them in which the interpreter is free for other threads."""
    began = time.perf_counter()
    for item in items:
        yield item
        if time.perf_counter() - began > _PIECE_SECONDS:
            time.sleep(_PAUSE_SECONDS)
            began = time.perf_counter()
