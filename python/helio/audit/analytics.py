"""What the audit's rows add up to: decisions, tools, agents, latencies, hours, money.

Above: `asking`, `steps`. Below: `query` (filters), `reach`. Pure but for the connection it is
given. Only calls count (`record_kind` tool_call), unless a filter asks for another kind.
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
TIMES: Final = {
    "total": "total_duration_ms",
    "upstream": "upstream_latency_ms",
    "proxy_compute": "proxy_compute_ms",
}
SHARES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
COUNTS: Final = f"""
count(*), count(*) FILTER (NOT {BLOCKED} AND NOT dry_run),
count(*) FILTER ({BLOCKED}), count(*) FILTER (dry_run)
"""
COUNTED: Final = ("total", "allowed_total", "blocked_total", "dry_run_total")
PERCENTILES: Final = ", ".join(
    f"quantile_cont({each}, [{', '.join(map(str, SHARES.values()))}])" for each in TIMES.values()
)
_HOUR: Final = "date_trunc('hour', timestamp)"
_NAMED: Final = "strftime(moment, '%Y-%m-%dT%H:%M:%SZ')"
"""A time as a text, once all of its rows are added up."""


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
    filters = of_calls(filters)

    def ask(sql: str) -> list[tuple[Any, ...]]:
        return asked(connection, filters, sql).fetchall()

    totals = ask(f"SELECT {COUNTS} FROM audit WHERE {{condition}}")[0]
    return {
        **dict(zip(COUNTED, totals, strict=True)),
        "by_decision": _numbers(ask(_grouped("policy_decision"))),
        "by_block_reason": _numbers(ask(_grouped("block_reason"))),
        "top_tools": _listed(("tool", "upstream"), ask(_top("tool_name, upstream"))),
        "top_agents": _listed(("agent",), ask(_top("agent_id"))),
        "latency": latency(ask(f"SELECT {PERCENTILES} FROM audit WHERE {{condition}}")[0]),
        "per_hour": [
            dict(zip(("hour", *COUNTED), each, strict=True))
            for each in ask(per_time(_HOUR, COUNTS))
        ],
        "spend": _spend(ask(spent_per_time(_HOUR))),
    }


def of_calls(filters: Filters) -> Filters:
    """Only calls, unless another kind is asked for."""
    return filters if filters.record_kind is not None else replace(filters, record_kind="tool_call")


def per_time(period: str, values: str) -> str:
    """The SQL that asks for values of each period that has rows, oldest first; behind its time."""
    return (
        f"SELECT {_NAMED}, * EXCLUDE (moment) FROM (SELECT {period} AS moment, {values} FROM audit "
        "WHERE {condition} GROUP BY 1) ORDER BY moment"
    )


_EXACT: Final = r"regexp_full_match(pair.value, '\d{1,19}(\.\d{1,9})?')"
"""Amounts that a sum in DuckDB keeps every digit of."""


def spent_per_time(period: str) -> str:
    """The SQL that asks for `(currency, time, sum of amounts or None, other amounts or None)`."""
    return f"""
SELECT currency, {_NAMED},
       sum(CASE WHEN exact THEN try_cast(amount AS DECIMAL(38, 9)) END)::VARCHAR,
       list(amount) FILTER (NOT exact)
FROM (
    SELECT moment, pair.key AS currency, pair.value AS amount, {_EXACT} AS exact FROM (
        SELECT {period} AS moment,
               unnest(map_entries(from_json(spend, '"MAP(VARCHAR, VARCHAR)"'))) AS pair
        FROM audit WHERE spend IS NOT NULL AND outcome <> 'not_forwarded' AND {{condition}}
    )
) GROUP BY currency, moment ORDER BY currency, moment
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


def _numbers(found: Sequence[tuple[Any, ...]]) -> dict[str, int]:
    return {str(name): int(number) for name, number in found}


def _listed(names: tuple[str, ...], found: Sequence[tuple[Any, ...]]) -> list[dict[str, Any]]:
    return [dict(zip((*names, "calls", "blocked"), each, strict=True)) for each in found]


def latency(found: Sequence[list[float] | None]) -> dict[str, dict[str, float | None]]:
    """`{total | upstream | proxy_compute: {p50, p95, p99}}` of what `PERCENTILES` gave, in ms."""
    nothing = [None] * len(SHARES)
    return {
        name: {
            share: None if value is None else round(value, 3)
            for share, value in zip(SHARES, values or nothing, strict=True)
        }
        for name, values in zip(TIMES, found, strict=True)
    }


def _spend(found: Sequence[tuple[Any, ...]]) -> dict[str, dict[str, Any]]:
    spend: dict[str, dict[str, Any]] = {}
    totals: dict[str, Decimal] = {}
    with localcontext(prec=60):
        for currency, hour, summed, others in found:
            amount = amount_of(summed, others)
            totals[currency] = totals.get(currency, Decimal(0)) + amount
            entry = spend.setdefault(currency, {"total": "0", "per_hour": []})
            entry["per_hour"].append({"hour": hour, "amount": decimal_text(amount)})
        for currency, total in totals.items():
            spend[currency]["total"] = decimal_text(total)
    return spend


def amount_of(summed: str | None, others: Sequence[str] | None) -> Decimal:
    """A sum of `spent_per_time`, all digits of it within the caller's decimal context."""
    return sum(map(Decimal, others or ()), Decimal(summed or 0))


def decimal_text(amount: Decimal) -> str:
    """Without zeros at its end, and never with an exponent."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
