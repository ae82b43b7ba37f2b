"""One question while it is worked on: what it runs, and what may be sent of its answer.

Above: `answering`. Below: DuckDB. For the thread that answers and the one that hears what becomes
of whoever asked.
"""

import io
import threading
from collections.abc import Callable
from typing import Any, cast

import duckdb

from helio.audit.asking.frames import PIECE, WINDOW


class Running(io.RawIOBase):
    """What an answer is written to. `send` takes pieces of at most `PIECE` bytes."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        super().__init__()
        self._send = send
        self._left = False
        self._window = WINDOW
        self._changed = threading.Condition()
        self._cursors: list[duckdb.DuckDBPyConnection] = []

    def watched(self, connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
        """The connection, in a form whose cursors `leave` knows: all that questions ask of it are
        cursors."""
        return cast("duckdb.DuckDBPyConnection", _Watched(connection, self._note))

    def check(self) -> None:
        """Raises BrokenPipeError once nobody waits."""
        if self._left:
            raise BrokenPipeError("nobody waits for this")

    def leave(self) -> None:
        """Ends what runs, and what would be asked next: nobody waits."""
        with self._changed:
            self._left = True
            for cursor in self._cursors:
                _interrupt(cursor)
            self._changed.notify_all()

    def more(self) -> None:
        """One more piece may be sent."""
        with self._changed:
            self._window += 1
            self._changed.notify_all()

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, piece: Any) -> int:
        """Sends what fits into one piece, once it may. Raises BrokenPipeError when nobody waits."""
        with self._changed:
            self._changed.wait_for(lambda: self._window > 0 or self._left)
            self.check()
            self._window -= 1
        taken = bytes(memoryview(piece)[:PIECE])
        self._send(taken)
        return len(taken)

    def _note(self, cursor: duckdb.DuckDBPyConnection) -> None:
        with self._changed:
            self.check()
            self._cursors.append(cursor)


def _interrupt(cursor: duckdb.DuckDBPyConnection) -> None:
    """Ends what a cursor runs."""
    try:
        cursor.interrupt()
    except duckdb.ConnectionException:
        return  # It is closed, and runs nothing.


class _Watched:
    """A connection's `cursor`, noted."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        note: Callable[[duckdb.DuckDBPyConnection], None],
    ) -> None:
        self._connection = connection
        self._note = note

    def cursor(self) -> duckdb.DuckDBPyConnection:
        cursor = self._connection.cursor()
        self._note(cursor)
        return cursor
