"""The index: a DuckDB file beside the journal, filled by a thread in batches.

Above: `helio.audit.asking` (a process of its own). Below: `loader`. When the file is locked,
damaged or of another version, it is made anew from the journal, which is the truth.
"""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, NamedTuple

import duckdb

from helio.audit.archive import Archive
from helio.audit.loader import IndexOutdated, Loader
from helio.audit.reach import learn, note, note_problem
from helio.audit.segment import Position, segments
from helio.errors import ArchiveUnavailable, IndexUnavailable, JournalDamaged

logger = logging.getLogger(__name__)

FILE: Final = "index.duckdb"

_INTERVAL = 2.0
"""Seconds between two looks at the journal while questions come."""
_QUIET_INTERVAL = 20.0
"""The same when none came for `_QUIET` seconds: each look costs some 25 ms of processor, however
little there is, so that larger batches leave more of it to calls."""
_QUIET = 60.0
_LONGEST_PAUSE = 60.0
"""Seconds between two attempts to open the file, at most; the first is made at once."""
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "memory_limit": "256MB",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


class IndexStatus(NamedTuple):
    """`ready`: it follows the journal. `loading`: it catches up. `unavailable`: see `detail`."""

    state: Literal["loading", "ready", "unavailable"]
    detail: str = ""


class Index:
    """One directory's index, between `start` and `stop`.

    `settled` tells how far the journal may be read; `interval` is the pause between two looks, in
    seconds. `archive` is where sealed days are, if there are any: what is there belongs to the
    answers, and no longer to the file. `anew`: the file is made anew, whatever it holds. `told`
    hears every change of the status, in the index's thread.
    """

    def __init__(
        self,
        directory: Path,
        settled: Callable[[], Position],
        *,
        archive: str | None = None,
        interval: float = _INTERVAL,
        anew: bool = False,
        told: Callable[[IndexStatus], None] = lambda _status: None,
    ) -> None:
        self._directory = directory
        self._path = directory / FILE
        self._settled = settled
        self._interval = interval
        self._anew = anew
        self._told = told
        self._last_question = -_QUIET
        self._location = archive
        self._archive: Archive | None = None
        self._look_at_archive = True
        self._changed = threading.Condition()
        self._stopping = False
        self._asked = False
        self._status = IndexStatus("loading")
        self._loaded = Position(0, 0)
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._thread = threading.Thread(target=self._run, name="helio-index", daemon=True)

    @property
    def status(self) -> IndexStatus:
        """How it stands with the index."""
        return self._status

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread and closes the file. Returns when both are done."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()

    def refresh(self, timeout: float) -> bool:
        """Waits, up to `timeout` seconds, until all that is settled now is loaded."""
        target = self._settled()
        with self._changed:
            self._last_question = time.monotonic()
            self._asked = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._loaded >= target, timeout)

    def days_sealed(self) -> None:
        """Something was sealed or deleted: the thread looks at the archive."""
        with self._changed:
            self._look_at_archive = self._asked = True
            self._changed.notify_all()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of the caller's own, for `query`. Raises `IndexUnavailable`."""
        with self._changed:
            if self._quiet():
                # What comes next, of someone who watches, will be fresh.
                self._asked = True
                self._changed.notify_all()
            self._last_question = time.monotonic()
            if self._connection is None:
                raise IndexUnavailable(self._status.detail or "the index is not open yet")
            return self._connection.cursor()

    def _run(self) -> None:
        if self._anew:
            self._remove()
        pause = 0.0
        while not self._stopping:
            try:
                self._follow()
            except (duckdb.Error, IndexOutdated, JournalDamaged, OSError) as error:
                if self._status.state == "ready":
                    pause = 0.0
                self._give_up(str(error))
                logger.warning("the audit's index is not available: %s", error)
                self._rest(pause)
                pause = min(max(1.0, 2 * pause), _LONGEST_PAUSE)
                if _remade(error):
                    self._remove()
        self._give_up("the index is closed")

    def _follow(self) -> None:
        """Opens the file and keeps it up with the journal until the index stops."""
        connection = duckdb.connect(self._path, config=_SETTINGS)
        with self._changed:
            self._connection = connection
        loader = Loader(connection, self._directory)
        self._archive = None
        self._look_at_archive = True
        if self._location is not None:
            note_problem(connection, f"the archive {self._location} is not read yet")
            if "://" not in self._location:
                # It is on this machine, and can be asked from the first moment on.
                self._learn_archive(connection)
        oldest: list[int] = []
        while not self._stopping:
            target = self._settled()
            while not self._stopping and loader.step(target):
                pass
            self._set(IndexStatus("ready"))
            with self._changed:
                self._loaded = target
                self._changed.notify_all()
            oldest, before = segments(self._directory)[:1], oldest
            if self._look_at_archive or oldest != before:
                self._look_at_archive = False
                self._learn_archive(connection)
            self._rest(max(self._interval, _QUIET_INTERVAL) if self._quiet() else self._interval)

    def _quiet(self) -> bool:
        return time.monotonic() - self._last_question >= _QUIET

    def _learn_archive(self, connection: duckdb.DuckDBPyConnection) -> None:
        if self._location is None:
            return
        try:
            if self._archive is None:
                archive = Archive(self._location)
                learn(connection, archive, self._directory)
                self._archive = archive
            else:
                parts = self._archive.parts(self._directory)
                note(connection, self._archive, parts, self._directory)
        except ArchiveUnavailable as error:
            note_problem(connection, str(error))
            logger.warning("the archive is left out of answers: %s", error)

    def _rest(self, seconds: float) -> None:
        """Waits, unless someone asks for a look or the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._asked or self._stopping, seconds)
            self._asked = False

    def _give_up(self, detail: str) -> None:
        with self._changed:
            connection, self._connection = self._connection, None
        self._set(IndexStatus("unavailable", detail))
        if connection is not None:
            connection.close()

    def _set(self, status: IndexStatus) -> None:
        before, self._status = self._status, status
        if status != before:
            self._told(status)

    def _remove(self) -> None:
        for path in (self._path, self._path.with_suffix(".duckdb.wal")):
            path.unlink(missing_ok=True)


def _remade(error: Exception) -> bool:
    """Whether a new file would help: not when someone holds it, or the journal is at fault."""
    if isinstance(error, duckdb.IOException) and "lock" in str(error):
        return False
    return isinstance(error, duckdb.Error | IndexOutdated)
