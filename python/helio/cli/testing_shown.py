"""What `helio test` found, for people: each failure with its line, what was expected and why not.

Above: `testing`. Below: `output`, `helio.simulation.testing`, rich.
"""

from pathlib import Path

from rich.console import Console
from rich.text import Text

from helio.cli.output import console
from helio.simulation.testing.coverage import Gap
from helio.simulation.testing.running import Failure, Mismatch, Result
from helio.simulation.testing.told import Outcome

_GAPS = 20
"""Gaps in coverage that are listed; the rest are told by their number."""


def show(outcome: Outcome, config: str, seconds: float) -> None:
    """Prints everything on stdout."""
    out = console()
    for result in outcome.results:
        if not result.passed:
            _case(out, result)
    _coverage(out, outcome, config)
    if outcome.survivors is not None:
        _mutants(out, outcome, config)
    style = "bold red" if outcome.failed else "bold green"
    counts = f"{outcome.passed} passed, {outcome.failed} failed"
    out.print(Text.assemble((counts, style), f" ({seconds * 1000:.0f} ms)"))


def _case(out: Console, result: Result) -> None:
    case = result.case
    out.print(Text.assemble(("FAILED", "bold red"), " ", (case.name, "bold")))
    lines = _lines_of(case.file)
    for failure in result.failures:
        _failure(out, failure, case.file, lines)
    out.print()


def _failure(out: Console, failure: Failure, file: str, lines: list[str]) -> None:
    place = f"{file}:{failure.span.line}"
    out.print(Text.assemble("  ", (place, "bold"), f": step {failure.number}, {failure.what}"))
    before = 0
    for each in failure.mismatches:
        line = each.span.line
        if line != before and 0 < line <= len(lines):
            out.print(Text.assemble((f"    {line} | ", "dim"), _visible(lines[line - 1]).strip()))
        before = line
        _mismatch(out, each)
    for index, sentence in enumerate(failure.why):
        label = "    why: " if index == 0 else "         "
        out.print(Text.assemble((label, "dim"), _visible(sentence)))


def _mismatch(out: Console, each: Mismatch) -> None:
    out.print(
        Text.assemble(
            f"    {each.field}: expected ",
            (_visible(each.expected), "green"),
            ", found ",
            (_visible(each.found), "red"),
        )
    )


def _coverage(out: Console, outcome: Outcome, config: str) -> None:
    coverage = outcome.coverage
    rules, sides = coverage.rules, coverage.sides
    out.print(
        f"coverage {coverage.percent:g}%: {rules[0]} of {rules[1]} rules, "
        f"{sides[0]} of {sides[1]} sides of conditions"
    )
    gaps = coverage.gaps()
    for gap in gaps[:_GAPS]:
        out.print(Text.assemble(("  ", ""), (f"{config}:{gap.line}", "bold"), f": {_gap(gap)}"))
    if len(gaps) > _GAPS:
        out.print(f"  and {len(gaps) - _GAPS} more: `-f json` lists all")


def _gap(gap: Gap) -> str:
    if gap.condition is None:
        return f"rule `{gap.rule}` never decides"
    return f"rule `{gap.rule}`: {_visible(gap.condition)} is never {gap.missing}"


def _mutants(out: Console, outcome: Outcome, config: str) -> None:
    survivors = outcome.survivors or ()
    out.print(f"mutants: {outcome.mutants - len(survivors)} of {outcome.mutants} noticed")
    for each in survivors:
        place = f"{config}:{each.line}" if each.line else config
        told = f": no test notices `{each.rule}` with {_visible(each.what)}"
        if each.what == "deleted":
            told = f": no test notices that `{each.rule}` is deleted"
        out.print(Text.assemble("  ", (place, "bold"), told))


def _lines_of(file: str) -> list[str]:
    return Path(file).read_text("utf-8").split("\n")


def _visible(text: str) -> str:
    """What a terminal would obey as a mark."""
    return "".join(each if each.isprintable() else "\ufffd" for each in text)
