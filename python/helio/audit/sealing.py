"""Sealing: days that are over become Parquet files of the archive, and leave the journal.

Above: `helio.cli`, `helio.app` (in a process of its own, so that no call waits for it). Below:
`archive`, `loader`, `segment`, `lock`. A part is made of whole segments, of one day, whose calls
all have outcomes. It is read back and compared before a segment goes; so whenever this is killed,
a row is in the journal, in the archive, or in both, and counts once (`reach`). What it left is done
by the next run.
"""

import hashlib
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import duckdb

from helio.audit import lock, segment
from helio.audit.archive import Archive
from helio.audit.loader import VERSION, Loader
from helio.audit.manifest import Manifest
from helio.audit.node import node_of
from helio.audit.segment import Header, Position
from helio.errors import ArchiveDamaged, ArchiveUnavailable, JournalDamaged, JournalLocked

# ruff: noqa: S608 - the statements are made of numbers and of this process's own paths.

LOCK: Final = "seal.lock"

_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "memory_limit": "512MB",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
_SCRATCH = ".seal-"
"""Beside the journal, so that no rows are left elsewhere when the process is killed."""
_SUM = "SELECT count(*), coalesce(sum(hash(rows)::HUGEINT), 0) FROM"

Progress = Callable[[str], None]


class Terms(NamedTuple):
    """When a day is sealed: `after` its end; and when it goes for good: `retention` after it."""

    after: timedelta
    retention: timedelta


@dataclass(slots=True)
class Sealed:
    """What one run did: the parts that it `sealed`, the number of journal files that it `removed`,
    the parts whose time was over and that it `deleted`. `waiting` is the day that is due and has
    calls without an outcome; `kept` that journal files of sealed days are still being read."""

    sealed: list[Manifest] = field(default_factory=list)
    removed: int = 0
    deleted: list[Manifest] = field(default_factory=list)
    waiting: str | None = None
    kept: bool = False


class _Part(NamedTuple):
    """Segments of one day, and the header that follows them."""

    date: str
    headers: tuple[Header, ...]
    following: Header

    @property
    def first(self) -> int:
        return self.headers[0].line.sequence

    @property
    def last(self) -> int:
        return self.following.line.sequence - 1


class _Making(NamedTuple):
    """What a manifest says that the rows do not."""

    part: _Part
    node: str
    before: Manifest | None
    now: datetime


def seal(
    directory: Path,
    archive: Archive,
    terms: Terms,
    *,
    now: datetime | None = None,
    progress: Progress = lambda _text: None,
) -> Sealed:
    """Seals all that is due, removes the journal's files of it, and deletes what is too old.

    Raises `ArchiveUnavailable` (`ArchiveDamaged`) and `JournalDamaged`, with nothing removed that
    is not in the archive, and OSError.
    """
    now = datetime.now(UTC) if now is None else now
    done = Sealed()
    with _alone(directory):
        node = node_of(directory)
        if node is None:
            return done
        parts = archive.parts(directory)
        headers = _headers(directory)
        _check_place(directory, parts, headers)
        for left in directory.glob(f"{_SCRATCH}*"):
            shutil.rmtree(left)
        archive.remove_left(node, lambda date: _over(date, now - terms.retention))
        done.removed, done.kept = _remove_sealed(directory, headers, parts)
        for part in _due(headers, parts, now - terms.after):
            before = parts[-1] if parts else None
            making = _Making(part, node, before, now)
            manifest = _seal(directory, archive, making, progress)
            if manifest is None:
                done.waiting = part.date
                break
            parts.append(manifest)
            done.sealed.append(manifest)
            removed, done.kept = _remove_sealed(directory, headers, parts)
            done.removed += removed
            progress(f"{part.date}: {manifest.rows} rows in {manifest.size} bytes")
        for manifest in parts:
            if done.kept or not _over(manifest.date, now - terms.retention):
                break
            archive.remove(manifest)
            done.deleted.append(manifest)
            progress(f"{manifest.date}: deleted, its retention is over")
    return done


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    try:
        held = lock.DirectoryLock(directory, LOCK)
    except FileNotFoundError:
        raise ArchiveUnavailable(f"there is no journal in {directory}") from None
    except JournalLocked as error:
        owner = "another process" if error.pid is None else f"process {error.pid}"
        raise ArchiveUnavailable(f"{owner} is sealing {directory} already") from error
    try:
        yield
    finally:
        held.release()


def _headers(directory: Path) -> list[Header]:
    """Those of all segments that count; what comes behind the last is not whole yet."""
    found = (segment.read_header(directory, each) for each in segment.segments(directory))
    return [header for header in found if header is not None]


def _check_place(directory: Path, parts: Sequence[Manifest], headers: Sequence[Header]) -> None:
    """What the archive holds must be the beginning of this journal."""
    if not parts or not headers:
        return
    last = parts[-1]
    for header in headers:
        if header.line.sequence == last.last_seq + 1 and header.line.previous == last.digest:
            return
    why = f"the journal in {directory} does not go on behind its record {last.last_seq}"
    raise ArchiveDamaged(last.place, why)


def _due(headers: Sequence[Header], parts: Sequence[Manifest], limit: datetime) -> list[_Part]:
    """The parts that are to be made, oldest first. The last segment is what a restart reads."""
    sealed = parts[-1].last_seq if parts else 0
    left = [pair for pair in pairwise(headers) if pair[0].line.sequence > sealed]
    due: list[_Part] = []
    for date, group in groupby(left, key=lambda pair: pair[0].line.at[:10]):
        pairs = list(group)
        if not _over(date, limit):
            break
        due.append(_Part(date, tuple(header for header, _ in pairs), pairs[-1][1]))
    return due


def _over(date: str, limit: datetime) -> bool:
    """Whether the day ended before `limit`, or just then."""
    return datetime.fromisoformat(date).replace(tzinfo=UTC) + timedelta(days=1) <= limit


def _seal(
    directory: Path,
    archive: Archive,
    making: _Making,
    progress: Progress,
) -> Manifest | None:
    """Makes a part and puts it into the archive; None while calls of it have no outcome."""
    part = making.part
    _check_lines(directory, part)
    with TemporaryDirectory(prefix=_SCRATCH, dir=directory) as scratch:
        rows = Path(scratch) / "rows.parquet"
        with duckdb.connect(Path(scratch) / "index.duckdb", config=_SETTINGS) as connection:
            if not _load(connection, directory, part, progress):
                return None
            count, since, until = _write(connection, part, rows)
        with rows.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        manifest = Manifest(
            node=making.node,
            date=part.date,
            file=f"part-{part.first:016d}.parquet",
            size=rows.stat().st_size,
            sha256=digest,
            rows=count,
            first_seq=part.first,
            last_seq=part.last,
            previous=part.headers[0].line.previous,
            digest=part.following.line.previous,
            since=since,
            until=until,
            columns=VERSION,
            before=None if making.before is None else making.before.sha,
            sealed_at=making.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
        archive.put(rows, manifest)
    return manifest


def _check_lines(directory: Path, part: _Part) -> None:
    """The chain, line by line: what was altered is not made to look whole."""
    for header, following in pairwise((*part.headers, part.following)):
        if following.follows is None or following.follows.segment != header.line.sequence:
            name = segment.path_of(directory, following.line.sequence).name
            raise JournalDamaged(name, 1, "the segment before it is not the one it follows")
        lines = segment.lines(directory, header, following.follows.offset)
        ((_, last),) = deque(lines, maxlen=1)
        if last.digest != following.line.previous:
            name = segment.path_of(directory, header.line.sequence).name
            number = last.sequence - header.line.sequence + 1
            raise JournalDamaged(
                name, number, "its hash is not the one that the next segment names"
            )


def _load(
    connection: duckdb.DuckDBPyConnection, directory: Path, part: _Part, progress: Progress
) -> bool:
    """Loads the part's records, and what comes behind them for as long as their calls have no
    outcome; whether all have one."""
    loader = Loader(connection, directory, Position(part.first, 0))
    end = part.following.line.sequence
    read = 0
    while size := loader.step():
        read += size
        progress(f"{part.date}: {read / 1e6:.0f} MB read")
        assert loader.loaded is not None  # noqa: S101 - a step was made
        if loader.loaded.segment >= end and not loader.waiting_before(end):
            return True
    return not loader.waiting_before(end)


def _write(
    connection: duckdb.DuckDBPyConnection, part: _Part, file: Path
) -> tuple[int, str | None, str | None]:
    """Writes the rows, and reads them again; their number, the first and the last time."""
    chosen = f"(FROM audit WHERE seq BETWEEN {part.first} AND {part.last} ORDER BY seq)"
    target = str(file).replace("'", "''")
    connection.execute(f"COPY {chosen} TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
    given = connection.execute(f"{_SUM} {chosen} AS rows").fetchall()
    kept = connection.execute(f"{_SUM} read_parquet(?) AS rows", [str(file)]).fetchall()
    if given != kept:
        raise ArchiveUnavailable(f"{part.date}: the rows that were written read back as others")
    form = "'%Y-%m-%dT%H:%M:%S.%fZ'"
    ((count, since, until),) = connection.execute(
        f"SELECT count(*), strftime(min(timestamp), {form}), strftime(max(timestamp), {form}) "
        f"FROM {chosen}"
    ).fetchall()
    return int(count), since, until


def _remove_sealed(
    directory: Path, headers: Sequence[Header], parts: Sequence[Manifest]
) -> tuple[int, bool]:
    """Removes the segments that are in the archive, oldest first; their number, and whether some
    are left because they are being read."""
    sealed = parts[-1].last_seq if parts else 0
    gone = [
        path
        for header in headers
        if header.line.sequence <= sealed
        and (path := segment.path_of(directory, header.line.sequence)).exists()
    ]
    if not gone:
        return 0, False
    # The segment that a restart will read must be on the disk before those go that it replaces.
    for path in (segment.path_of(directory, headers[-1].line.sequence), directory):
        _sync(path)
    with lock.unread(directory) as unread:
        if not unread:
            return 0, True
        for path in gone:
            path.unlink()
        _sync(directory)
    return len(gone), False


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
