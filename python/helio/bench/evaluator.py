"""The evaluator alone: what a decision costs as policies grow, beside parsing the same bytes.

Above: `helio.cli.bench` and the scripts in `benches/`. Below: `helio.evaluator`,
`helio.bench.workload`.

Per policy, 2,000 distinct calls go from bytes to decision, validation included, and the same bytes
go through `orjson.loads`. The ways take turns, and the best pass of each counts: others who use the
machine only ever make a pass longer. Decisions are first compared with the plain reading of the
rules.
"""

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import orjson

from helio.bench.figures import Latency
from helio.bench.workload import Call, decide_plainly, make_calls, make_graph, make_rules, seeded
from helio.errors import HelioError
from helio.evaluator import Evaluator, parse_message

RULE_COUNTS = (10, 100, 1_000, 10_000)
UPSTREAM = "default"
CHECKS = 500
"""Calls of a policy of 1,000 rules that the plain reading is asked about; fewer of larger ones."""


class WrongDecision(HelioError):
    """The evaluator and the plain reading disagree: its speed would mean nothing."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The figures of one policy; `ns` per call, percentiles of single calls in milliseconds.

    `first_ns` is the pass that sees every call for the first time; `judge_ns` is the best of
    later passes; `steps_ns` the same in the two steps in which the proxy takes them
    (`parse_message`, then `decide`); `orjson_ns` is `orjson.loads` of the same bytes.
    """

    rules: int
    load_ms: float
    first_ns: float
    judge_ns: float
    steps_ns: float
    orjson_ns: float
    judged: Latency
    parsed: Latency

    @property
    def ratio(self) -> float:
        """A decision's cost in units of `orjson.loads`."""
        return self.judge_ns / self.orjson_ns

    def report(self) -> dict[str, object]:
        """As JSON; the direct run is under `orjson`."""
        return {
            "rules": self.rules,
            "load_ms": self.load_ms,
            "first_ns": self.first_ns,
            "ns": self.judge_ns,
            "steps_ns": self.steps_ns,
            "p50_ms": self.judged.p50_ms,
            "p99_ms": self.judged.p99_ms,
            "orjson": {
                "ns": self.orjson_ns,
                "p50_ms": self.parsed.p50_ms,
                "p99_ms": self.parsed.p99_ms,
            },
            "ratio_to_orjson": self.ratio,
        }


def measure(
    passes: int, progress: Callable[[str], None], rule_counts: Iterable[int] = RULE_COUNTS
) -> dict[str, object]:
    """The report of all policies. `progress` is told before each. Raises `WrongDecision`."""
    policies = []
    for count in rule_counts:
        progress(f"evaluator, {count:,} rules")
        policies.append(measure_policy(count, passes))
    sizes = [len(call.body) for call in _calls(100)]
    return {
        "calls": len(sizes),
        "body_bytes": round(statistics.mean(sizes)),
        "policies": [policy.report() for policy in policies],
        "growth": policies[-1].judge_ns / policies[0].judge_ns,
        "growth_to_orjson": policies[-1].ratio / policies[0].ratio,
    }


def _calls(count: int) -> list[Call]:
    chance = seeded(count)
    return make_calls(make_rules(count, chance), chance)


def measure_policy(count: int, passes: int) -> Policy:
    """The figures of a policy of `count` rules. Raises `WrongDecision`."""
    chance = seeded(count)
    rules = make_rules(count, chance)
    calls = make_calls(rules, chance)
    graph = make_graph(rules)
    started = time.perf_counter_ns()
    evaluator = Evaluator(graph)
    load_ms = (time.perf_counter_ns() - started) / 1e6
    pairs = [(call.body, call.hints) for call in calls]
    ways = _ways(evaluator, pairs)
    first = _per_call(ways["judge"], len(pairs))
    for call in calls[:: max(4, len(calls) * count // (CHECKS * 1_000))]:
        decided = evaluator.judge(call.body, UPSTREAM, call.hints).rule
        if decided != decide_plainly(rules, call):
            raise WrongDecision(f"{count} rules: rule {decided} decided {call.body!r}")
    times: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(passes):
        for way, work in ways.items():
            times[way].append(_per_call(work, len(pairs)))
    best = {way: min(each) for way, each in times.items()}
    return Policy(
        rules=count,
        load_ms=load_ms,
        first_ns=first,
        judge_ns=best["judge"],
        steps_ns=best["steps"],
        orjson_ns=best["orjson"],
        judged=_single(lambda pair: evaluator.judge(pair[0], UPSTREAM, pair[1]), pairs),
        parsed=_single(lambda pair: orjson.loads(pair[0]), pairs),
    )


def _ways(evaluator: Evaluator, pairs: list[tuple[bytes, int]]) -> dict[str, Callable[[], None]]:
    """One pass over all calls, in each way that is measured."""

    def judge_all() -> None:
        judge = evaluator.judge
        for body, hints in pairs:
            judge(body, UPSTREAM, hints)

    def step_all() -> None:
        decide = evaluator.decide
        for body, hints in pairs:
            decide(parse_message(body), UPSTREAM, hints)

    def load_all() -> None:
        loads = orjson.loads
        for body, _ in pairs:
            loads(body)

    return {"judge": judge_all, "steps": step_all, "orjson": load_all}


def _per_call(work: Callable[[], None], calls: int) -> float:
    """Nanoseconds per call of one pass."""
    started = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - started) / calls


def _single(work: Callable[[tuple[bytes, int]], object], pairs: list[tuple[bytes, int]]) -> Latency:
    """Percentiles of single calls; the clock's own cost, some 50 ns, is in them."""
    clock = time.perf_counter_ns
    times = []
    for pair in pairs:
        started = clock()
        work(pair)
        times.append(clock() - started)
    return Latency.of(times)
