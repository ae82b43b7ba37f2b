"""Rebuilding: the index made anew from the journal, while nobody serves.

Above: `helio.cli`. Below: `loader`, `lock`. The old file stays until the new one is whole.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import duckdb

from helio.audit import segment
from helio.audit.index import FILE
from helio.audit.loader import Loader
from helio.audit.lock import DirectoryLock

_SETTINGS: Final[dict[str, str | bool | int | float | list[str]]] = {
    "memory_limit": "1GB",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


def rebuild(directory: Path, progress: Callable[[int, int], None]) -> int:
    """Makes the index of `directory`; the number of its rows.

    `progress` gets the bytes of the journal that were read, and those that there are. The directory
    is locked meanwhile, so that no process starts on it. Raises `JournalLocked` when one serves,
    `JournalDamaged`, and OSError.
    """
    lock = DirectoryLock(directory)
    try:
        partial = directory / f"{FILE}.partial"
        _remove(partial)
        try:
            rows = _fill(partial, directory, progress)
            _remove(_log_of(directory / FILE))
            partial.replace(directory / FILE)
        finally:
            _remove(partial)
    finally:
        lock.release()
    return rows


def _fill(path: Path, directory: Path, progress: Callable[[int, int], None]) -> int:
    sizes = (segment.path_of(directory, each).stat() for each in segment.segments(directory))
    total = sum(each.st_size for each in sizes)
    with duckdb.connect(path, config=_SETTINGS) as connection:
        loader = Loader(connection, directory)
        done = 0
        while size := loader.step():
            done += size
            progress(done, total)
        (rows,) = connection.execute("SELECT count(*) FROM audit").fetchall()[0]
        connection.execute("CHECKPOINT")
    path.chmod(0o600)
    return int(rows)


def _log_of(path: Path) -> Path:
    """Where DuckDB keeps what is not in the file yet."""
    return path.with_name(f"{path.name}.wal")


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    _log_of(path).unlink(missing_ok=True)
