"""What the audit's rows add up to: decisions, tools, agents, latencies, hours, money.

Above: `asking`. Below: `query` (filters), `reach`. Pure but for the connection it is given.
Only calls count (`record_kind` tool_call), unless a filter asks for another kind.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal, localcontext
from typing import Any, Final

import duckdb

from helio.audit.query import BLOCKED, Filters, asked

# ruff: noqa: S608 - the statements are made of this module's own constants.

TOP: Final = 10
"""How many tools and agents are listed."""
_TIMES: Final = {
    "total": "total_duration_ms",
    "upstream": "upstream_latency_ms",
    "proxy_compute": "proxy_compute_ms",
}
_SHARES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_COUNTS: Final = f"""
count(*), count(*) FILTER (NOT {BLOCKED} AND NOT dry_run),
count(*) FILTER ({BLOCKED}), count(*) FILTER (dry_run)
"""
_COUNTED: Final = ("total", "allowed_total", "blocked_total", "dry_run_total")
_HOUR: Final = "strftime(date_trunc('hour', timestamp), '%Y-%m-%dT%H:00:00Z')"


def analytics(connection: duckdb.DuckDBPyConnection, filters: Filters) -> dict[str, Any]:
    """All of it, over the rows that the filters take; limit and offset do not count.

    `{total, allowed_total, blocked_total, dry_run_total, by_decision: {decision: calls},
    by_block_reason: {reason: calls}, top_tools: [{tool, upstream, calls, blocked}], top_agents:
    [{agent, calls, blocked}], latency: {total | upstream | proxy_compute: {p50, p95, p99}} in ms,
    per_hour: [{hour, total, allowed_total, blocked_total, dry_run_total}], spend: {currency:
    {total, per_hour: [{hour, amount}]}}}`, amounts as decimal texts, hours as ISO 8601 texts (UTC),
    oldest first; hours without calls are left out. `allowed_total` are calls that Helio let
    through, whatever came of them. A percentile of no values is None.

    Raises `IndexUnavailable`.
    """
    if filters.record_kind is None:
        filters = replace(filters, record_kind="tool_call")

    def ask(sql: str) -> list[tuple[Any, ...]]:
        return asked(connection, filters, sql).fetchall()

    totals = ask(f"SELECT {_COUNTS} FROM audit WHERE {{condition}}")[0]
    return {
        **dict(zip(_COUNTED, totals, strict=True)),
        "by_decision": _numbers(ask(_grouped("policy_decision"))),
        "by_block_reason": _numbers(ask(_grouped("block_reason"))),
        "top_tools": _listed(("tool", "upstream"), ask(_top("tool_name, upstream"))),
        "top_agents": _listed(("agent",), ask(_top("agent_id"))),
        "latency": _latency(ask(_percentiles())[0]),
        "per_hour": [
            dict(zip(("hour", *_COUNTED), each, strict=True))
            for each in ask(
                f"SELECT {_HOUR}, {_COUNTS} FROM audit WHERE {{condition}} GROUP BY 1 ORDER BY 1"
            )
        ],
        "spend": _spend(ask(_SPEND)),
    }


_EXACT: Final = r"regexp_full_match(pair.value, '\d{1,19}(\.\d{1,9})?')"
"""Amounts that a sum in DuckDB keeps every digit of."""
_SPEND: Final = f"""
SELECT pair.key, hour,
       sum(CASE WHEN {_EXACT} THEN try_cast(pair.value AS DECIMAL(38, 9)) END)::VARCHAR,
       list(pair.value) FILTER (NOT {_EXACT})
FROM (
    SELECT {_HOUR} AS hour,
           unnest(map_entries(from_json(spend, '"MAP(VARCHAR, VARCHAR)"'))) AS pair
    FROM audit WHERE spend IS NOT NULL AND outcome <> 'not_forwarded' AND {{condition}}
) GROUP BY 1, 2 ORDER BY 1, 2
"""


def _grouped(column: str) -> str:
    return (
        f"SELECT {column}, count(*) FROM audit WHERE {column} IS NOT NULL AND {{condition}} "
        "GROUP BY 1 ORDER BY 2 DESC, 1"
    )


def _top(columns: str) -> str:
    first = columns.split(",", maxsplit=1)[0]
    return (
        f"SELECT {columns}, count(*) AS calls, count(*) FILTER ({BLOCKED}) FROM audit "
        f"WHERE {first} IS NOT NULL AND {{condition}} GROUP BY {columns} "
        f"ORDER BY calls DESC, {columns} LIMIT {TOP}"
    )


def _percentiles() -> str:
    shares = ", ".join(map(str, _SHARES.values()))
    values = ", ".join(f"quantile_cont({each}, [{shares}])" for each in _TIMES.values())
    return f"SELECT {values} FROM audit WHERE {{condition}}"


def _numbers(found: Sequence[tuple[Any, ...]]) -> dict[str, int]:
    return {str(name): int(number) for name, number in found}


def _listed(names: tuple[str, ...], found: Sequence[tuple[Any, ...]]) -> list[dict[str, Any]]:
    return [dict(zip((*names, "calls", "blocked"), each, strict=True)) for each in found]


def _latency(found: Sequence[list[float] | None]) -> dict[str, dict[str, float | None]]:
    nothing = [None] * len(_SHARES)
    return {
        name: {
            share: None if value is None else round(value, 3)
            for share, value in zip(_SHARES, values or nothing, strict=True)
        }
        for name, values in zip(_TIMES, found, strict=True)
    }


def _spend(found: Sequence[tuple[Any, ...]]) -> dict[str, dict[str, Any]]:
    spend: dict[str, dict[str, Any]] = {}
    totals: dict[str, Decimal] = {}
    with localcontext(prec=60):
        for currency, hour, summed, others in found:
            amount = sum(map(Decimal, others or ()), Decimal(summed or 0))
            totals[currency] = totals.get(currency, Decimal(0)) + amount
            entry = spend.setdefault(currency, {"total": "0", "per_hour": []})
            entry["per_hour"].append({"hour": hour, "amount": _decimal(amount)})
        for currency, total in totals.items():
            spend[currency]["total"] = _decimal(total)
    return spend


def _decimal(amount: Decimal) -> str:
    """Without zeros at its end, and never with an exponent."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
