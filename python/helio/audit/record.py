"""What the audit keeps: the kinds of journal records, and the columns of a row (product reference,
"What the audit keeps").

Above: `loader` (rows in DuckDB), `query`, `export`; `helio.pipeline` composes the records' data.
Pure.

Data has the row's names. Beside them: `call_id` (the row's id), `charges` on an intent, and on an
outcome that corrects them, `status` and `cause` on an outcome. `tool_input`, `upstream_response`
and `metadata` are JSON texts, so that every digit of a number stays as it came; a body over the
configured size is `{"sha256","size","head"}`.

A row is an intent joined with its outcome, or any other record alone but `segment` and `ticket`.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import orjson

Cell = str | int | float | bool | None
Row = dict[str, Cell]

UNKNOWN_OUTCOME = "Helio stopped before the outcome was recorded"
"""The `upstream_error` of a call that was open when its process ended."""


class Column(NamedTuple):
    """One column of the audit.

    `sql` is its DuckDB type. `source`: the `call` (an intent, or a record that stands alone), its
    `outcome`, `either` (the outcome's value first), or `made` here. `json`: the text is JSON.
    """

    name: str
    sql: str
    source: Literal["call", "outcome", "either", "made"]
    json: bool = False


COLUMNS: tuple[Column, ...] = (
    Column("id", "VARCHAR", "made"),
    Column("timestamp", "TIMESTAMP", "made"),
    Column("session_id", "VARCHAR", "call"),
    Column("session_source", "VARCHAR", "call"),
    Column("agent_id", "VARCHAR", "call"),
    Column("environment", "VARCHAR", "call"),
    Column("upstream", "VARCHAR", "call"),
    Column("tool_name", "VARCHAR", "call"),
    Column("tool_input", "VARCHAR", "call", json=True),
    Column("args_hash", "VARCHAR", "call"),
    Column("policy_decision", "VARCHAR", "made"),
    Column("block_reason", "VARCHAR", "either"),
    Column("matched_rule", "VARCHAR", "call"),
    Column("matched_rule_index", "INTEGER", "call"),
    Column("policy_digest", "VARCHAR", "call"),
    Column("indeterminate", "VARCHAR", "call", json=True),
    Column("evidence_chain", "VARCHAR", "call", json=True),
    Column("approval_status", "VARCHAR", "call"),
    Column("approved_by", "VARCHAR", "call"),
    Column("upstream_response", "VARCHAR", "outcome", json=True),
    Column("upstream_error", "VARCHAR", "outcome"),
    Column("upstream_http_status", "INTEGER", "outcome"),
    Column("upstream_latency_ms", "DOUBLE", "outcome"),
    Column("total_duration_ms", "DOUBLE", "either"),
    Column("approval_wait_ms", "DOUBLE", "either"),
    Column("proxy_compute_ms", "DOUBLE", "either"),
    Column("flagged_destructive", "BOOLEAN", "call"),
    Column("dry_run", "BOOLEAN", "call"),
    Column("shadow", "VARCHAR", "call", json=True),
    Column("record_kind", "VARCHAR", "made"),
    Column("origin", "VARCHAR", "call"),
    Column("metadata", "VARCHAR", "either", json=True),
    Column("protocol_version", "VARCHAR", "call"),
    Column("created_at", "TIMESTAMP", "made"),
    Column("outcome", "VARCHAR", "made"),
    Column("feedback", "VARCHAR", "call", json=True),
    Column("assumed_annotations", "VARCHAR", "call", json=True),
    Column("budgets", "VARCHAR", "either", json=True),
    Column("tool_annotations", "VARCHAR", "call", json=True),
    Column("spend", "VARCHAR", "either", json=True),
    Column("trace_id", "VARCHAR", "call"),
)
"""Every column, in the order of exports. `outcome` is answered, upstream_error, indeterminate or
not_forwarded, and nothing for what was never to be forwarded; `shadow` lists what shadow rules, or
a policy in shadow, would have done; `budgets` what the call took from each, and `spend` the money
that was in it, `{currency: amount}`, both if it was forwarded; `tool_annotations` what was known of
the tool (`helio.pipeline.record.known_annotations`); `trace_id` the W3C trace that it belongs to.
"""

CALL_KINDS = ("intent", "blocked", "rejected")
"""The kinds of records that are calls; the others are rows of a kind named like themselves."""


def row_of(
    kind: str,
    at: str,
    data: Mapping[str, object],
    outcome: Mapping[str, object] | None = None,
) -> Row:
    """The audit's row of one record of this kind, recorded `at`, and of its outcome.

    An intent without an outcome is `indeterminate`. The loader's SQL says the same in DuckDB.
    """
    if kind == "intent" and outcome is None:
        outcome = {"status": "indeterminate", "upstream_error": UNKNOWN_OUTCOME}
    ended = outcome or {}
    made: Mapping[str, object] = {
        "id": data.get("call_id", f"{kind}-{at}"),
        "timestamp": data.get("timestamp", at),
        "policy_decision": ended.get("policy_decision")
        or data.get("policy_decision", "rejected" if kind == "rejected" else None),
        "record_kind": data.get("record_kind", "tool_call" if kind in CALL_KINDS else kind),
        "created_at": at,
        "outcome": ended.get("status"),
    }
    sources = {"call": data, "outcome": ended, "either": {**data, **ended}, "made": made}
    return {
        column.name: _cell(column, sources[column.source].get(column.name)) for column in COLUMNS
    }


def _cell(column: Column, value: object) -> Cell:
    if value is None:
        return False if column.sql == "BOOLEAN" else None
    if isinstance(value, str | int | float | bool):
        return value
    return orjson.dumps(value).decode()


def unknown_outcome(call_id: str, cause: str) -> dict[str, object]:
    """The outcome of a call that nobody will ever know; `cause` says what ended it."""
    return {
        "call_id": call_id,
        "status": "indeterminate",
        "cause": cause,
        "upstream_error": UNKNOWN_OUTCOME,
    }


def restored(unrecorded: int) -> dict[str, object]:
    """What the audit says of a time when it could not be written: how many records are missing."""
    metadata = {"event": "audit_restored", "unrecorded": unrecorded}
    return {"record_kind": "lifecycle", "metadata": orjson.dumps(metadata).decode()}
