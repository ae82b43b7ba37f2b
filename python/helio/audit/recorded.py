"""Recorded calls in the order in which they came, with what judging them anew needs.

Above: `helio.simulation`. Below: `query` (filters), `loader` (the table). Pure but for the
connection it is given.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

import duckdb

from helio.audit.query import Filters, count, fetched
from helio.audit.reach import ask, reading

# ruff: noqa: S608 - the statements are made of this module's own constants and of filters.

_ASKS: Final = """CASE
    WHEN coalesce(protocol_version, '') < '2026' OR outcome IS DISTINCT FROM 'answered' THEN false
    WHEN json_valid(upstream_response) AND NOT json_exists(upstream_response, '$.sha256')
    THEN coalesce(
        json_extract_string(upstream_response, '$.result.resultType') = 'input_required', false)
        AND coalesce(json_type(upstream_response, '$.result.requestState'), 'VARCHAR') = 'VARCHAR'
    END"""
_AT: Final = "epoch_us(timestamp)"
_FORWARDED: Final = f"""1000 * CASE
    WHEN outcome IS NULL THEN {_AT}
    ELSE coalesce(
        {_AT} + round(1000 * total_duration_ms)::BIGINT - round(1000 * upstream_latency_ms)::BIGINT,
        greatest({_AT}, epoch_us(created_at)))
    END"""
_ENDED: Final = f"""1000 * CASE
    WHEN outcome IS NULL THEN {_AT}
    ELSE coalesce(
        {_AT} + round(1000 * total_duration_ms)::BIGINT, greatest({_AT}, epoch_us(created_at)))
    END"""
_VALUES: Final = {
    "seq": "seq",
    "id": "id",
    "at": f"1000 * {_AT}",
    "kind": "record_kind",
    "selected": "",
    "session_id": "session_id",
    "session_source": "session_source",
    "agent": "agent_id",
    "environment": "environment",
    "upstream": "upstream",
    "tool": "tool_name",
    "arguments": "tool_input",
    "arguments_hash": "args_hash",
    "annotations": "tool_annotations",
    "decision": "policy_decision",
    "reason": "block_reason",
    "rule": "matched_rule",
    "feedback": "CASE WHEN policy_decision IN ('rate_limited', 'spend_limited', 'budget_exceeded')"
    " THEN feedback END",
    "approval_status": "approval_status",
    "outcome": "outcome",
    "asks": _ASKS,
    "forwarded_at": _FORWARDED,
    "ended_at": _ENDED,
    "budgets": "budgets",
    "metadata": "metadata",
    "origin": "origin",
    "protocol_version": "protocol_version",
}


class RecordedCall(NamedTuple):
    """One row of kind `tool_call` or `evidence`; instants are nanoseconds since 1970.

    `selected`: the filters are met. `arguments`, `annotations`, `feedback`, `budgets` and
    `metadata` are JSON texts. `asks`: the upstream asked for a further round (2026-07-28); None
    when its answer was not kept. `forwarded_at` is when its charges began to count, as near as the
    record tells, `ended_at` when its outcome was there; of a call that went no further both are
    `at`. The others are the audit's columns.
    """

    seq: int
    id: str
    at: int
    kind: str
    selected: bool
    session_id: str | None
    session_source: str | None
    agent: str | None
    environment: str | None
    upstream: str | None
    tool: str | None
    arguments: str | None
    arguments_hash: str | None
    annotations: str | None
    decision: str | None
    reason: str | None
    rule: str | None
    feedback: str | None
    approval_status: str | None
    outcome: str | None
    asks: bool | None
    forwarded_at: int
    ended_at: int
    budgets: str | None
    metadata: str | None
    origin: str | None
    protocol_version: str | None


class Span(NamedTuple):
    """The instants of the oldest and of the youngest record, None for an empty audit."""

    first: datetime | None
    last: datetime | None


def recorded(
    connection: duckdb.DuckDBPyConnection,
    filters: Filters,
    *,
    before: datetime | None,
    whole_sessions: bool,
) -> Iterator[RecordedCall]:
    """What was recorded, oldest first: all calls and marks between `filters.since` and
    `filters.until`, and those that came before.

    The filters only say which are `selected`. `before` is as far as earlier calls count, None for
    all; with `whole_sessions` those of the sessions that are met since `filters.since` come
    however old they are. Raises `helio.errors.IndexUnavailable`.
    """
    selected, selecting = filters.where()
    until = None if filters.until is None else _naive(filters.until)
    within, ending = ("true", []) if until is None else ("timestamp < ?", [until])
    since = None if before is None else _naive(before)
    counting, starting = ("true", []) if since is None else ("timestamp >= ?", [since])
    if since is not None and whole_sessions and filters.since is not None:
        counting += (
            f" OR session_id IN (SELECT session_id FROM audit WHERE timestamp >= ? AND {within})"
        )
        starting += [_naive(filters.since), *ending]
        since = None
    values = {**_VALUES, "selected": f"({selected}) AND record_kind = 'tool_call'"}
    sql = (
        f"SELECT {', '.join(values.values())} FROM audit"
        f" WHERE record_kind IN ('tool_call', 'evidence') AND {within} AND ({counting})"
        " ORDER BY timestamp, seq"
    )
    cursor = ask(connection, sql, [*selecting, *ending, *starting], since=since, until=until)
    return map(RecordedCall._make, fetched(cursor))


def before(
    connection: duckdb.DuckDBPyConnection, call: RecordedCall, most: int
) -> list[RecordedCall] | None:
    """The youngest calls and marks before a call, oldest first; None when the call is not there.

    Raises `helio.errors.IndexUnavailable`.
    """
    values = {**_VALUES, "selected": "true"}
    seconds, nanoseconds = divmod(call.at, 1_000_000_000)
    at = datetime.fromtimestamp(seconds, UTC).replace(microsecond=nanoseconds // 1000)
    sql = (
        f"SELECT {', '.join(values.values())} FROM audit"
        " WHERE record_kind IN ('tool_call', 'evidence') AND (timestamp, seq) <= (?, ?)"
        f" ORDER BY timestamp DESC, seq DESC LIMIT {int(most) + 1}"
    )
    cursor = ask(connection, sql, [_naive(at), call.seq])
    found = [RecordedCall._make(cells) for cells in fetched(cursor)]
    if not found or found[0].id != call.id:
        return None
    return found[:0:-1]


def number(connection: duckdb.DuckDBPyConnection, filters: Filters) -> int:
    """How many calls were recorded in the filters' period, whatever else these say."""
    return count(
        connection, Filters(since=filters.since, until=filters.until, record_kind="tool_call")
    )


def span(connection: duckdb.DuckDBPyConnection) -> Span:
    """From when to when the audit goes."""
    with ask(connection, "SELECT min(timestamp), max(timestamp) FROM audit", []) as cursor:
        first, last = reading(cursor.fetchall)[0]
    return Span(_utc(first), _utc(last))


def _naive(moment: datetime) -> datetime:
    utc = moment if moment.tzinfo is None else moment.astimezone(UTC)
    return utc.replace(tzinfo=None)


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)
