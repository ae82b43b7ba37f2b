"""Charts of a report of `helio bench`, or of `dashboard.py`, as SVG that is the same for the same
figures.

    helio bench --full --format json > docs/figures/bench.json
    python benches/chart.py docs/figures/bench.json
    python benches/chart.py docs/figures/dashboard.json

Writes `evaluator-growth.svg` and `proxy-requests.svg`, or `dashboard-memory.svg`, beside the
report.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

SERVERS = {
    "direct": "direct",
    "passthrough": "bare aiohttp pass-through",
    "helio": "Helio",
    "helio_relaxed": "Helio, durability relaxed",
}
COLOURS = {
    "direct": "#b8b8b8",
    "passthrough": "#7a8ca5",
    "helio": "#c8702a",
    "helio_relaxed": "#e2b07f",
}


def draw_growth(evaluator: dict[str, Any]) -> Figure:
    """What a decision costs as policies grow, beside parsing the same bytes."""
    figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    policies = evaluator["policies"]
    counts = [policy["rules"] for policy in policies]
    lines = (
        ("Helio: bytes to decision", "o-", [policy["ns"] for policy in policies]),
        ("the same, first time", "o:", [policy["first_ns"] for policy in policies]),
        ("orjson.loads alone", "s-", [policy["orjson"]["ns"] for policy in policies]),
    )
    for label, style, nanoseconds in lines:
        axes.plot(counts, nanoseconds, style, label=label)
    axes.set(xscale="log", xlabel="rules", ylabel="ns per call", ylim=(0, None))
    axes.set_title(
        f"{evaluator['calls']} distinct calls of {evaluator['body_bytes']} bytes", fontsize=10
    )
    _finish(axes, len(lines))
    return figure


def draw_requests(proxy: dict[str, Any]) -> Figure:
    """Requests per second through each server but the direct one, which would dwarf the others."""
    figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    loads = proxy["loads"]
    servers = [name for name in SERVERS if name in loads[0] and name != "direct"]
    width = 0.8 / len(servers)
    for place, server in enumerate(servers):
        offset = (place - (len(servers) - 1) / 2) * width
        bars = axes.bar(
            [group + offset for group in range(len(loads))],
            [load[server]["requests_per_second"] for load in loads],
            width,
            label=SERVERS[server],
            color=COLOURS[server],
        )
        axes.bar_label(bars, fmt="{:,.0f}", fontsize=8)
    axes.set_xticks(range(len(loads)), [str(load["connections"]) for load in loads])
    direct = ", ".join(f"{load['direct']['requests_per_second']:,.0f}" for load in loads)
    axes.set(xlabel="connections", ylabel="calls per second")
    axes.set_title(f"{proxy['rules']} rules, audit on disk; direct: {direct}", fontsize=10)
    _finish(axes, len(servers))
    return figure


def draw_memory(memory: dict[str, Any]) -> Figure:
    """What each page that stays open holds: JS heap after its garbage was collected, and the whole
    process."""
    figure, both = plt.subplots(1, 2, figsize=(8.4, 3.4), layout="constrained")
    for axes, what, title in zip(both, ("heap", "rss"), ("JS heap", "process"), strict=True):
        for name, page in memory.items():
            samples = page["samples"]
            minutes = [each["minutes"] for each in samples]
            axes.plot(minutes, [each[f"{what}_mib"] for each in samples], label=name.capitalize())
        axes.set(xlabel="minutes", ylabel="MiB", ylim=(0, None))
        axes.set_title(title, fontsize=10)
        _finish(axes, len(memory))
    return figure


def _finish(axes: Axes, columns: int) -> None:
    # Below the figures: inside, the legend would cover some of them.
    axes.legend(
        frameon=False, ncols=columns, loc="upper center", bbox_to_anchor=(0.5, -0.18), fontsize=8
    )
    axes.spines[["top", "right"]].set_visible(False)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "report", type=Path, help="what `helio bench --format json` or `dashboard.py` gave"
    )
    options = parser.parse_args()
    report = json.loads(options.report.read_text("utf-8"))
    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "helio"
    charts = (
        {"dashboard-memory.svg": draw_memory(report["memory"])}
        if "memory" in report
        else {
            "evaluator-growth.svg": draw_growth(report["evaluator"]),
            "proxy-requests.svg": draw_requests(report["proxy"]),
        }
    )
    for name, figure in charts.items():
        figure.savefig(options.report.parent / name, metadata={"Date": None})


if __name__ == "__main__":
    main()
