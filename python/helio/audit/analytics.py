"""What the audit's rows add up to: decisions, tools, agents, latencies, hours, money.

Above: `asking`. Below: `steps`, `spending`, `query` (filters). Pure but for the connection it is
given. Only calls count (`record_kind` tool_call), unless a filter asks for another kind. All parts
of an answer are of the same rows, and what is a sum of shorter periods is added up from those, so
that a million rows are passed over as few times as may be.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import duckdb

from helio.audit.query import BLOCKED, Filters, asked
from helio.audit.reach import reading, snapshot
from helio.audit.spending import Spent, decimal_text, gathered, spend_shown, spent
from helio.audit.steps import COUNTED, PERCENTILES, Counts, counts, latency, named, summed, timed
from helio.audit.times import Ask, moment

# ruff: noqa: S608 - the statements are made of this module's own constants.

TOP: Final = 10
"""How many tools and agents are listed."""
_HOUR: Final = 3600
_NONE: Final = (0,) * len(COUNTED)


def analytics(
    connection: duckdb.DuckDBPyConnection, filters: Filters, step: int | None = None
) -> dict[str, Any]:
    """All of it, over the rows that the filters take; limit and offset do not count.

    `{total, allowed_total, blocked_total, dry_run_total, by_decision: {decision: calls},
    by_block_reason: {reason: calls}, top_tools: [{tool, upstream, calls, blocked}], top_agents:
    [{agent, calls, blocked}], latency: {total | upstream | proxy_compute: {p50, p95, p99}} in ms,
    per_hour: [{hour, total, allowed_total, blocked_total, dry_run_total}], spend: {currency:
    {total, per_hour: [{hour, amount}]}}}`, amounts as decimal texts, hours as ISO 8601 texts (UTC),
    oldest first; hours without calls are left out. `allowed_total` are calls that Helio let
    through, whatever came of them. A percentile of no values is None.

    With a `step`, one of `steps.STEPS` in seconds, also `per_step`: [{at, total, allowed_total,
    blocked_total, dry_run_total, latency, spend: {currency: amount}}] of each step with calls.

    Raises `FilterError` where there are more steps than `steps.MOST`, and `IndexUnavailable`.
    """
    filters = _of_calls(filters)
    with snapshot(connection) as within:

        def ask(sql: str) -> list[tuple[Any, ...]]:
            return reading(asked(within, filters, sql, within=within).fetchall)

        found = None if step is None else timed(ask, step)
        shortest = min(step or _HOUR, _HOUR)
        hours = (
            counts(ask, _HOUR)
            if found is None or shortest != step
            else summed({at: counted for at, (counted, _) in found.items()}, _HOUR)
        )
        money = spent(ask, shortest)
        answer = {**_sums(ask, hours), "spend": _spend(money)}
    if step is not None and found is not None:
        answer["per_step"] = _steps(found, money, step)
    return answer


def _of_calls(filters: Filters) -> Filters:
    """Only calls, unless another kind is asked for."""
    return filters if filters.record_kind is not None else replace(filters, record_kind="tool_call")


def _sums(ask: Ask, hours: Mapping[int, Counts]) -> dict[str, Any]:
    totals = tuple(map(sum, zip(*hours.values(), strict=True))) or _NONE
    return {
        **named(totals),
        "by_decision": _numbers(ask(_grouped("policy_decision"))),
        "by_block_reason": _numbers(ask(_grouped("block_reason"))),
        "top_tools": _listed(("tool", "upstream"), ask(_top("tool_name, upstream"))),
        "top_agents": _listed(("agent",), ask(_top("agent_id"))),
        "latency": latency(ask(f"SELECT {PERCENTILES} FROM audit WHERE {{condition}}")[0]),
        "per_hour": [{"hour": moment(at), **named(each)} for at, each in hours.items()],
    }


def _spend(money: Spent) -> dict[str, dict[str, Any]]:
    shown = spend_shown(money, _HOUR)
    for each in shown.values():
        hours = each["per_hour"].items()
        each["per_hour"] = [{"hour": moment(at), "amount": amount} for at, amount in hours]
    return shown


def _steps(
    found: Mapping[int, tuple[Counts, dict[str, Any]]], money: Spent, step: int
) -> list[dict[str, Any]]:
    spending = {currency: gathered(amounts, step) for currency, amounts in money.items()}
    return [
        {
            "at": moment(at),
            **named(counted),
            "latency": taken,
            "spend": {
                currency: decimal_text(amounts[at])
                for currency, amounts in spending.items()
                if at in amounts
            },
        }
        for at, (counted, taken) in found.items()
    ]


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
