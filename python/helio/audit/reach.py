"""How far a question reaches: over the index's rows and those of the archive, each row once.

Above: `query`, `ledger`, `analytics` ask; `index` and `export` say what is in the archive. Below:
`manifest`, DuckDB. A question sees the table `audit`, whatever its rows stand in: what the archive
holds is taken from there, and the index counts only behind it.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeVar

import duckdb

from helio.audit.manifest import Manifest
from helio.audit.segment import segments
from helio.errors import ArchiveUnavailable, IndexUnavailable

if TYPE_CHECKING:
    from helio.audit.archive import Archive

# ruff: noqa: S608 - the statements are made of this module's own texts and of quoted ones.

CREATE: Final = """
CREATE TABLE archived (url VARCHAR, first_seq BIGINT, last_seq BIGINT,
                       since TIMESTAMP, until TIMESTAMP);
CREATE TABLE archive (problem VARCHAR);
INSERT INTO archive VALUES (NULL);
"""
Part = Literal["all", "hot", "archived"]
"""Which rows: the index's own, those of the archive, or both."""

_HOT = "SELECT * FROM main.audit"
_Taken = TypeVar("_Taken")


def learn(connection: duckdb.DuckDBPyConnection, archive: "Archive", directory: Path) -> None:
    """Finds out what the archive holds of the journal in `directory`, once for this connection, and
    notes it. Raises `ArchiveUnavailable`."""
    parts = archive.parts(directory)
    if archive.file_system is not None:
        connection.register_filesystem(archive.file_system)
    note(connection, archive, parts, directory)


def note(
    connection: duckdb.DuckDBPyConnection,
    archive: "Archive",
    parts: Sequence[Manifest],
    directory: Path,
) -> None:
    """Says what the archive holds now, and gives up the rows that are there, or were: all whose
    records are no longer in the journal."""
    left = segments(directory)
    through = max(parts[-1].last_seq if parts else 0, left[0] - 1 if left else 0)
    connection.begin()
    try:
        connection.execute("DELETE FROM archived")
        for part in parts:
            connection.execute(
                "INSERT INTO archived VALUES (?, ?, ?, ?::TIMESTAMP, ?::TIMESTAMP)",
                [
                    archive.url(part.rows_place),
                    part.first_seq,
                    part.last_seq,
                    part.since,
                    part.until,
                ],
            )
        connection.execute("DELETE FROM audit WHERE seq <= ?", [through])
        connection.execute("UPDATE archive SET problem = NULL")
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def note_problem(connection: duckdb.DuckDBPyConnection, problem: str) -> None:
    """Says why it is not known what the archive holds; what was known before still holds. Questions
    that would reach there are refused, not answered in part."""
    connection.execute("UPDATE archive SET problem = ? WHERE NOT EXISTS (FROM archived)", [problem])


def snapshot(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A cursor whose questions see one state of the index: a day that becomes one of the archive
    meanwhile is asked for once, and not in neither or both."""
    cursor = connection.cursor()
    cursor.begin()
    return cursor


def ask(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    parameters: Sequence[object],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    part: Part = "all",
    within: duckdb.DuckDBPyConnection | None = None,
) -> duckdb.DuckDBPyConnection:
    """A cursor with the answer to a question about `audit`; its rows are yet to be fetched.

    Without `within`, a `snapshot` of the caller's, it is a cursor of its own. `since` and `until`
    (naive, UTC) are the question's own bounds on `timestamp`, if it has any: files of the archive
    without such rows are not read. Raises `IndexUnavailable`, when it is for the archive
    `ArchiveUnavailable`.
    """
    cursor = snapshot(connection) if within is None else within
    files = [] if part == "hot" else _files(cursor, since, until)
    parts = [] if part == "archived" else [f"{_HOT} WHERE seq > {_sealed(cursor)}"]
    if files:
        parts.append(f"SELECT * FROM read_parquet([{', '.join(files)}], union_by_name = true)")
    if not parts:
        parts = [f"{_HOT} LIMIT 0"]
    sources = " UNION ALL BY NAME ".join(parts)
    statement = f"WITH audit AS NOT MATERIALIZED ({sources}) {sql}"
    return reading(lambda: cursor.execute(statement, parameters))


def reading(take: Callable[..., _Taken], *arguments: object) -> _Taken:
    """What DuckDB gives. Raises `IndexUnavailable` for files that cannot be read."""
    try:
        return take(*arguments)
    except (duckdb.IOException, duckdb.InvalidInputException) as error:
        raise IndexUnavailable(f"the audit's rows cannot be read: {error}") from error


def _sealed(cursor: duckdb.DuckDBPyConnection) -> int:
    found = cursor.execute("SELECT coalesce(max(last_seq), 0) FROM archived").fetchall()
    return int(found[0][0])


def _files(
    cursor: duckdb.DuckDBPyConnection, since: datetime | None, until: datetime | None
) -> list[str]:
    """The files with rows of this time, as SQL texts, oldest first."""
    ((problem,),) = cursor.execute("SELECT problem FROM archive").fetchall()
    if problem is not None:
        raise ArchiveUnavailable(problem)
    found = cursor.execute(
        "SELECT url FROM archived WHERE coalesce(until >= ?, until IS NOT NULL)"
        " AND coalesce(since < ?, true) ORDER BY first_seq",
        [since, until],
    )
    return [_quoted(url) for (url,) in found.fetchall()]


def _quoted(url: str) -> str:
    """As an SQL text that names this file and no others, whatever characters are in it."""
    literal = "".join(f"[{each}]" if each in "*?[" else each for each in url)
    return "'" + literal.replace("'", "''") + "'"
