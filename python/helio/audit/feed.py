"""The latest rows, for those who watch: of every kind, without their bodies, newest first.

Above: `asking`. Below: `reach`. Pure but for the connection it is given. It asks the index
alone, not the archive, so that it is fast; what is archived is not the latest.

A row is in the feed from the moment it is whole, so its place there is that of the record that made
it so (`ended_seq`): whoever asks for what came behind a place misses nothing, even if a call took
long.
"""

from typing import Final

import duckdb

from helio.audit.query import fetched
from helio.audit.reach import ask, reading
from helio.audit.record import Row

# ruff: noqa: S608 - the statements are made of this module's own constants.

_LONGEST_METADATA = 1000
_COLUMNS: Final = {
    "seq": "seq",
    "ended_seq": "ended_seq",
    "id": "id",
    "timestamp": "strftime(timestamp, '%Y-%m-%dT%H:%M:%S.%fZ')",
    "record_kind": "record_kind",
    "session_id": "session_id",
    "agent_id": "agent_id",
    "upstream": "upstream",
    "tool_name": "tool_name",
    "policy_decision": "policy_decision",
    "block_reason": "block_reason",
    "matched_rule": "matched_rule",
    "approval_status": "approval_status",
    "approved_by": "approved_by",
    "outcome": "outcome",
    "flagged_destructive": "flagged_destructive",
    "dry_run": "dry_run",
    "origin": "origin",
    "total_duration_ms": "total_duration_ms",
    "metadata": f"CASE WHEN length(metadata) <= {_LONGEST_METADATA} THEN metadata END",
}
NAMES: Final = tuple(_COLUMNS)
JSON: Final = frozenset({"metadata"})
"""Texts that are JSON. Long metadata is left out."""


def latest(connection: duckdb.DuckDBPyConnection, after: int | None, limit: int) -> list[Row]:
    """At most `limit` rows, all of them behind the place `after`."""
    sql = (
        f"SELECT {', '.join(_COLUMNS.values())} FROM audit WHERE ended_seq > ? "
        f"ORDER BY ended_seq DESC LIMIT {int(limit)}"
    )
    found = fetched(ask(connection, sql, [after or 0], part="hot"))
    return [dict(zip(NAMES, cells, strict=True)) for cells in found]


def count(connection: duckdb.DuckDBPyConnection, after: int | None) -> int:
    """How many rows there are behind the place."""
    sql = "SELECT count(*) FROM audit WHERE ended_seq > ?"
    with ask(connection, sql, [after or 0], part="hot") as cursor:
        return int(reading(cursor.fetchall)[0][0])
