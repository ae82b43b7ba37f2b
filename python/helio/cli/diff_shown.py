"""A difference for people, like a review of a change, and for machines.

Above: `diff`. Below: `helio.policy.difference`, rich.
"""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from helio.cli.compared import Compared
from helio.cli.output import console
from helio.diagnostics.exact_json import json_text
from helio.policy.difference import Difference, Differing, Kind, Verdict

_STYLES = {"widened": "bold yellow", "narrowed": "bold red", "changed": "bold cyan"}
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


def _differing(out: Console, each: Differing, sides: Sequence[Compared]) -> None:
    first, *others = each.region
    out.print(Text.assemble((each.kind, _STYLES[each.kind]), f": {first}"))
    for other in others:
        out.print(Text(f"{'or':>{len(each.kind)}}: {other}"))
    out.print(Text(f"  {json_text(each.witness)}", style="dim"))
    for sign, verdict, asks, side, style in (
        ("-", each.old, each.lost, sides[0], "red"),
        ("+", each.new, each.gained, sides[1], "green"),
    ):
        out.print(Text(f"  {sign} {_verdict(verdict, side.name)}", style=style))
        for asked in asks:
            out.print(Text(f"  {sign}   {asked}", style=style))


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
