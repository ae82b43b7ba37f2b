"""A replay's findings for people: what changed, by whom and how much, then examples.

Above: `replay`. Below: `helio.simulation.report`, rich.
"""

from collections.abc import Mapping
from decimal import Decimal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from helio.cli.output import console
from helio.governance.feedback import instant
from helio.simulation.replay import Judged
from helio.simulation.report import Report, Share, ranked
from helio.simulation.verdict import Verdict

_ROWS = 12
"""Rows of a table; the rest are told by their number."""
_ARGUMENTS = 160
"""Characters of an example's arguments."""
_REASONS = {
    "arguments_unknown": "rests on arguments that the audit holds only in part",
    "annotations_unknown": "rests on annotations that were not recorded",
    "metadata_unknown": "rests on what an adapter said beside it, and redaction hid",
    "outcome_unknown": "rests on a call that did not go this way then",
}
_FLOWS = (("blocked", "blocked"), ("let_through", "let through"), ("would_ask", "would ask"))
_STYLES = {"narrowed": "red", "widened": "yellow", "changed": "cyan", "indeterminate": "magenta"}


def show(report: Report, digest: str) -> None:
    """Prints everything on stdout."""
    out = console()
    _summary(out, report, digest)
    if report.whole.money:
        out.print(_money(report.whole.money))
        out.print()
    for name, shares in (
        ("rule", report.by_rule),
        ("tool", report.by_tool),
        ("agent", report.by_agent),
    ):
        if shares:
            out.print(_shares(name, shares))
            out.print()
    examples = report.examples()
    if examples:
        out.print(Text("examples", style="bold"))
        for judged in examples:
            _example(out, judged)


def _summary(out: Console, report: Report, digest: str) -> None:
    kinds = report.whole.kinds
    out.print(f"{_calls(report.calls)} judged by {digest[:19]}…")
    parts = [
        f"{kinds[kind]:,} {name}"
        for kind, name in (
            ("narrowed", "narrowed"),
            ("widened", "widened"),
            ("changed", "otherwise"),
        )
        if kinds[kind]
    ]
    told = f": {', '.join(parts)}" if parts else ""
    out.print(f"  {report.whole.changed:,} decided otherwise than they were{told}")
    for reason, count in report.reasons.most_common():
        out.print(f"  {count:,} cannot be judged: {_REASONS.get(reason, reason)}")
    for guard, count in report.guards.most_common():
        out.print(f"  {count:,} held back by Helio itself: {guard}")
    if report.by_another_rule:
        out.print(f"  {report.by_another_rule:,} decided alike by another rule")
    out.print()


def _money(money: Mapping[str, Mapping[str, Decimal]]) -> Table:
    table = _table("money", *(title for _, title in _FLOWS))
    for currency, sums in sorted(money.items()):
        amounts = (sums.get(flow, Decimal(0)) for flow, _ in _FLOWS)
        table.add_row(currency, *(f"{amount:,f}" if amount else "-" for amount in amounts))
    return table


def _shares(name: str, shares: Mapping[str | None, Share]) -> Table:
    table = _table(name, "narrowed", "widened", "otherwise", "not judged")
    rows = ranked(shares)
    for key, share in rows[:_ROWS]:
        kinds = share.kinds
        counts = (kinds[kind] for kind in ("narrowed", "widened", "changed", "indeterminate"))
        label = key if key is not None else "(default)" if name == "rule" else "(unknown)"
        table.add_row(Text(label), *(f"{count:,}" if count else "-" for count in counts))
    if len(rows) > _ROWS:
        table.add_row(Text(f"and {len(rows) - _ROWS:,} more", style="dim"))
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(first, no_wrap=True)
    for title in others:
        table.add_column(title, justify="right", no_wrap=True)
    return table


def _example(out: Console, judged: Judged) -> None:
    call = judged.call
    now = _REASONS.get(judged.why or "", "") if judged.new is None else _verdict(judged.new)
    who = "" if call.agent is None else f"  agent {call.agent}"
    line = Text.assemble(
        f"{instant(call.at)[:19]}Z  ",
        (f"{judged.kind:<14}", _STYLES.get(judged.kind, "")),
        (call.tool or "", "bold"),
        who,
    )
    out.print(line)
    out.print(Text(f"    {_verdict(judged.old)} → {now}"))
    arguments = call.arguments or ""
    cut = "…" if len(arguments) > _ARGUMENTS else ""
    out.print(Text(f"    {arguments[:_ARGUMENTS]}{cut}  {call.id}", style="dim"))


def _verdict(verdict: Verdict) -> str:
    """The reason where there is one: it says more than the decision."""
    rule = "default" if verdict.rule is None else verdict.rule
    told = verdict.reason or verdict.decision
    if verdict.decision == "dry_run" and verdict.reason is not None:
        told = f"dry_run: {verdict.reason}"
    return f"{told} ({rule})"


def _calls(number: int) -> str:
    return f"{number:,} call{'' if number == 1 else 's'}"
