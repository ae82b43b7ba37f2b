"""Counts and durations of calls, in the form of Prometheus.

Above: `helio.app`, `helio.operator` (answers `/metrics`). Counting is plain arithmetic, because it
happens with every call; what scrapers read is made of it when they ask (`collect`).
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Final, TypeAlias, TypeVar

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from helio.telemetry.labels import OTHER, BoundedLabel
from helio.telemetry.observation import EndedCall

BUCKETS_MS: Final = (
    0.25,
    0.5,
    1,
    2.5,
    5,
    10,
    25,
    50,
    100,
    250,
    500,
    1000,
    2500,
    5000,
    10000,
    30000,
)
"""Upper bounds of the histograms' buckets, in milliseconds."""
MOST_TOOLS: Final = 500
MOST_RULES: Final = 500
MOST_REASONS: Final = 200
"""Different values that a label may have."""

_Labels = TypeVar("_Labels", bound=tuple[str, ...])
_Durations: TypeAlias = dict[str, "Durations"]


class Durations:
    """A histogram of durations in milliseconds; `bounds` are the upper ones of its buckets."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float] = BUCKETS_MS) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, milliseconds: float) -> None:
        """Counts one."""
        self._counts[bisect_left(self._bounds, milliseconds)] += 1
        self._sum += milliseconds

    def seconds(self) -> tuple[list[tuple[str, float]], float]:
        """The cumulative buckets by their upper bound, and the sum, both in seconds."""
        bounds = [*(repr(bound / 1000) for bound in self._bounds), "+Inf"]
        counts = [float(count) for count in accumulate(self._counts)]
        return list(zip(bounds, counts, strict=True)), self._sum / 1000


class CallMetrics(Collector):
    """What becomes of calls (`helio.telemetry.observation.Observer`).

    `is_listed` says whether an upstream lists a tool: names that only agents know are `other`, so
    that they cannot take the place of real ones.
    """

    def __init__(self, is_listed: Callable[[str, str], bool]) -> None:
        self._is_listed = is_listed
        self._calls: Counter[tuple[str, str, str]] = Counter()
        self._tools: Counter[tuple[str, str, str]] = Counter()
        self._rules: Counter[tuple[str, str]] = Counter()
        self._outcomes: Counter[tuple[str, str]] = Counter()
        self._total: _Durations = {}
        self._upstream: _Durations = {}
        self._own: _Durations = {}
        self._tool = BoundedLabel(MOST_TOOLS)
        self._rule = BoundedLabel(MOST_RULES)
        self._reason = BoundedLabel(MOST_REASONS)

    def call_ended(self, call: EndedCall) -> None:
        """Counts one call by its record."""
        end = call.record
        decision = str(end["policy_decision"])
        upstream = str(end["upstream"])
        self._calls[upstream, decision, self._reason.of(end.get("block_reason"))] += 1
        self._tools[upstream, self._tool_label(upstream, end.get("tool_name")), decision] += 1
        rule = end.get("matched_rule")
        if rule is not None:
            self._rules[self._rule.of(rule), decision] += 1
        _observe(self._total, upstream, end.get("total_duration_ms"))
        _observe(self._own, upstream, end.get("proxy_compute_ms"))
        status = end.get("status")
        if status is not None:
            self._outcomes[upstream, str(status)] += 1
            if status != "not_forwarded":
                _observe(self._upstream, upstream, end.get("upstream_latency_ms"))

    def _tool_label(self, upstream: str, tool: object) -> str:
        if isinstance(tool, str) and self._is_listed(upstream, tool):
            return self._tool.of(tool)
        return OTHER

    def collect(self) -> Iterator[Metric]:
        """The families, as they are now."""
        yield _counter(
            "helio_calls",
            "Tool calls by what was decided; reason is empty for those that were let through.",
            ["upstream", "decision", "reason"],
            self._calls,
        )
        yield _counter(
            "helio_tool_calls",
            f"Tool calls by tool: the first {MOST_TOOLS} that upstreams list; the rest is `other`.",
            ["upstream", "tool", "decision"],
            self._tools,
        )
        yield _counter(
            "helio_rule_calls",
            f"Tool calls by the deciding rule: the first {MOST_RULES}; the rest is `other`.",
            ["rule", "decision"],
            self._rules,
        )
        yield _counter(
            "helio_outcomes",
            "Forwarded calls by what came of them.",
            ["upstream", "outcome"],
            self._outcomes,
        )
        yield _histogram(
            "helio_call_duration_seconds",
            "From a call's reception to its answer, people who were asked included.",
            self._total,
        )
        yield _histogram(
            "helio_upstream_duration_seconds", "How long upstreams took.", self._upstream
        )
        yield _histogram(
            "helio_compute_duration_seconds",
            "What Helio itself added: deciding, recording, waiting for the disk.",
            self._own,
        )


def _observe(durations: _Durations, upstream: str, milliseconds: object) -> None:
    if isinstance(milliseconds, int | float):
        found = durations.get(upstream)
        if found is None:
            found = durations[upstream] = Durations()
        found.observe(milliseconds)


def _counter(name: str, about: str, labels: list[str], counts: Counter[_Labels]) -> Metric:
    family = CounterMetricFamily(name, about, labels=labels)
    for values, count in list(counts.items()):
        family.add_metric(list(values), count)
    return family


def _histogram(name: str, about: str, durations: _Durations) -> Metric:
    family = HistogramMetricFamily(name, about, labels=["upstream"])
    for upstream, each in list(durations.items()):
        buckets, total = each.seconds()
        family.add_metric([upstream], buckets=buckets, sum_value=total)
    return family
