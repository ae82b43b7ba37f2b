"""Questions about the past: filters, and the SQL they become.

Above: `export`, `asking`. Below: `record` (the columns), `reach` (the table). Pure but for
the connection it is given. The filters are those of the operator API (product reference, "The
operator port").
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Self

import duckdb

from helio.audit.reach import Part, ask, reading, snapshot
from helio.audit.record import COLUMNS, Cell, Row
from helio.errors import FilterError

# ruff: noqa: S608 - the statements are made of this module's own constants.

NAMES: Final = tuple(column.name for column in COLUMNS)

_FETCH = 100
"""Rows that are taken from DuckDB at a time: each may hold long bodies."""
_COUNT = "SELECT count(*) FROM audit WHERE {condition}"
_MOST_DIGITS = 18
"""Of a number: DuckDB's have 64 bits."""
_EQUAL = {
    "decision": "policy_decision",
    "reason": "block_reason",
    "session": "session_id",
    "agent": "agent_id",
    "upstream": "upstream",
    "origin": "origin",
    "record_kind": "record_kind",
}
BLOCKED: Final = (
    "(block_reason IS NOT NULL AND coalesce(outcome, 'not_forwarded') = 'not_forwarded' "
    "AND NOT dry_run)"
)
"""Kept from going through, as SQL."""
_VALUES = ", ".join(
    f"strftime({column.name}, '%Y-%m-%dT%H:%M:%S.%fZ')"
    if column.sql == "TIMESTAMP"
    else column.name
    for column in COLUMNS
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which rows. None is no condition.

    `tool` is a part of the tool's name in any case; the other texts are whole and exact. `blocked`
    is whether Helio kept the call from going through (a dry run is not blocked). `since` is
    included, `until` is not; both are about when the call came.
    """

    tool: str | None = None
    decision: str | None = None
    reason: str | None = None
    blocked: bool | None = None
    session: str | None = None
    agent: str | None = None
    upstream: str | None = None
    origin: str | None = None
    record_kind: str | None = None
    dry_run: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = None
    offset: int = 0

    @classmethod
    def parse(cls, values: Mapping[str, str]) -> Self:
        """From texts by their outer names, `from` and `to` among them.

        Raises `FilterError` for an unknown name or a value that is not of its type.
        """
        texts = {"tool", *_EQUAL}
        parsed: dict[str, object] = {}
        for name, text in values.items():
            if name in texts:
                parsed[name] = text
            elif name in _TYPED:
                field, read = _TYPED[name]
                parsed[field] = read(name, text)
            else:
                known = ", ".join(sorted(texts | set(_TYPED)))
                raise FilterError(name, f"is not a filter; there are {known}")
        return cls(**parsed)  # type: ignore[arg-type]

    def where(self) -> tuple[str, list[object]]:
        """The condition as SQL, and its parameters."""
        conditions: list[str] = []
        parameters: list[object] = []
        for name, column in _EQUAL.items():
            if (text := getattr(self, name)) is not None:
                conditions.append(f"{column} = ?")
                parameters.append(text)
        if self.tool is not None:
            conditions.append("contains(lower(tool_name), lower(?))")
            parameters.append(self.tool)
        for moment, operator in ((self.since, ">="), (self.until, "<")):
            if moment is not None:
                conditions.append(f"timestamp {operator} ?")
                parameters.append(_naive(moment))
        for wanted, condition in ((self.blocked, BLOCKED), (self.dry_run, "dry_run")):
            if wanted is not None:
                conditions.append(condition if wanted else f"NOT {condition}")
        return " AND ".join(conditions) or "true", parameters

    def span(self) -> str:
        """Limit and offset as SQL."""
        limit = "" if self.limit is None else f"LIMIT {int(self.limit)} "
        return f"{limit}OFFSET {int(self.offset)}"


def rows(
    connection: duckdb.DuckDBPyConnection, filters: Filters, *, newest_first: bool = False
) -> Iterator[tuple[Cell, ...]]:
    """The rows' cells in the order of `NAMES`, times as ISO 8601 texts, one after the other.

    Raises `IndexUnavailable`, as all that follows here.
    """
    order = "DESC" if newest_first else "ASC"
    sql = f"SELECT {_VALUES} FROM audit WHERE {{condition}} ORDER BY seq {order} {filters.span()}"
    return fetched(asked(connection, filters, sql))


def asked(
    connection: duckdb.DuckDBPyConnection,
    filters: Filters,
    sql: str,
    parameters: Sequence[object] = (),
    *,
    part: Part = "all",
    within: duckdb.DuckDBPyConnection | None = None,
) -> duckdb.DuckDBPyConnection:
    """A cursor with the answer to a question about `audit`, in which `{condition}` stands for that
    of the filters, behind the `parameters`. Of the archive it reads what these may take. `within`
    is as for `ask`."""
    condition, own = filters.where()
    return ask(
        connection,
        sql.replace("{condition}", condition),
        [*parameters, *own],
        since=None if filters.since is None else _naive(filters.since),
        until=None if filters.until is None else _naive(filters.until),
        part=part,
        within=within,
    )


def fetched(cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple[Cell, ...]]:
    """The rows of an answer, a few at a time; then the cursor is closed."""
    with cursor:
        yield from _fetched(cursor)


def count(connection: duckdb.DuckDBPyConnection, filters: Filters) -> int:
    """How many rows there are, limit and offset aside."""
    with asked(connection, filters, _COUNT) as cursor:
        return _number_of(cursor)


def page(connection: duckdb.DuckDBPyConnection, filters: Filters) -> list[Row]:
    """The rows, newest first, for a list. JSON columns are texts.

    The archive is asked only for what the index's own rows do not fill.
    """
    with snapshot(connection) as within:
        hot = _page(within, filters, "hot")
        if filters.limit is not None and len(hot) == filters.limit:
            return hot
        if hot or not filters.offset:
            passed = filters.offset + len(hot)
        else:
            passed = _number_of(asked(within, filters, _COUNT, part="hot", within=within))
        rest = replace(
            filters,
            limit=None if filters.limit is None else filters.limit - len(hot),
            offset=max(0, filters.offset - passed),
        )
        return hot + _page(within, rest, "archived")


def find(connection: duckdb.DuckDBPyConnection, row_id: str) -> Row | None:
    """The row with this id, and first its `seq`: the number of its record in the journal."""
    sql = f"SELECT seq, {_VALUES} FROM audit WHERE id = ?"
    for part in ("hot", "archived"):
        with ask(connection, sql, [row_id], part=part) as cursor:
            cells = reading(cursor.fetchone)
        if cells is not None:
            return dict(zip(("seq", *NAMES), cells, strict=True))
    return None


def _page(within: duckdb.DuckDBPyConnection, filters: Filters, part: Part) -> list[Row]:
    numbers = page_numbers(within, filters, part=part)
    if not numbers:
        return []
    sql = f"SELECT {_VALUES} FROM audit WHERE {OF_PAGE} ORDER BY seq DESC"
    span = replace(filters, limit=None, offset=0)
    found = _fetched(asked(within, span, sql, of_page(numbers), part=part, within=within))
    return [dict(zip(NAMES, cells, strict=True)) for cells in found]


OF_PAGE: Final = "seq BETWEEN ? AND ? AND list_contains(?, seq) AND {condition}"
"""The rows with the numbers of a page, as `of_page` gives them."""


def page_numbers(
    within: duckdb.DuckDBPyConnection,
    filters: Filters,
    *,
    part: Part = "all",
    condition: str = "true",
    parameters: Sequence[object] = (),
) -> list[int]:
    """The `seq`s of the page that the filters' limit and offset are, newest first.

    They are looked up before any other column is read, so that a page far behind costs about what
    the first one does. `condition` is one more, with its parameters; `within` as for `asked`.
    """
    sql = (
        f"SELECT seq FROM audit WHERE {condition} AND {{condition}} "
        f"ORDER BY seq DESC {filters.span()}"
    )
    cursor = asked(within, filters, sql, parameters, part=part, within=within)
    return [number for (number,) in reading(cursor.fetchall)]


def of_page(numbers: Sequence[int]) -> list[object]:
    """The parameters of `OF_PAGE`: these numbers, of which there is one at least."""
    return [min(numbers), max(numbers), list(numbers)]


def _fetched(cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple[Cell, ...]]:
    while found := reading(cursor.fetchmany, _FETCH):
        yield from found


def _number_of(cursor: duckdb.DuckDBPyConnection) -> int:
    return int(reading(cursor.fetchall)[0][0])


def _naive(moment: datetime) -> datetime:
    return _utc(moment).replace(tzinfo=None)


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _moment(name: str, text: str) -> datetime:
    try:
        return _utc(datetime.fromisoformat(text))
    except ValueError:
        raise FilterError(name, f"{text!r} is not an ISO 8601 date or time") from None


def _whether(name: str, text: str) -> bool:
    if text not in {"true", "false"}:
        raise FilterError(name, f"{text!r} is neither true nor false")
    return text == "true"


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise FilterError(name, f"{text!r} is not a whole number")
    return int(text)


_TYPED = {
    "blocked": ("blocked", _whether),
    "dry_run": ("dry_run", _whether),
    "from": ("since", _moment),
    "to": ("until", _moment),
    "limit": ("limit", _number),
    "offset": ("offset", _number),
}
