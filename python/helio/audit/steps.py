"""The analytics of each step of time, as charts show them: seconds, minutes, hours or days.

Above: `asking`. Below: `analytics`, `query`. Pure but for the connection it is given.
"""

from collections.abc import Mapping
from decimal import localcontext
from typing import Any, Final

import duckdb

from helio.audit.analytics import (
    COUNTED,
    COUNTS,
    PERCENTILES,
    amount_of,
    decimal_text,
    latency,
    of_calls,
    per_time,
    spent_per_time,
)
from helio.audit.query import Filters, asked
from helio.errors import FilterError
from helio.governance.feedback import exact

STEPS: Final = {
    "10s": 10,
    "1m": 60,
    "5m": 300,
    "15m": 900,
    "1h": 3600,
    "6h": 21_600,
    "1d": 86_400,
}
"""Steps, and their seconds. They begin on the whole ones of UTC: days at midnight."""
MOST: Final = 2000
"""Steps with calls that one answer has."""


def step_of(query: Mapping[str, str]) -> tuple[int | None, dict[str, str]]:
    """The `step` of a question in seconds, None without one, and the filters beside it.

    Raises `FilterError` for a step that is none of `STEPS`.
    """
    filters = dict(query)
    text = filters.pop("step", None)
    if text is not None and text not in STEPS:
        raise FilterError("step", f"{text!r} is none; there are {', '.join(STEPS)}")
    return (None if text is None else STEPS[text]), filters


def steps(
    connection: duckdb.DuckDBPyConnection, filters: Filters, seconds: int
) -> list[dict[str, Any]]:
    """Each step with calls, oldest first: `{at, total, allowed_total, blocked_total, dry_run_total,
    latency, spend: {currency: amount}}`.

    `at` is when it begins (ISO 8601, UTC), `latency` as `analytics` has it, in ms; amounts are JSON
    numbers with all their digits. Raises `FilterError` where there are more than `MOST`, and
    `IndexUnavailable`.
    """
    filters = of_calls(filters)
    period = f"time_bucket(INTERVAL {int(seconds)} SECONDS, timestamp)"
    counted = per_time(period, f"{COUNTS}, {PERCENTILES}") + f" LIMIT {MOST + 1}"
    rows = asked(connection, filters, counted).fetchall()
    if len(rows) > MOST:
        text = f"there are more than {MOST:,} with calls; take a longer one, or a shorter time"
        raise FilterError("step", text)
    counts = len(COUNTED) + 1
    found: dict[str, dict[str, Any]] = {
        row[0]: {
            **dict(zip(("at", *COUNTED), row[:counts], strict=True)),
            "latency": latency(row[counts:]),
            "spend": {},
        }
        for row in rows
    }
    with localcontext(prec=60):
        for currency, at, summed, others in asked(
            connection, filters, spent_per_time(period)
        ).fetchall():
            # What was recorded since the counts were asked for is in the next answer.
            if at in found:
                amount = decimal_text(amount_of(summed, others))
                found[at]["spend"][currency] = exact(amount)
    return list(found.values())
