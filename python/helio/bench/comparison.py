"""One report held against an earlier one, and against the budget that was asked for.

Above: `helio.cli.bench`. Pure. Machines and days differ, so what is compared are ratios to the
yardsticks of the same run: a decision to `orjson.loads` of the same bytes, Helio to the bare
pass-through. A ratio that grew worse by more than a quarter is a regression. Ratios of p99 are
shown and not judged: on a shared machine they double from one run to the next.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from helio.errors import HelioError

TOLERANCE = 1.25
"""By what factor a ratio may be worse than before."""
BUDGET_CONNECTIONS = 16
"""At how many connections the added p99 has its budget."""

Report = Mapping[str, Any]
"""What `helio bench --format json` prints."""


class UnreadableReport(HelioError):
    """A file that is no report of `helio bench`. The text says what is missing."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """A figure in units of its yardstick. `judged`: whether growing worse is a regression."""

    name: str
    value: float
    higher_is_better: bool = False
    judged: bool = True


@dataclass(frozen=True, slots=True)
class Change:
    """How a ratio changed; `worse` is the factor by which it grew worse, below 1 when better."""

    name: str
    before: float
    after: float
    worse: float
    judged: bool

    @property
    def regressed(self) -> bool:
        """Whether this change fails the comparison."""
        return self.judged and self.worse > TOLERANCE

    def report(self) -> dict[str, object]:
        """As JSON."""
        return {
            "figure": self.name,
            "before": self.before,
            "after": self.after,
            "worse_by": self.worse,
            "judged": self.judged,
            "regressed": self.regressed,
        }


def ratios(report: Report) -> list[Ratio]:
    """All figures of a report that can be compared. Raises `UnreadableReport`."""
    try:
        return [*_evaluator_ratios(report["evaluator"]), *_proxy_ratios(report["proxy"])]
    except (KeyError, TypeError, ZeroDivisionError, AttributeError) as error:
        raise UnreadableReport(f"not a report of `helio bench`: {error!r}") from error


def _evaluator_ratios(evaluator: Mapping[str, Any]) -> Iterator[Ratio]:
    for policy in evaluator["policies"]:
        yield Ratio(
            f"decision to orjson.loads, {policy['rules']} rules",
            policy["ns"] / policy["orjson"]["ns"],
        )
    yield Ratio("growth of decisions", evaluator["growth_to_orjson"])


def _proxy_ratios(proxy: Mapping[str, Any]) -> Iterator[Ratio]:
    for load in proxy["loads"]:
        helio, bare = load["helio"], load["passthrough"]
        at = f"to pass-through, {load['connections']} connections"
        yield Ratio(f"requests/s {at}", helio["ratio_to_passthrough"], higher_is_better=True)
        yield Ratio(f"p50 {at}", helio["p50_ms"] / bare["p50_ms"])
        yield Ratio(f"p99 {at}", helio["p99_ms"] / bare["p99_ms"], judged=False)
        if helio["cpu_us_per_call"] and bare["cpu_us_per_call"]:
            yield Ratio(f"CPU {at}", helio["cpu_us_per_call"] / bare["cpu_us_per_call"])


def compare(before: Report, after: Report) -> list[Change]:
    """The figures that both reports hold, in the later one's order. Raises `UnreadableReport`."""
    earlier = {ratio.name: ratio for ratio in ratios(before)}
    return [_change(earlier[ratio.name], ratio) for ratio in ratios(after) if ratio.name in earlier]


def _change(before: Ratio, after: Ratio) -> Change:
    growth = after.value / before.value
    worse = 1 / growth if after.higher_is_better else growth
    return Change(after.name, before.value, after.value, worse, after.judged)


def added_p99_ms(report: Report) -> float:
    """What p99 Helio adds to a direct call at 16 connections, in milliseconds.

    Raises `UnreadableReport`.
    """
    try:
        loads = report["proxy"]["loads"]
        load = next(load for load in loads if load["connections"] == BUDGET_CONNECTIONS)
        return float(load["helio"]["p99_added_ms"])
    except (KeyError, TypeError, StopIteration) as error:
        raise UnreadableReport(f"no load of {BUDGET_CONNECTIONS} connections in it") from error
