"""A budget's ledger: every charge of a call that was forwarded, or may have been.

Above: `export`, `asking`, `helio.cli`. Below: `query` (filters), `loader` (the table). Pure
but for the connection it is given. The charges stand in the audit's column `budgets`; a call that
is known not to have reached its upstream gave them back.
"""

from collections.abc import Iterator
from typing import Final

import duckdb

from helio.audit.query import Filters, asked, fetched
from helio.audit.reach import reading
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
_CHARGES = f"""(
    SELECT *, unnest(from_json(budgets, '{_CHARGE}')) AS charge FROM audit
    WHERE budgets IS NOT NULL AND outcome <> 'not_forwarded'
)"""


def charges(
    connection: duckdb.DuckDBPyConnection,
    budget: str,
    filters: Filters,
    *,
    newest_first: bool = False,
) -> Iterator[tuple[Cell, ...]]:
    """The cells of a budget's charges in the order of `NAMES`, times as ISO 8601 texts."""
    order = "DESC" if newest_first else "ASC"
    sql = (
        f"SELECT {_VALUES} FROM {_CHARGES} WHERE charge.budget = ? AND {{condition}} "
        f"ORDER BY seq {order} {filters.span()}"
    )
    return fetched(asked(connection, filters, sql, [budget]))


def count(connection: duckdb.DuckDBPyConnection, budget: str, filters: Filters) -> int:
    """How many charges there are, limit and offset aside."""
    sql = f"SELECT count(*) FROM {_CHARGES} WHERE charge.budget = ? AND {{condition}}"
    with asked(connection, filters, sql, [budget]) as cursor:
        return int(reading(cursor.fetchall)[0][0])


def page(connection: duckdb.DuckDBPyConnection, budget: str, filters: Filters) -> list[Row]:
    """The charges, newest first, for a list. Amounts are decimal texts."""
    found = charges(connection, budget, filters, newest_first=True)
    return [dict(zip(NAMES, cells, strict=True)) for cells in found]
