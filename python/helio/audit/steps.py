"""The analytics of each step of time, as charts show them: seconds, minutes, hours or days.

Above: `analytics`, `asking`. Below: `times`. Pure but for the connection that `Ask` stands for.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from helio.audit.query import BLOCKED
from helio.audit.times import Ask, period
from helio.errors import FilterError

# ruff: noqa: S608 - the statements are made of this module's own constants.

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
TIMES: Final = {
    "total": "total_duration_ms",
    "upstream": "upstream_latency_ms",
    "proxy_compute": "proxy_compute_ms",
}
SHARES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
PERCENTILES: Final = ", ".join(
    f"quantile_cont({each}, [{', '.join(map(str, SHARES.values()))}])" for each in TIMES.values()
)
COUNTED: Final = ("total", "allowed_total", "blocked_total", "dry_run_total")
_COUNTS: Final = f"""
count(*), count(*) FILTER (NOT {BLOCKED} AND NOT dry_run),
count(*) FILTER ({BLOCKED}), count(*) FILTER (dry_run)
"""

Counts = tuple[int, ...]
"""In the order of `COUNTED`."""


def step_of(query: Mapping[str, str]) -> tuple[int | None, dict[str, str]]:
    """The `step` of a question in seconds, None without one, and the filters beside it.

    Raises `FilterError` for a step that is none of `STEPS`.
    """
    filters = dict(query)
    text = filters.pop("step", None)
    if text is not None and text not in STEPS:
        raise FilterError("step", f"{text!r} is none; there are {', '.join(STEPS)}")
    return (None if text is None else STEPS[text]), filters


def counts(ask: Ask, seconds: int) -> dict[int, Counts]:
    """The counts of each period with rows, by its beginning in seconds since 1970, oldest first.
    Raises `IndexUnavailable`."""
    rows = ask(_per_period(seconds, _COUNTS))
    return {row[0]: row[1:] for row in rows}


def timed(ask: Ask, seconds: int) -> dict[int, tuple[Counts, dict[str, dict[str, float | None]]]]:
    """The counts and the `latency` of each step with rows, as `counts` has them.

    Raises `FilterError` where there are more steps than `MOST`, and `IndexUnavailable`.
    """
    rows = ask(f"{_per_period(seconds, f'{_COUNTS}, {PERCENTILES}')} LIMIT {MOST + 1}")
    if len(rows) > MOST:
        text = f"there are more than {MOST:,} with calls; take a longer one, or a shorter time"
        raise FilterError("step", text)
    behind = len(COUNTED) + 1
    return {row[0]: (row[1:behind], latency(row[behind:])) for row in rows}


def summed(counted: Mapping[int, Counts], seconds: int) -> dict[int, Counts]:
    """The counts of longer periods."""
    sums: dict[int, Counts] = {}
    for at, each in counted.items():
        begun = at - at % seconds
        sums[begun] = (
            tuple(map(sum, zip(sums[begun], each, strict=True))) if begun in sums else each
        )
    return sums


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


def named(counted: Counts) -> dict[str, Any]:
    """By the names of `COUNTED`."""
    return dict(zip(COUNTED, counted, strict=True))


def _per_period(seconds: int, values: str) -> str:
    return (
        f"SELECT {period(seconds)} AS moment, {values} FROM audit WHERE {{condition}} "
        "GROUP BY moment ORDER BY moment"
    )
