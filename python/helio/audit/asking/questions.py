"""What may be asked of the index: each question writes its answer, finished, as bytes.

Above: `answering`, which calls them in threads. Below: `query`, `feed`, `analytics`, `steps`,
`ledger`, `export`. Runs in the index's own process: the making of answers is in no call's way,
either.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import IO, Final, NamedTuple

import duckdb
import orjson

from helio.audit import analytics, export, feed, ledger, query, steps
from helio.audit.chained import digest_at
from helio.audit.query import Filters
from helio.audit.record import Cell
from helio.governance.feedback import exact

_PAGE: Final = 100
_LONGEST_PAGE: Final = 1000
"""Rows of one answer, unless asked for fewer or more; and at most."""
_LONGEST_FEED: Final = 500

Texts = Mapping[str, str]
"""Filters by their outer names, as texts."""


class Asked(NamedTuple):
    """What a question works with: a connection to the index, the journal's directory, and where the
    answer goes."""

    connection: duckdb.DuckDBPyConnection
    directory: Path
    out: IO[bytes]


class Missing(Exception):
    """There is nothing of the name that was asked for. The text says what."""


def latest(asked: Asked, *, after: int, limit: int) -> None:
    """The feed: `{"data", "total", "limit", "offset", "latest"}`."""
    most = min(limit, _LONGEST_FEED)
    total = feed.count(asked.connection, after)
    found = feed.latest(asked.connection, after, most)
    place = max((int(str(row["ended_seq"])) for row in found), default=after)
    layout = export.Layout(feed.NAMES, feed.JSON)
    rows = (export.json_row(row.values(), layout) for row in found)
    _write_list(asked.out, rows, {"total": total, "limit": most, "offset": 0, "latest": place})


def listed(asked: Asked, *, filters: Texts) -> None:
    """A page of rows, newest first: `{"data", "total", "limit", "offset"}`."""
    parsed = _paged(filters)
    total = query.count(asked.connection, parsed)
    rows = (export.json_row(row.values()) for row in query.page(asked.connection, parsed))
    _write_list(asked.out, rows, _beside(total, parsed))


def one(asked: Asked, *, row_id: str) -> None:
    """`{"data": row}`: every column, and the place of its record in the journal: `seq`, and `hash`,
    None once it is archived. Raises `Missing`."""
    row = query.find(asked.connection, row_id)
    if row is None:
        raise Missing("there is no row with this id")
    seq = row.pop("seq")
    placed: dict[str, Cell] = {"seq": seq, "hash": digest_at(asked.directory, int(str(seq)))}
    layout = export.Layout((*placed, *row), export.AUDIT.json)
    shown = export.json_row([*placed.values(), *row.values()], layout)
    asked.out.write(b'{"data":' + shown + b"}")


def exported(asked: Asked, *, form: str, filters: Texts) -> None:
    """All rows that the filters take, oldest first, as `json`, `csv` or `parquet`."""
    rows = query.rows(asked.connection, Filters.parse(filters))
    export.write(rows, form, asked.out, export.AUDIT)


def summed(asked: Asked, *, filters: Texts) -> None:
    """The analytics, amounts as numbers with all their digits; with a `step`, what was in each."""
    step, rest = steps.step_of(filters)
    found = analytics.analytics(asked.connection, Filters.parse(rest), step)
    for each in found.get("per_step", ()):
        each["spend"] = {name: exact(amount) for name, amount in each["spend"].items()}
    for spent in found["spend"].values():
        spent["total"] = exact(spent["total"])
        spent["per_hour"] = [
            {**each, "amount": exact(each["amount"])} for each in spent["per_hour"]
        ]
    asked.out.write(orjson.dumps(found))


def charges(asked: Asked, *, budget: str, configured: bool, filters: Texts) -> None:
    """A page of a budget's ledger, newest first. Raises `Missing` for a budget that neither is
    `configured` nor ever was charged."""
    parsed = _paged(filters)
    total = ledger.count(asked.connection, budget, parsed)
    _check_budget(configured, total)
    rows = (
        orjson.dumps({**row, "amount": exact(str(row["amount"]))})
        for row in ledger.page(asked.connection, budget, parsed)
    )
    _write_list(asked.out, rows, _beside(total, parsed))


def charges_exported(
    asked: Asked, *, budget: str, configured: bool, form: str, filters: Texts
) -> None:
    """All of a budget's ledger, oldest first. Raises `Missing` as `charges` does."""
    parsed = Filters.parse(filters)
    if not configured:
        _check_budget(configured, ledger.count(asked.connection, budget, parsed))
    rows = ledger.charges(asked.connection, budget, parsed)
    export.write(rows, form, asked.out, export.LEDGER)


QUESTIONS: Final[Mapping[str, Callable[..., None]]] = MappingProxyType(
    {
        "feed": latest,
        "list": listed,
        "one": one,
        "export": exported,
        "analytics": summed,
        "ledger": charges,
        "ledger_export": charges_exported,
    }
)
"""By the names that `Line.ask` gives; their arguments are JSON values."""


def _paged(filters: Texts) -> Filters:
    parsed = Filters.parse(filters)
    limit = min(_PAGE if parsed.limit is None else parsed.limit, _LONGEST_PAGE)
    return replace(parsed, limit=limit)


def _beside(total: int, filters: Filters) -> dict[str, object]:
    return {"total": total, "limit": filters.limit, "offset": filters.offset}


def _write_list(out: IO[bytes], rows: Iterable[bytes], beside: Mapping[str, object]) -> None:
    """`{"data": […], …}` of rows and what stands beside them."""
    out.write(b'{"data":[')
    for number, row in enumerate(rows):
        out.write(b"," + row if number else row)
    out.write(b"]," + orjson.dumps(beside)[1:])


def _check_budget(configured: bool, charged: int) -> None:
    if not configured and not charged:
        raise Missing("there is no budget of this name")
