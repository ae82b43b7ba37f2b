"""The loader: turns the journal's lines into rows of a DuckDB table, in SQL.

Above: `index` (the file beside the journal), `export` (a file for one export). Below: `tail`,
`record`. Python passes pieces of the journal to DuckDB as they are; parsing, joining and inserting
happen there, without the interpreter, so that calls are not held up. Not for several threads at
once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb
import orjson

from helio.audit.reach import CREATE
from helio.audit.record import CALL_KINDS, COLUMNS, UNKNOWN_OUTCOME, Column
from helio.audit.segment import Position, decode, path_of
from helio.audit.tail import PIECE, Piece, Tail
from helio.errors import JournalDamaged

VERSION: Final = 5
"""Of the tables. Another version is rebuilt from the journal."""

# ruff: noqa: S608 - the statements are made of this module's own constants.

_CARRIED = b'"carried":true,'
_OWN_FIELDS = ("call_id", "timestamp", "policy_decision", "record_kind", "status")
_DATA = {
    **{column.name: column.sql for column in COLUMNS if column.source != "made"},
    **dict.fromkeys(_OWN_FIELDS, "VARCHAR"),
}
_LINE = {"seq": "BIGINT", "at": "VARCHAR", "kind": "VARCHAR", "carried": "BOOLEAN", "data": _DATA}
_CALL_KINDS = ", ".join(f"'{kind}'" for kind in CALL_KINDS)
_MADE = {
    "id": "coalesce(call.data.call_id, call.kind || '-' || call.at)",
    "timestamp": "coalesce(try_cast(call.data.timestamp AS TIMESTAMP), call.at::TIMESTAMP)",
    "policy_decision": "coalesce(ended.data.policy_decision, call.data.policy_decision,"
    " CASE call.kind WHEN 'rejected' THEN 'rejected' END)",
    "record_kind": "coalesce(call.data.record_kind,"
    f" CASE WHEN call.kind IN ({_CALL_KINDS}) THEN 'tool_call' ELSE call.kind END)",
    "created_at": "call.at::TIMESTAMP",
    "outcome": "ended.data.status",
}


def _text(value: object) -> str:
    """A JSON value as an SQL string."""
    return "'" + orjson.dumps(value).decode().replace("'", "''") + "'"


def _value(column: Column) -> str:
    """The SQL of one column, from a record `call` and what it `ended` with."""
    value = {
        "made": _MADE.get(column.name, ""),
        "call": f"call.data.{column.name}",
        "outcome": f"ended.data.{column.name}",
        "either": f"coalesce(ended.data.{column.name}, call.data.{column.name})",
    }[column.source]
    return f"coalesce({value}, false)" if column.sql == "BOOLEAN" else value


def _ended(data: dict[str, str]) -> str:
    return f"(SELECT from_json({_text(data)}, {_text(_DATA)}) AS data) AS ended"


_CREATE = f"""
CREATE TABLE audit (seq BIGINT, ended_seq BIGINT,
                    {", ".join(f"{each.name} {each.sql}" for each in COLUMNS)});
CREATE TABLE loaded (version INTEGER, segment BIGINT, byte BIGINT,
                     resume_segment BIGINT, resume_byte BIGINT);
{CREATE}
"""
_BATCH = f"""
CREATE OR REPLACE TEMP TABLE batch AS
SELECT unnest(from_json(line, {_text(_LINE)}))
FROM (SELECT unnest(string_split(?, chr(10))) AS line) WHERE line <> ''
"""
_WAITING = """
CREATE OR REPLACE TEMP TABLE waiting AS
SELECT *, 0::BIGINT AS segment, 0::BIGINT AS byte FROM batch LIMIT 0
"""
_VALUES = ", ".join(map(_value, COLUMNS))
_INSERT_OPEN = f"""
INSERT INTO audit SELECT call.seq, call.seq, {_VALUES} FROM waiting AS call,
{_ended({"status": "indeterminate", "upstream_error": UNKNOWN_OUTCOME})}
"""
# One statement: planning so many columns costs more than inserting a few rows.
_INSERT = f"""
INSERT INTO audit SELECT call.seq, coalesce(ended.seq, call.seq), {_VALUES} FROM (
    SELECT call, ended FROM batch AS ended JOIN (
        SELECT seq, "at", kind, data FROM waiting UNION ALL
        SELECT seq, "at", kind, data FROM batch WHERE kind = 'intent'
    ) AS call ON call.data.call_id = ended.data.call_id WHERE ended.kind = 'outcome'
    UNION ALL
    SELECT call, NULL FROM (
        SELECT seq, "at", kind, data FROM batch
        WHERE kind NOT IN ('segment', 'intent', 'outcome', 'ticket')
    ) AS call
)
"""
_WAIT = """
CREATE OR REPLACE TEMP TABLE waiting AS
SELECT call.* FROM (
    FROM waiting UNION ALL SELECT *, ?, ? FROM batch WHERE kind = 'intent'
) AS call ANTI JOIN (SELECT data.call_id AS call_id FROM batch WHERE kind = 'outcome') AS ended
ON call.data.call_id = ended.call_id
"""
# A line that was carried over to a new segment may have been read from the old one.
_FORGET_REPEATED = """
DELETE FROM batch WHERE carried AND kind <> 'outcome' AND (
    coalesce(data.call_id, kind || '-' || "at") IN (SELECT id FROM audit)
    OR data.call_id IN (SELECT data.call_id FROM waiting))
"""


class IndexOutdated(Exception):
    """The tables are of another version, or of another journal: they must be made anew."""


class Loader:
    """Loads one directory's journal into the tables of one DuckDB connection, which it makes if
    missing.

    `loaded` is how far it came; it is remembered with the rows, in the same transaction. A call is
    a row once it has an outcome; calls that wait for theirs are found again after a restart, by
    reading from the oldest of them on.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        directory: Path,
        start: Position | None = None,
        *,
        piece: int = PIECE,
    ) -> None:
        """New tables begin at `start`, or with the oldest segment. `piece`: bytes of one step.

        Raises `IndexOutdated`, `JournalDamaged`, and DuckDB's own errors.
        """
        self._connection = connection
        self._directory = directory
        self.loaded, resume = self._remembered()
        connection.execute(_BATCH, [""])
        connection.execute(_WAITING)
        self._tail = Tail(directory, resume or start, piece=piece)
        if self.loaded is not None:
            self._find_waiting(self.loaded)

    def step(self, limit: Position | None = None) -> int:
        """Loads the next piece, up to `limit` (see `Tail.next`); its size in bytes, 0 for none.

        Raises `JournalDamaged` for lines that cannot be read.
        """
        piece = self._tail.next(limit)
        if piece is None:
            return 0
        with self._transaction():
            self._take(piece)
            self._connection.execute(_INSERT)
            self._wait(piece)
            self._remember(piece.end)
        self.loaded = piece.end
        return len(piece.lines)

    def load_open_calls(self) -> None:
        """Makes rows of the calls without an outcome, in a journal that nobody writes to."""
        self._connection.execute(_INSERT_OPEN)

    def waiting_before(self, segment: int) -> bool:
        """Whether calls whose intents stand before this segment have no outcome yet."""
        sql = "SELECT count(*) FROM waiting WHERE segment < ?"
        return bool(self._connection.execute(sql, [segment]).fetchall()[0][0])

    def _remembered(self) -> tuple[Position | None, Position | None]:
        """How far the tables go, and from where on calls may still wait."""
        execute = self._connection.execute
        tables = {name for (name,) in execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        if "loaded" not in tables:
            with self._transaction():
                execute(_CREATE)
                execute("INSERT INTO loaded VALUES (?, NULL, NULL, NULL, NULL)", [VERSION])
            return None, None
        (version, *places) = execute("FROM loaded").fetchall()[0]
        if version != VERSION:
            raise IndexOutdated(f"version {version}")
        # Blocks carry checksums, which count when they are read: better now than in a question.
        execute("SELECT bit_xor(hash(audit)) FROM audit").fetchall()
        if places[0] is None:
            return None, None
        return Position(*places[:2]), Position(*places[2:])

    def _find_waiting(self, loaded: Position) -> None:
        try:
            while self._tail.place != loaded:
                piece = self._tail.next(loaded)
                if piece is None:
                    raise IndexOutdated("the journal ends before its index")
                self._take(piece)
                self._wait(piece)
        except JournalDamaged as error:
            raise IndexOutdated(str(error)) from error

    def _take(self, piece: Piece) -> None:
        try:
            self._connection.execute(_BATCH, [piece.lines.decode()])
        except (duckdb.InvalidInputException, UnicodeDecodeError) as error:
            raise _damage(self._directory, piece, error) from error
        if _CARRIED in piece.lines:
            self._connection.execute(_FORGET_REPEATED)

    def _wait(self, piece: Piece) -> None:
        self._connection.execute(_WAIT, list(piece.start))

    def _remember(self, end: Position) -> None:
        oldest = "SELECT segment, byte FROM waiting ORDER BY segment, byte LIMIT 1"
        resume = self._connection.execute(oldest).fetchone() or end
        self._connection.execute(
            "UPDATE loaded SET segment = ?, byte = ?, resume_segment = ?, resume_byte = ?",
            [*end, *resume],
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.begin()
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.commit()


def _damage(directory: Path, piece: Piece, error: Exception) -> JournalDamaged:
    """Says which line of the piece is wrong."""
    path = path_of(directory, piece.start.segment)
    with path.open("rb") as file:
        before = file.read(piece.start.offset).count(b"\n")
    for number, line in enumerate(piece.lines.splitlines(), start=before + 1):
        decoded = decode(line)
        if isinstance(decoded, str):
            return JournalDamaged(path.name, number, decoded)
        try:
            decoded.values()
        except ValueError as fault:
            return JournalDamaged(path.name, number, f"not JSON: {fault}")
    return JournalDamaged(path.name, before + 1, f"the index cannot read it: {error}")
