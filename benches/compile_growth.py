"""What compiling costs as policies grow, split by phase, for nine kinds of policies.

    python benches/compile_growth.py [--runs N] > docs/figures/compile.json
    python benches/compile_growth.py --chart docs/figures/compile.json

Seconds of a processor, the least of the runs: other work on the machine counts little. The second
form draws `compile-growth.svg` beside the report.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import orjson
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helio.policy import compile_text, compiler
from helio.policy.tool_types import KnownTool, KnownTools

COLUMNS = 5
COUNTS = (100, 1_000, 3_000, 10_000)
HEAD = "version: '1'\nupstream: { url: 'http://localhost:8080/mcp' }\npolicies:\n  rules:\n"
PHASES = {
    "reading YAML and settings": ("parse_config",),
    "reading rules": ("read_rules", "read_budgets"),
    "checks": ("check", "check_circles", "check_budgets", "check_approvals", "check_redaction"),
    "the graph": ("lower", "_verified"),
    "reach": ("check_reach", "check_holes", "check_loopholes"),
    "the lock and state": ("check_upstreams", "check_state", "check_tools"),
}
"""The phases of `helio.policy.compiler`, by the names of its functions."""


def short(match: str, number: int) -> str:
    """A rule of one line."""
    return f"    - {{ match: {match}, action: {'deny' if number % 2 else 'allow'} }}\n"


def disjoint(number: int) -> str:
    """A tool of its own for each rule."""
    match = f"{{ tool: service{number}_run, input: {{ amount: {{ gt: {number} }} }} }}"
    return short(match, number)


def overlapping(number: int) -> str:
    """A hundred globs, and in each of them intervals that overlap."""
    low = number // 100
    asked = f"{{ gt: {low}, lt: {low + 5} }}"
    return short(f"{{ tool: 'group{number % 100}_*', input: {{ amount: {asked} }} }}", number)


def heavy(number: int) -> str:
    """Seven globs for all rules, and intervals of which each meets its neighbours."""
    asked = f"{{ gt: {number}, lt: {number + 50} }}"
    return short(f"{{ tool: 'p{number % 7}*', input: {{ amount: {asked} }} }}", number)


def paying(number: int, low: int, high: int) -> str:
    """A rule about the one tool of which two values must each be in an interval."""
    amount, fee = f"{{ gt: {number}, lt: {number + 50} }}", f"{{ gte: {low}, lte: {high} }}"
    return short(f"{{ tool: pay, input: {{ amount: {amount}, fee: {fee} }} }}", number)


def two_intervals(number: int) -> str:
    """One tool for all rules, and two values that grow."""
    return paying(number, number // 2, number // 2 + 10)


def crossing(number: int) -> str:
    """The same, and the one value grows as the other falls."""
    return paying(number, 9_999 - number, 10_010 - number)


def beginning(number: int) -> str:
    """One tool for all rules, how a text begins, and an interval."""
    amount = f"{{ gt: {number}, lt: {number + 100} }}"
    asked = f"{{ to: {{ starts_with: 'account{number % 997}' }}, amount: {amount} }}"
    return short(f"{{ tool: pay, input: {asked} }}", number)


def limited(number: int) -> str:
    """A name, two globs, limits: the file of docs/diagnostics.md."""
    globs = f"['tool_{number}', 'group_{number}_*']"
    return f"""\
    - name: rule-{number}
      match: {{ tool: {globs}, input: {{ amount: {{ gt: {number} }} }} }}
      action: rate_limit
      limits: {{ max_calls: 10, window: 1h, key: [tool, session] }}
"""


def rich(number: int) -> str:
    """All that, a second condition, and what an agent is told."""
    return f"""\
    - name: rule-{number}
      match:
        tool: ['tool_{number}', 'group_{number % 100}_*']
        input: {{ '$.amount': {{ gt: {number} }}, '$.currency': {{ in: [GBP, EUR] }} }}
      action: rate_limit
      limits: {{ max_calls: 10, window: 1h, key: [tool, session] }}
      feedback: {{ message: 'Too many calls', suggestion: 'Try again later' }}
"""


def known(number: int) -> str:
    """A tool of the lock for each rule, and one of its arguments."""
    asked = f"{{ gt: {number}, lt: {number + 50} }}"
    return short(f"{{ tool: service{number % TOOLS}_run, input: {{ amount: {asked} }} }}", number)


KINDS: dict[str, Callable[[int], str]] = {
    "tools of their own": disjoint,
    "globs with intervals": overlapping,
    "heavy overlap": heavy,
    "two intervals": two_intervals,
    "intervals that cross": crossing,
    "texts and intervals": beginning,
    "with a lock of 200 tools": known,
    "two globs, a name and limits": limited,
    "rich rules": rich,
}
TOOLS = 200
LOCKED = "with a lock of 200 tools"
"""The kind that is checked against tools, too."""


def lock() -> KnownTools:
    """So many tools, each with a schema."""
    arguments = {"amount": {"type": "number"}, "currency": {"type": "string"}}
    schema = {"type": "object", "properties": arguments, "required": ["amount"]}
    tools = []
    for number in range(TOOLS):
        name = f"service{number}_run"
        definition = orjson.dumps({"name": name, "inputSchema": schema})
        tools.append(KnownTool("default", name, definition))
    return {"default": tools}


def policy(kind: str, rules: int) -> str:
    """The text of a policy of so many rules."""
    return HEAD + "".join(map(KINDS[kind], range(rules)))


def measured(text: str, runs: int, tools: KnownTools | None = None) -> dict[str, Any]:
    """Seconds in all and by phase, of the fastest run, and how many findings there were."""
    return min((_run(text, tools) for _ in range(runs)), key=lambda each: each["total"])


def _run(text: str, tools: KnownTools | None) -> dict[str, Any]:
    spent = dict.fromkeys(PHASES, 0.0)
    kept = {name: getattr(compiler, name) for names in PHASES.values() for name in names}
    for phase, names in PHASES.items():
        for name in names:
            setattr(compiler, name, _timed(kept[name], spent, phase))
    try:
        began = time.process_time()
        compiled = compile_text(text, tools=tools)
        total = time.process_time() - began
    finally:
        for name, function in kept.items():
            setattr(compiler, name, function)
    if compiled.policy is None:
        raise RuntimeError("a generated policy has errors")
    codes = [each.code for each in compiled.diagnostics]
    findings = {code: codes.count(code) for code in sorted(set(codes))}
    return {"total": total, "phases": spent, "findings": findings}


def _timed(function: Callable[..., Any], spent: dict[str, float], phase: str) -> Callable[..., Any]:
    def run(*given: Any, **named: Any) -> Any:
        began = time.process_time()
        try:
            return function(*given, **named)
        finally:
            spent[phase] += time.process_time() - began

    return run


def draw(report: dict[str, Any]) -> Figure:
    """Seconds by rules, one panel for each kind, the phases on top of each other."""
    figure, panels = plt.subplots(2, COLUMNS, figsize=(11.5, 5.6), sharex=True, sharey=True)
    for axes, (kind, found) in zip(panels.flat, report.items(), strict=False):
        counts = [int(count) for count in found]
        parts = [[each["phases"][phase] for each in found.values()] for phase in PHASES]
        axes.stackplot(counts, parts, labels=list(PHASES))
        axes.plot(counts, [each["total"] for each in found.values()], "k-", label="all")
        axes.set(xlim=(0, max(counts)))
        axes.set_title(kind, fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
    most = max(each["total"] for found in report.values() for each in found.values())
    panels[0, 0].set_ylim(0, 1.05 * most)
    panels[0, 0].set_ylabel("seconds of a processor")
    panels[1, 0].set_ylabel("seconds of a processor")
    for axes in panels[1]:
        axes.set_xlabel("rules")
        axes.tick_params(axis="x", labelrotation=30)
    _explain(panels.flat[len(report) :], *panels[0, 0].get_legend_handles_labels())
    figure.tight_layout()
    return figure


def _explain(unused: Sequence[Axes], handles: list[Any], labels: list[str]) -> None:
    """What the colours mean, in the first panel that no kind takes."""
    for axes in unused:
        axes.set_axis_off()
    unused[0].legend(handles, labels, frameon=False, loc="center left", fontsize=8)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--chart", type=Path, help="draw this report instead")
    options = parser.parse_args()
    if options.chart is not None:
        mpl.use("svg")
        mpl.rcParams["svg.hashsalt"] = "helio"
        figure = draw(json.loads(options.chart.read_text("utf-8")))
        figure.savefig(options.chart.with_name("compile-growth.svg"), metadata={"Date": None})
        return
    report: dict[str, dict[int, Any]] = {}
    for kind in KINDS:
        report[kind] = {}
        for count in COUNTS:
            tools = lock() if kind == LOCKED else None
            found = report[kind][count] = measured(policy(kind, count), options.runs, tools)
            print(f"{kind}, {count:,} rules: {found['total']:.2f} s", file=sys.stderr)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
