"""A difference for people, like a review of a change, and for machines.

Above: `diff`. Below: `helio.policy.difference`, rich.
"""

from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console
from rich.text import Text

from helio.cli.compared import Compared
from helio.cli.output import console
from helio.diagnostics.exact_json import json_text
from helio.diagnostics.workflow_commands import Level, annotation
from helio.policy.difference import Difference, Differing, Kind, Verdict

_STYLES = {"widened": "bold yellow", "narrowed": "bold red", "changed": "bold cyan"}
_LEVELS: dict[Kind, Level] = {"widened": "warning", "narrowed": "notice", "changed": "notice"}
_KINDS: tuple[Kind, ...] = ("widened", "narrowed", "changed")


def as_object(found: Difference, sides: Sequence[Compared]) -> dict[str, object]:
    """As JSON output has it."""
    return {
        **{kind: [each.as_object() for each in found.of(kind)] for kind in _KINDS},
        "undecided": [each.as_object() for each in found.undecided],
        "policies": {
            name: {"file": each.name, "digest": each.side.policy.digest}
            for name, each in zip(("old", "new"), sides, strict=True)
        },
    }


def show(found: Difference, sides: Sequence[Compared]) -> None:
    """Prints everything on stdout."""
    out = console()
    for each in found.differing:
        _differing(out, each, sides)
        out.print()
    for undecided in found.undecided:
        region = " or ".join(undecided.region)
        out.print(Text.assemble(("not decided", "bold magenta"), f": {region}: {undecided.reason}"))
        out.print()
    out.print(_summary(found))


def show_annotations(
    found: Difference, sides: Sequence[Compared], failing: Sequence[Differing]
) -> None:
    """The same as annotations of the new file, at the rules that decide there now; what makes the
    command fail is an error. The summary goes to stderr."""
    for each in found.differing:
        level = "error" if each in failing else _LEVELS[each.kind]
        typer.echo(_annotation(level, each, sides))
    file = _file(sides[1].name)
    for undecided in found.undecided:
        text = f"not decided: {' or '.join(undecided.region)}: {undecided.reason}"
        typer.echo(annotation("warning", file, None, "helio diff", text))
    console(errors=True).print(_summary(found))


def _annotation(level: Level, each: Differing, sides: Sequence[Compared]) -> str:
    regions = "\nor: ".join(each.region)
    lines = [f"{_kind(each)}: {regions}", f"call: {json_text(each.witness)}"]
    for word, verdict, asks, side in (
        ("before", each.old, each.lost, sides[0]),
        ("now", each.new, each.gained, sides[1]),
    ):
        more = "".join(f"; {asked}" for asked in asks)
        lines.append(f"{word}: {_verdict(verdict, side.name)}{more}")
    file = _file(sides[1].name)
    return annotation(level, file, each.new.line, "helio diff", "\n".join(lines))


def _file(name: str) -> str:
    """The file in the repository, without the revision before it."""
    return name if Path(name).is_file() else name.partition(":")[2]


def _differing(out: Console, each: Differing, sides: Sequence[Compared]) -> None:
    first, *others = each.region
    kind = _kind(each)
    out.print(Text.assemble((kind, _STYLES[each.kind]), f": {first}"))
    for other in others:
        out.print(Text(f"{'or':>{len(kind)}}: {other}"))
    out.print(Text(f"  {json_text(each.witness)}", style="dim"))
    for sign, verdict, asks, side, style in (
        ("-", each.old, each.lost, sides[0], "red"),
        ("+", each.new, each.gained, sides[1], "green"),
    ):
        out.print(Text(f"  {sign} {_verdict(verdict, side.name)}", style=style))
        for asked in asks:
            out.print(Text(f"  {sign}   {asked}", style=style))


def _kind(each: Differing) -> str:
    return f"{each.kind}, in part widened" if "widened" in each.partly else each.kind


def _verdict(verdict: Verdict, file: str) -> str:
    decision = verdict.decision.replace("_", " ")
    place = "" if verdict.line is None else f" ({file}:{verdict.line})"
    by = "no rule" if verdict.rule is None else f"{verdict.rule}{place}"
    doubted = verdict.restricting if verdict.decision not in ("deny", "dry_run") else ()
    more = f", and {' and '.join(doubted)} in doubt" if doubted else ""
    return f"{decision}, by {by}{more}"


def _summary(found: Difference) -> str:
    counts = {kind: len(found.of(kind)) for kind in _KINDS}
    parts = [f"{count} {kind}" for kind, count in counts.items() if count]
    if found.undecided:
        parts.append(f"{len(found.undecided)} not decided")
    return ", ".join(parts) or "no call is decided otherwise"
