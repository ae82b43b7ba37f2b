"""A budget's ledger: every charge of a call that was forwarded, or may have been.

Above: `export`, `asking`, `helio.cli`. Below: `query` (filters), `loader` (the table). Pure
but for the connection it is given. The charges stand in the audit's column `budgets`; a call that
is known not to have reached its upstream gave them back.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import duckdb
import orjson

from helio.audit.query import OF_PAGE, Filters, asked, fetched, of_page, page_numbers
from helio.audit.reach import reading, snapshot
from helio.audit.record import Cell, Row

# ruff: noqa: S608 - the statements are made of this module's own constants.

_CHARGE = (
    '[{"budget":"VARCHAR","key":"VARCHAR","amount":"VARCHAR","currency":"VARCHAR",'
    '"contributor":"INTEGER"}]'
)
_COLUMNS: Final = {
    "id": "id",
    "timestamp": "strftime(timestamp, '%Y-%m-%dT%H:%M:%S.%fZ')",
    "budget": "charge.budget",
    "key": "charge.key",
    "amount": "charge.amount",
    "currency": "charge.currency",
    "contributor": "charge.contributor",
    "outcome": "outcome",
    "tool_name": "tool_name",
    "upstream": "upstream",
    "session_id": "session_id",
    "agent_id": "agent_id",
    "matched_rule": "matched_rule",
    "policy_digest": "policy_digest",
}
NAMES: Final = tuple(_COLUMNS)
"""What a charge holds: `id` is the call's, `contributor` the place of the one that counted."""
JSON: Final = frozenset({"amount"})
"""Texts that are JSON: an amount is a number with all its digits."""
TYPES: Final = {"timestamp": "TIMESTAMP", "contributor": "INTEGER"}
"""The columns that are no VARCHAR: amounts keep all their digits as texts."""

_VALUES = ", ".join(_COLUMNS.values())
_CHARGED: Final = "contains(budgets, ?) AND outcome <> 'not_forwarded'"
"""The calls that took from a budget, once at most: its name is looked for in the text, which is
many times faster than to take all of them apart."""


def charges(
    connection: duckdb.DuckDBPyConnection, budget: str, filters: Filters
) -> Iterator[tuple[Cell, ...]]:
    """The cells of a budget's charges in the order of `NAMES`, oldest first, times as ISO 8601
    texts."""
    sql = _of(f"{_CHARGED} AND {{condition}}", f"ASC {filters.span()}")
    return fetched(asked(connection, filters, sql, [budget, _named(budget)]))


def count(connection: duckdb.DuckDBPyConnection, budget: str, filters: Filters) -> int:
    """How many charges there are, limit and offset aside."""
    sql = f"SELECT count(*) FROM audit WHERE {_CHARGED} AND {{condition}}"
    with asked(connection, filters, sql, [_named(budget)]) as cursor:
        return int(reading(cursor.fetchall)[0][0])


def page(connection: duckdb.DuckDBPyConnection, budget: str, filters: Filters) -> list[Row]:
    """The charges, newest first, for a list. Amounts are decimal texts."""
    with snapshot(connection) as within:
        charged = [_named(budget)]
        numbers = page_numbers(within, filters, condition=_CHARGED, parameters=charged)
        if not numbers:
            return []
        whole = replace(filters, limit=None, offset=0)
        parameters = [budget, *of_page(numbers)]
        found = fetched(asked(within, whole, _of(OF_PAGE, "DESC"), parameters, within=within))
        return [dict(zip(NAMES, cells, strict=True)) for cells in found]


def _of(condition: str, order: str) -> str:
    """The charges of one budget, the first parameter, in the rows of a condition."""
    return (
        f"SELECT {_VALUES} FROM (SELECT *, unnest([each FOR each IN from_json(budgets, '{_CHARGE}')"
        f" IF each.budget = ?]) AS charge FROM audit WHERE {condition}) ORDER BY seq {order}"
    )


def _named(budget: str) -> str:
    """How a charge begins in the audit's text, which nothing else in it can look like."""
    return f'"budget":{orjson.dumps(budget).decode()}'
