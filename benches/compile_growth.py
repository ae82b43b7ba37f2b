"""What compiling costs as policies grow, split by phase, for three kinds of policies.

    python benches/compile_growth.py [--runs N] > docs/figures/compile.json
    python benches/compile_growth.py --chart docs/figures/compile.json

Seconds of a processor, the least of the runs: other work on the machine counts little. The second
form draws `compile-growth.svg` beside the report.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from helio.policy import compile_text, compiler

COUNTS = (100, 1_000, 3_000, 10_000)
HEAD = "version: '1'\nupstream: { url: 'http://localhost:8080/mcp' }\npolicies:\n  rules:\n"
PHASES = {
    "reading YAML and settings": ("parse_config",),
    "reading rules": ("read_rules", "read_budgets"),
    "checks": ("check", "check_circles", "check_budgets", "check_approvals", "check_redaction"),
    "the graph": ("lower", "_verified"),
    "reach": ("check_reach",),
}
"""The phases of `helio.policy.compiler`, by the names of its functions."""


def disjoint(number: int) -> str:
    """A tool of its own for each rule."""
    return f"{{ tool: service{number}_run, input: {{ amount: {{ gt: {number} }} }} }}"


def overlapping(number: int) -> str:
    """A hundred globs, and in each of them intervals that overlap."""
    low = number // 100
    asked = f"{{ gt: {low}, lt: {low + 5} }}"
    return f"{{ tool: 'group{number % 100}_*', input: {{ amount: {asked} }} }}"


def heavy(number: int) -> str:
    """Seven globs for all rules, and intervals of which each meets its neighbours."""
    asked = f"{{ gt: {number}, lt: {number + 50} }}"
    return f"{{ tool: 'p{number % 7}*', input: {{ amount: {asked} }} }}"


KINDS: dict[str, Callable[[int], str]] = {
    "tools of their own": disjoint,
    "globs with intervals": overlapping,
    "heavy overlap": heavy,
}


def policy(kind: str, rules: int) -> str:
    """The text of a policy of so many rules."""
    lines = (
        f"    - {{ match: {KINDS[kind](number)}, action: {'deny' if number % 2 else 'allow'} }}\n"
        for number in range(rules)
    )
    return HEAD + "".join(lines)


def measured(text: str, runs: int) -> dict[str, Any]:
    """Seconds in all and by phase, of the fastest run, and how many findings there were."""
    return min((_run(text) for _ in range(runs)), key=lambda each: each["total"])


def _run(text: str) -> dict[str, Any]:
    spent = dict.fromkeys(PHASES, 0.0)
    kept = {name: getattr(compiler, name) for names in PHASES.values() for name in names}
    for phase, names in PHASES.items():
        for name in names:
            setattr(compiler, name, _timed(kept[name], spent, phase))
    try:
        began = time.process_time()
        compiled = compile_text(text)
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
    figure, panels = plt.subplots(1, len(report), figsize=(9.6, 3.4), sharey=True)
    for axes, (kind, found) in zip(panels, report.items(), strict=True):
        counts = [int(count) for count in found]
        parts = [[each["phases"][phase] for each in found.values()] for phase in PHASES]
        axes.stackplot(counts, parts, labels=list(PHASES))
        axes.plot(counts, [each["total"] for each in found.values()], "k-", label="all")
        axes.set(title=kind, xlabel="rules", xlim=(0, max(counts)), ylim=(0, None))
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("seconds of a processor")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.tight_layout(rect=(0, 0.12, 1, 1))
    figure.legend(handles, labels, frameon=False, ncols=6, loc="lower center", fontsize=8)
    return figure


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
            found = report[kind][count] = measured(policy(kind, count), options.runs)
            print(f"{kind}, {count:,} rules: {found['total']:.2f} s", file=sys.stderr)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
