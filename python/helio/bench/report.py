"""A report as tables for people.

Above: `helio.cli.bench`. Below: `rich`. The report's shape is that of the JSON output; see
docs/performance.md.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from helio.bench.comparison import TOLERANCE, Change, Report

SERVERS = {
    "direct": "direct",
    "passthrough": "pass-through",
    "helio": "Helio",
    "helio_relaxed": "Helio, relaxed",
}
"""The servers by their names in the report, as people read them."""


def show(report: Report, console: Console) -> None:
    """Prints all tables."""
    machine = report["machine"]
    console.print(
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, Python "
        f"{machine['python']}; a synced append takes {machine['sync_ms']:.2f} ms",
    )
    console.print()
    show_evaluator(report["evaluator"], console)
    console.print()
    console.print(_proxy_table(report))
    if report["proxy"]["traffic"]:
        console.print()
        console.print(_traffic_table(report))
    console.print()
    console.print(_process_table(report))


def _table(title: str, first: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column(first, no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def show_evaluator(evaluator: Mapping[str, Any], console: Console) -> None:
    """Prints the evaluator's part of a report."""
    console.print(_evaluator_table(evaluator))
    growth, relative = evaluator["growth"], evaluator["growth_to_orjson"]
    console.print(f"growth from fewest to most rules: {growth:.2f} ({relative:.2f} to orjson)")


def _evaluator_table(evaluator: Mapping[str, Any]) -> Table:
    table = _table(
        f"Decisions: {evaluator['calls']} distinct calls of {evaluator['body_bytes']} bytes",
        "rules",
        *("load ms", "first ns", "ns", "p99 µs", "orjson ns", "p99 µs", "ratio"),
    )
    for policy in evaluator["policies"]:
        direct = policy["orjson"]
        table.add_row(
            f"{policy['rules']:,}",
            f"{policy['load_ms']:.1f}",
            f"{policy['first_ns']:.0f}",
            f"{policy['ns']:.0f}",
            f"{policy['p99_ms'] * 1e3:.1f}",
            f"{direct['ns']:.0f}",
            f"{direct['p99_ms'] * 1e3:.1f}",
            f"{policy['ratio_to_orjson']:.2f}",
        )
    return table


def _proxy_table(report: Report) -> Table:
    proxy = report["proxy"]
    table = _table(
        f"Calls: {proxy['rules']} rules, durability {proxy['durability']}, medians of "
        f"{proxy['rounds']} rounds of {proxy['seconds_per_run']} s",
        "at once",
        *("server", "calls/s", "p50 ms", "p99 ms", "+p50", "+p99", "CPU µs", "ratio"),
    )
    table.columns[1].justify = "left"
    for load in proxy["loads"]:
        for server, label in SERVERS.items():
            if server in load:
                figures = load[server]
                table.add_row(
                    str(load["connections"]),
                    label,
                    f"{figures['requests_per_second']:,.0f}",
                    f"{figures['p50_ms']:.2f}",
                    f"{figures['p99_ms']:.2f}",
                    _number(figures.get("p50_added_ms"), ".2f"),
                    _number(figures.get("p99_added_ms"), ".2f"),
                    _number(figures["cpu_us_per_call"], ".0f"),
                    _number(figures.get("ratio_to_passthrough"), ".2f"),
                )
    return table


def _traffic_table(report: Report) -> Table:
    table = _table(
        "Kinds of calls through Helio",
        "calls",
        *("at once", "calls/s", "p50 ms", "p99 ms", "CPU µs"),
    )
    for row in report["proxy"]["traffic"]:
        table.add_row(
            row["traffic"].replace("_", "-"),
            str(row["connections"]),
            f"{row['requests_per_second']:,.0f}",
            f"{row['p50_ms']:.2f}",
            f"{row['p99_ms']:.2f}",
            _number(row["cpu_us_per_call"], ".0f"),
        )
    return table


def _process_table(report: Report) -> Table:
    table = _table("Processes", "server", "ready ms", "idle MiB", "load MiB")
    for server, figures in report["proxy"]["processes"].items():
        table.add_row(
            SERVERS[server],
            f"{figures['ready_ms']:.0f}",
            _number(figures["idle_mib"], ".0f"),
            _number(figures["load_mib"], ".0f"),
        )
    return table


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def show_changes(changes: Iterable[Change], console: Console) -> None:
    """Prints the comparison with an earlier report."""
    table = _table(
        "Compared with the earlier report, as ratios to the yardsticks",
        "figure",
        *("before", "after", "worse by", ""),
    )
    for change in changes:
        verdict = "regressed" if change.regressed else "" if change.judged else "not judged"
        table.add_row(
            change.name,
            f"{change.before:.2f}",
            f"{change.after:.2f}",
            f"{change.worse:.2f}",
            verdict,
        )
    console.print(table)
    console.print(f"A factor over {TOLERANCE} is a regression.")
