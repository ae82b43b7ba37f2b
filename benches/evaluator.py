"""What a decision costs as policies grow, beside parsing the same bytes with orjson.

    python benches/evaluator.py [--json] [--chart] [--rounds N]

Policies of 10 to 10,000 first-match rules (40 % exact tool, 30 % glob, 15 % annotation, 15 %
JSONPath comparison) judge 2,000 distinct `tools/call` messages of about 750 bytes, from bytes to
decision, validation included. `first` is the pass in which every call is seen for the first time;
`again` and `orjson` are the best of the later passes, taken in turn, for the machine may be shared.
A sample of the decisions is compared with a plain reading of the rules, so that what is measured is
right. `--chart` writes docs/figures/evaluator-growth.svg.
"""

import argparse
import json
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import orjson

from helio.evaluator import Evaluator, pack_hints

RULE_COUNTS = (10, 100, 1_000, 10_000)
CALLS = 2_000
UPSTREAM = "default"
CHART = Path(__file__).parent.parent / "docs" / "figures" / "evaluator-growth.svg"
FIELDS = ("amount", "total", "quantity", "limit", "score")
DIGEST = "sha256:" + "0" * 64


@dataclass(frozen=True)
class Rule:
    """A rule in the four shapes of the mix: what must hold, in plain Python values."""

    tool: str | None = None
    destructive: bool | None = None
    field: str | None = None
    above: int = 0
    deny: bool = False


@dataclass(frozen=True)
class Call:
    """A call as bytes, and what the plain reading needs of it."""

    body: bytes
    tool: str
    arguments: dict[str, object]
    destructive: bool | None
    hints: int


@dataclass(frozen=True)
class Measured:
    """One row of the table; times are nanoseconds per call."""

    rules: int
    load_ms: float
    first: float
    again: float
    orjson: float

    @property
    def ratio(self) -> float:
        """What a decision costs where parsing with orjson costs one."""
        return self.again / self.orjson


def make_rules(count: int, chance: random.Random) -> list[Rule]:
    """Rules in the mix, in random order."""
    rules = []
    for number in range(count):
        share = number / count
        deny = chance.random() < 0.5
        if share < 0.40:
            rules.append(Rule(tool=f"service{number}_operation{number % 7}", deny=deny))
        elif share < 0.70:
            pattern = (f"team{number}_*", f"*_job{number}")[number % 2]
            rules.append(Rule(tool=pattern, deny=deny))
        elif share < 0.85:
            rules.append(Rule(tool=f"area{number}_*", destructive=number % 2 == 0, deny=deny))
        else:
            field = FIELDS[number % len(FIELDS)]
            rules.append(Rule(field=field, above=10_000 + chance.randrange(10**6), deny=deny))
    chance.shuffle(rules)
    return rules


def make_calls(rules: list[Rule], chance: random.Random) -> list[Call]:
    """Distinct calls; most name a tool of some rule, one in ten exceeds some threshold."""
    tools = [rule.tool for rule in rules if rule.tool]
    calls = []
    for number in range(CALLS):
        pattern = chance.choice(tools) if chance.random() < 0.85 else "other*"
        tool = pattern.replace("*", f"call{number}")
        fields = chance.sample(FIELDS, 2)
        high = chance.random() < 0.1
        arguments: dict[str, object] = {
            "customer": {"id": f"cus_{number:06}", "email": f"person{number}@example.test"},
            "currency": chance.choice(["GBP", "EUR", "USD"]),
            fields[0]: chance.randrange(10_000, 10**6) if high else chance.randrange(10_000),
            fields[1]: chance.randrange(10_000),
            "tags": [f"tag{chance.randrange(100)}" for _ in range(4)],
            "lines": [{"sku": f"sku-{number}-{line}", "count": line + 1} for line in range(4)],
            "note": "Please handle this one with care; it was asked for by telephone. " * 5,
        }
        params = {"name": tool, "arguments": arguments, "_meta": {"progressToken": number}}
        message = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
        destructive = chance.choice([True, False, None])
        known = {} if destructive is None else {"destructiveHint": destructive}
        calls.append(Call(orjson.dumps(message), tool, arguments, destructive, pack_hints(known)))
    return calls


def make_graph(rules: list[Rule]) -> bytes:
    """The rules as a rule graph."""
    nodes: list[dict[str, object]] = []

    def add(node: str, **fields: object) -> int:
        nodes.append({"node": node, **fields})
        return len(nodes) - 1

    places = []
    for index, rule in enumerate(rules):
        conditions = []
        if rule.tool is not None:
            conditions.append(add("tool", globs=[add("glob", pattern=rule.tool)]))
        if rule.destructive is not None:
            conditions.append(add("annotation", hint="destructiveHint", value=rule.destructive))
        if rule.field is not None:
            path = add("path", path=f"$['{rule.field}']")
            tests = [{"operator": "gt", "value": add("value", json=str(rule.above))}]
            conditions.append(add("input", path=path, quantifier="some", tests=tests))
        places.append(
            add(
                "rule",
                index=index,
                name=None,
                conditions=conditions,
                action="deny" if rule.deny else "allow",
                until=False,
                limits=[],
                evidence=[],
                requires=[],
                requires_success=False,
                labels=[],
                approval=None,
                feedback=None,
                shadow=False,
                digest=DIGEST,
            )
        )
    settings = {
        "default": "allow",
        "flag_destructive": "log",
        "on_tool_drift": "block",
        "unknown_tools": "allow",
        "dry_run": False,
        "shadow": False,
        "blocked_as": "tool_result",
        "environment": None,
    }
    return json.dumps(
        {"helio_graph": 1, "settings": settings, "nodes": nodes, "rules": places}
    ).encode()


def plain_decision(rules: list[Rule], call: Call) -> int:
    """The deciding rule's index by the plainest reading, -1 for none."""
    destructive = True if call.destructive is None else call.destructive
    for index, rule in enumerate(rules):
        if rule.tool is not None and not fnmatchcase(call.tool, rule.tool):
            continue
        if rule.destructive is not None and rule.destructive != destructive:
            continue
        if rule.field is not None:
            value = call.arguments.get(rule.field)
            if not isinstance(value, int) or value <= rule.above:
                continue
        return index
    return -1


def per_call(work: Callable[[], None]) -> float:
    """Nanoseconds per call of one pass."""
    start = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - start) / CALLS


def measure(count: int, rounds: int) -> Measured:
    """One row: a fresh evaluator, one first pass, then passes in turn with orjson."""
    chance = random.Random(count)
    rules = make_rules(count, chance)
    calls = make_calls(rules, chance)
    graph = make_graph(rules)
    start = time.perf_counter_ns()
    evaluator = Evaluator(graph)
    load_ms = (time.perf_counter_ns() - start) / 1e6
    pairs = [(call.body, call.hints) for call in calls]

    def judge_all() -> None:
        judge = evaluator.judge
        for body, hints in pairs:
            judge(body, UPSTREAM, hints)

    def load_all() -> None:
        loads = orjson.loads
        for body, _ in pairs:
            loads(body)

    first = per_call(judge_all)
    again, parsing = [], []
    for _ in range(rounds):
        again.append(per_call(judge_all))
        parsing.append(per_call(load_all))
    for call in calls[:: max(1, count // 500)]:
        decided = evaluator.judge(call.body, UPSTREAM, call.hints).rule
        if decided != plain_decision(rules, call):
            raise SystemExit(f"{count} rules: rule {decided} decided {call.body!r}")
    return Measured(count, load_ms, first, min(again), min(parsing))


def print_table(rows: list[Measured], body_size: float) -> None:
    """The table for people."""
    print(f"{CALLS} distinct calls of {body_size:.0f} bytes on average; ns per call")
    print(f"{'rules':>7} {'load ms':>8} {'first':>7} {'again':>7} {'orjson':>7} {'ratio':>6}")
    for row in rows:
        print(
            f"{row.rules:>7} {row.load_ms:>8.1f} {row.first:>7.0f} {row.again:>7.0f}"
            f" {row.orjson:>7.0f} {row.ratio:>6.2f}"
        )
    print(f"growth from {rows[0].rules} to {rows[-1].rules} rules: {growth(rows):.2f}")


def growth(rows: list[Measured]) -> float:
    """How much more a decision costs under the largest policy, relative to parsing."""
    return rows[-1].ratio / rows[0].ratio


def draw_chart(rows: list[Measured]) -> None:
    """The growth as an SVG that is the same for the same figures."""
    import matplotlib as mpl  # noqa: PLC0415 - half a second that only the chart needs

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "helio"
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    counts = [row.rules for row in rows]
    axes.plot(counts, [row.again for row in rows], marker="o", label="Helio: bytes to decision")
    axes.plot(counts, [row.first for row in rows], marker="o", ls=":", label="the same, first time")
    axes.plot(counts, [row.orjson for row in rows], marker="s", label="orjson.loads alone")
    axes.set(xscale="log", xlabel="rules", ylabel="ns per call", ylim=(0, None))
    axes.set_title(f"{CALLS} distinct calls of about 750 bytes", fontsize=10)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    CHART.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(CHART, metadata={"Date": None})
    plt.close(figure)


def main() -> int:
    """Measures, then prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--chart", action="store_true", help=f"write {CHART.name}")
    parser.add_argument("--rounds", type=int, default=30, help="later passes")
    options = parser.parse_args()
    rows = [measure(count, options.rounds) for count in RULE_COUNTS]
    calls = make_calls(make_rules(100, random.Random(0)), random.Random(0))
    body_size = statistics.mean(len(call.body) for call in calls)
    if options.json:
        document = {
            "calls": CALLS,
            "body_bytes": round(body_size),
            "rows": [vars(row) | {"ratio": row.ratio} for row in rows],
            "growth": growth(rows),
            "machine": {"python": platform.python_version(), "processor": platform.machine()},
        }
        print(json.dumps(document, indent=2))
    else:
        print_table(rows, body_size)
    if options.chart:
        draw_chart(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
