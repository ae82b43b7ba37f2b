"""`helio bench`: latency of the evaluator alone, and of calls through Helio beside direct ones.

Above: `helio.cli`. Below: `helio.bench`, imported when the command runs.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from helio.bench.comparison import Change, Report
    from helio.bench.proxy import Plan

_MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1_000.0}
_DURATION = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)(us|ms|s)\Z")
_FORMATS = ("text", "json")


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("bench")(bench)


def bench(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Short runs: under 15 seconds.")] = False,
    full: Annotated[
        bool,
        typer.Option(
            "--full",
            help="Long runs, 64 connections, denied and limited calls, `relaxed` durability: "
            "some minutes.",
        ),
    ] = False,
    max_p99: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="Fail when Helio adds more than this to the p99 of 16 connections (5ms).",
        ),
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="An earlier JSON report: fail when a ratio to the yardsticks is worse by a "
            "quarter.",
        ),
    ] = None,
    output_format: Annotated[str, typer.Option("-f", "--format", help="text or json.")] = "text",
) -> None:
    """Measure what a decision costs, and what a call through Helio costs beside a direct one.

    Everything runs here, on loopback, and leaves nothing behind. Exits 1 over --max-p99 and on a
    regression against --compare.
    """
    if quick and full:
        _fail("--quick and --full exclude each other")
    if output_format not in _FORMATS:
        _fail(f"--format {output_format}: there are text and json")
    budget = None if max_p99 is None else _milliseconds(max_p99)
    before = None if compare is None else _earlier(compare)
    report = _measure(quick=quick, full=full)
    changes = _compared(before, report)
    _print(report, changes, output_format)
    if not _passed(report, changes, budget):
        raise typer.Exit(1)


def _plan(*, quick: bool, full: bool) -> "tuple[Plan, int]":
    """What is measured of the proxy, and how many passes the evaluator makes."""
    from helio.bench.proxy import Plan

    if quick:
        return Plan(3, 0.25, 0.1, (1, 16)), 5
    if full:
        return Plan(5, 3.0, 0.5, (1, 16, 64), every_traffic=True), 50
    return Plan(3, 1.25, 0.25, (1, 16)), 20


def _measure(*, quick: bool, full: bool) -> "Report":
    from helio.bench import evaluator, machine, proxy
    from helio.errors import HelioError

    plan, passes = _plan(quick=quick, full=full)
    try:
        with _progress(plan.runs + len(evaluator.RULE_COUNTS)) as step:
            return {
                "machine": machine.describe(),
                "evaluator": evaluator.measure(passes, step),
                "proxy": proxy.measure(plan, step),
            }
    except (HelioError, OSError) as error:
        _fail(str(error))


@contextmanager
def _progress(steps: int) -> Iterator[Callable[[str], None]]:
    """A bar on stderr, where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("starting", total=steps)
        begun = False

        def step(what: str) -> None:
            nonlocal begun
            progress.update(task, description=what, advance=1 if begun else 0)
            begun = True

        yield step


def _earlier(path: Path) -> "Report":
    """An earlier report, known to be one before anything is measured."""
    import orjson

    from helio.bench.comparison import UnreadableReport, ratios

    try:
        report: Report = orjson.loads(path.read_bytes())
        ratios(report)
    except OSError as error:
        _fail(f"{path}: {error.strerror or error}")
    except (orjson.JSONDecodeError, UnreadableReport) as error:
        _fail(f"{path}: {error}")
    return report


def _compared(before: "Report | None", report: "Report") -> "list[Change]":
    from helio.bench.comparison import compare

    return [] if before is None else compare(before, report)


def _print(report: "Report", changes: "list[Change]", output_format: str) -> None:
    if output_format == "json":
        import orjson

        document = {**report}
        if changes:
            document["comparison"] = [change.report() for change in changes]
        typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2))
        return
    from rich.console import Console

    from helio.bench.report import show, show_changes

    console = Console(highlight=False)
    show(report, console)
    if changes:
        console.print()
        show_changes(changes, console)


def _passed(report: "Report", changes: "list[Change]", budget: float | None) -> bool:
    """Whether nothing was found; what was found is said on stderr."""
    from helio.bench.comparison import added_p99_ms

    findings = [
        f"{change.name} is worse by {change.worse:.2f}" for change in changes if change.regressed
    ]
    if budget is not None and (added := added_p99_ms(report)) > budget:
        findings.append(f"Helio adds {added:.2f} ms to the p99, more than {budget:g} ms")
    for finding in findings:
        typer.echo(f"helio bench: {finding}", err=True)
    return not findings


def _milliseconds(text: str) -> float:
    match = _DURATION.match(text)
    if match is None:
        _fail(f"--max-p99 {text}: write a number and a unit, as in 5ms, 500us or 1s")
    return float(match[1]) * _MILLISECONDS[match[2]]


def _fail(text: str) -> NoReturn:
    typer.echo(f"helio bench: {text}", err=True)
    raise typer.Exit(2)
