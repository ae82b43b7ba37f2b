"""Exports: rows of the audit, or of a budget's ledger, as JSON, CSV or Parquet, oldest first.

Above: `helio.cli`, `asking`. Below: `query`, `ledger`, `loader`, `lock`. `opened` reads the
journal's files into an index of its own, because another process may hold the one beside them; so
an export holds every call that was acknowledged before it began, whether Helio runs, was stopped,
or was killed.
"""

import csv
import heapq
import json
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import IO, Final, NamedTuple, TextIO

import duckdb
import orjson

from helio.audit import ledger, lock, reach, segment
from helio.audit.archive import Archive
from helio.audit.directories import archive_of, journals
from helio.audit.loader import Loader
from helio.audit.query import NAMES, Filters, rows
from helio.audit.record import COLUMNS, Cell
from helio.errors import ArchiveUnavailable

_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "memory_limit": "1GB",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
_PIECE: Final = 16 * 1024 * 1024
"""Bytes of the journal that are loaded at once: nobody waits for less."""
_LONG_LINES = "maximum_object_size = 134217728"
_FORMULA = re.compile(r"'*[=+\-@\t\r]")


class Layout(NamedTuple):
    """The columns of rows: their names, which hold JSON texts, and their types in DuckDB, unless
    they are VARCHAR. The second is `timestamp`."""

    names: tuple[str, ...]
    json: frozenset[str]
    types: Mapping[str, str] = MappingProxyType({})


AUDIT: Final = Layout(
    NAMES,
    frozenset(column.name for column in COLUMNS if column.json),
    {column.name: column.sql for column in COLUMNS},
)
LEDGER: Final = Layout(ledger.NAMES, ledger.JSON, ledger.TYPES)


class Source(NamedTuple):
    """A connection for `query`. `running`: a process writes to the journal. `torn`: bytes left out
    at the end of the journal, of a line that was never written whole."""

    connection: duckdb.DuckDBPyConnection
    running: bool
    torn: int


@contextmanager
def opened(
    directory: Path,
    progress: Callable[[int, int], None] | None = None,
    archive: str | None = None,
) -> Iterator[Source]:
    """All that the journal in `directory` holds now, and what was sealed of it: in `archive`, or in
    the directory itself. Where that cannot be read, questions that would need it are refused.

    `progress` gets the bytes read so far and those there are. Calls in flight are not rows yet;
    when no process writes any more, they are `indeterminate`. Raises FileNotFoundError when there
    is no journal, and `JournalDamaged`.
    """
    present = segment.segments(directory) if directory.is_dir() else []
    if not present:
        raise FileNotFoundError(f"there is no journal in {directory}")
    with lock.reading(directory):
        yield from _opened(directory, progress, archive_of(directory, archive))


def _opened(
    directory: Path, progress: Callable[[int, int], None] | None, archive: str
) -> Iterator[Source]:
    present = segment.segments(directory)
    total = sum(segment.path_of(directory, first).stat().st_size for first in present)
    with TemporaryDirectory(prefix="helio-export-") as scratch:
        connection = duckdb.connect(Path(scratch) / "index.duckdb", config=_SETTINGS)
        try:
            loader = Loader(connection, directory, piece=_PIECE)
            done = 0
            while size := loader.step():
                done += size
                if progress is not None:
                    progress(done, total)
            running = lock.is_locked(directory)
            if not running:
                while loader.step():
                    pass  # What its process wrote last, if it ended meanwhile.
                loader.load_open_calls()
            _learn_archive(connection, directory, archive)
            yield Source(connection, running, 0 if running else _torn(directory, loader))
        finally:
            connection.close()


def _learn_archive(connection: duckdb.DuckDBPyConnection, directory: Path, location: str) -> None:
    try:
        reach.learn(connection, Archive(location), directory)
    except ArchiveUnavailable as error:
        reach.note_problem(connection, str(error))


@contextmanager
def all_opened(
    directory: Path,
    progress: Callable[[int, int], None] | None = None,
    archive: str | None = None,
) -> Iterator[list[Source]]:
    """`opened` for every journal of an audit."""
    with ExitStack() as stack:
        yield [stack.enter_context(opened(each, progress, archive)) for each in journals(directory)]


def merged(
    sources: Sequence[Source], filters: Filters, budget: str | None = None
) -> Iterator[tuple[Cell, ...]]:
    """The rows of all sources, oldest first, or those of one budget's ledger; limit and offset
    count them together."""
    if len(sources) == 1:
        return _rows(sources[0], filters, budget)
    end = None if filters.limit is None else filters.offset + filters.limit
    each = replace(filters, limit=end, offset=0)
    streams = [_rows(source, each, budget) for source in sources]
    return islice(heapq.merge(*streams, key=_timestamp), filters.offset, end)


def _rows(source: Source, filters: Filters, budget: str | None) -> Iterator[tuple[Cell, ...]]:
    if budget is None:
        return rows(source.connection, filters)
    return ledger.charges(source.connection, budget, filters)


def _timestamp(cells: tuple[Cell, ...]) -> str:
    # The second cell, of the audit and of a ledger.
    return str(cells[1])


def _torn(directory: Path, loader: Loader) -> int:
    """The bytes behind the last whole line."""
    last = segment.segments(directory)[-1]
    read = 0
    if loader.loaded is not None and loader.loaded.segment == last:
        read = loader.loaded.offset
    return segment.path_of(directory, last).stat().st_size - read


def write(
    rows: Iterable[tuple[Cell, ...]], output_format: str, out: IO[bytes], layout: Layout
) -> int:
    """As `json`, `csv` or `parquet`; the number of rows."""
    if output_format == "json":
        return write_json(rows, out, layout)
    if output_format == "parquet":
        return write_parquet(rows, out, layout)
    text = TextIOWrapper(out, encoding="utf-8", newline="", write_through=False)
    number = write_csv(rows, text, layout)
    text.detach()
    return number


def write_json(rows: Iterable[tuple[Cell, ...]], out: IO[bytes], layout: Layout = AUDIT) -> int:
    """One array of objects; the number of rows. JSON columns are values, digit by digit."""
    number = 0
    for number, cells in enumerate(rows, start=1):
        out.write(b"[\n" if number == 1 else b",\n")
        out.write(json_row(cells, layout))
    out.write(b"\n]\n" if number else b"[]\n")
    return number


def json_row(cells: Iterable[Cell], layout: Layout = AUDIT) -> bytes:
    """One row as a JSON object. JSON columns are values, digit by digit."""
    return orjson.dumps(
        {
            name: _spliced(cell) if name in layout.json and isinstance(cell, str) else cell
            for name, cell in zip(layout.names, cells, strict=True)
        }
    )


def write_csv(rows: Iterable[tuple[Cell, ...]], out: TextIO, layout: Layout = AUDIT) -> int:
    """A line of names, then one per row; the number of rows. No cell is a formula."""
    writer = csv.writer(out)
    writer.writerow(layout.names)
    number = 0
    for cells in rows:
        writer.writerow([_plain(cell) for cell in cells])
        number += 1
    return number


def write_parquet(rows: Iterable[tuple[Cell, ...]], out: IO[bytes], layout: Layout = AUDIT) -> int:
    """A Parquet file; the number of rows. JSON columns are texts, times UTC timestamps.

    It is made in the directory for temporary files, because its end is written first.
    """
    number = 0
    with TemporaryDirectory(prefix="helio-export-") as scratch:
        lines, parquet = Path(scratch) / "rows.json", Path(scratch) / "rows.parquet"
        with lines.open("wb") as file:
            for cells in rows:
                file.write(orjson.dumps(cells) + b"\n")
                number += 1
        values = ", ".join(
            f"(json ->> '$[{place}]')::{layout.types.get(name, 'VARCHAR')} AS {name}"
            for place, name in enumerate(layout.names)
        )
        source = f"read_json_objects(?, format = 'newline_delimited', {_LONG_LINES})"
        with duckdb.connect(config=_SETTINGS) as connection:
            connection.execute(
                f"COPY (SELECT {values} FROM {source}) "  # noqa: S608 - made of own names
                f"TO '{_quoted(parquet)}' (FORMAT parquet, COMPRESSION zstd)",
                [str(lines)],
            )
        with parquet.open("rb") as file:
            shutil.copyfileobj(file, out)
    return number


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def safe_cell(text: str) -> str:
    """The text as a CSV cell that no spreadsheet takes for a formula: `'` before `= + - @`, tab,
    CR.

    Texts that would be taken for an escaped one get a `'` too, so that `original_cell` is exact.
    """
    return f"'{text}" if _FORMULA.match(text) else text


def original_cell(cell: str) -> str:
    """The text that `safe_cell` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _plain(cell: Cell) -> Cell:
    if isinstance(cell, str):
        return safe_cell(cell)
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return cell


def _spliced(text: str) -> object:
    """JSON text as a value; other text, which a faulty record could hold, as a text."""
    raw = text.encode()
    try:
        orjson.loads(raw)
    except orjson.JSONDecodeError:
        if not _is_json(text):
            return text
    return orjson.Fragment(raw)


def _is_json(text: str) -> bool:
    """As the standard library sees it, which reads numbers of any size."""
    try:
        json.loads(text, parse_float=str, parse_int=str, parse_constant=_refused)
    except ValueError:
        return False
    return True


def _refused(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
