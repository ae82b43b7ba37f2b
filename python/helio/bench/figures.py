"""Arithmetic of measurements: percentiles, medians over rounds, what was added to a direct run.

Above: `helio.bench.evaluator`, `helio.bench.load`, `helio.bench.proxy`. Pure.
"""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

NANOSECONDS_PER_MILLISECOND = 1_000_000


def percentile(ordered: Sequence[int], share: float) -> int:
    """The nearest-rank percentile: the least value that at least `share` of all do not exceed.

    `ordered` is ascending and not empty; `share` is above 0 and at most 1.
    """
    if not ordered:
        raise ValueError("no values have no percentile")
    if not 0 < share <= 1:
        raise ValueError("a share is above 0 and at most 1")
    rank = -int(-share * len(ordered) // 1)
    return ordered[rank - 1]


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles in milliseconds."""

    p50_ms: float
    p99_ms: float

    @classmethod
    def of(cls, nanoseconds: Iterable[int]) -> "Latency":
        """From single latencies in nanoseconds, at least one."""
        ordered = sorted(nanoseconds)
        return cls(
            percentile(ordered, 0.50) / NANOSECONDS_PER_MILLISECOND,
            percentile(ordered, 0.99) / NANOSECONDS_PER_MILLISECOND,
        )


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of the load generator against one server gave.

    `cpu_us_per_call` is the server's processor time per call in microseconds, None where the system
    does not tell.
    """

    requests_per_second: float
    latency: Latency
    cpu_us_per_call: float | None


@dataclass(frozen=True, slots=True)
class Load:
    """The runs of all servers under the same load, by server; one run of each per round."""

    connections: int
    runs: dict[str, list[Run]]

    def report(self) -> dict[str, object]:
        """The medians over the rounds, per server; see `summary`."""
        direct, passthrough = self.runs["direct"], self.runs["passthrough"]
        report: dict[str, object] = {"connections": self.connections}
        for server, runs in self.runs.items():
            figures = summary(runs)
            if runs is not direct:
                figures |= added(runs, direct)
            if runs not in (direct, passthrough):
                figures["ratio_to_passthrough"] = statistics.median(
                    run.requests_per_second / bare.requests_per_second
                    for run, bare in zip(runs, passthrough, strict=True)
                )
            report[server] = figures
        return report


def summary(runs: Sequence[Run]) -> dict[str, float | None]:
    """The median of each figure over the rounds."""
    costs = [run.cpu_us_per_call for run in runs if run.cpu_us_per_call is not None]
    return {
        "requests_per_second": statistics.median(run.requests_per_second for run in runs),
        "p50_ms": statistics.median(run.latency.p50_ms for run in runs),
        "p99_ms": statistics.median(run.latency.p99_ms for run in runs),
        "cpu_us_per_call": statistics.median(costs) if costs else None,
    }


def added(runs: Sequence[Run], direct: Sequence[Run]) -> dict[str, float | None]:
    """What the percentiles are above those of the direct run of the same round; the medians."""
    pairs = list(zip(runs, direct, strict=True))
    return {
        "p50_added_ms": statistics.median(
            run.latency.p50_ms - base.latency.p50_ms for run, base in pairs
        ),
        "p99_added_ms": statistics.median(
            run.latency.p99_ms - base.latency.p99_ms for run, base in pairs
        ),
    }
