"""An explanation for people: the rules in order with the lines they stand in, then the decision.

Above: `explain`. Below: `helio.diagnostics.rendering`.
"""

from collections.abc import Iterator

from helio.cli import output as out
from helio.diagnostics import SourceText, Span
from helio.diagnostics.rendering import Mark, Piece, excerpt, visible
from helio.pipeline.explaining import Asked, ExplainedCondition, ExplainedRule, Explanation

_STYLES = {"true": "note", "false": "error", "indeterminate": "warning"}
_EFFECTS = {
    "decides": "decides",
    "restricts": "cannot be judged, so it adds what it asks for",
    "passed over": "cannot be judged, so it is passed over",
    "shadow": "matches, but is in shadow: it only reports",
    "does not match": "does not match",
}
_OUTCOMES = {
    "allow": "the call is let through",
    "deny": "the call is blocked",
    "require_approval": "a person is asked",
    "dry_run": "the call is rehearsed and not forwarded",
}


def show(explanation: Explanation, source: SourceText) -> None:
    """Prints everything on stdout."""
    stdout = out.console()
    for rule in explanation.rules:
        out.show_lines(_rule(rule, source), stdout)
        stdout.print()
    out.show_lines(_summary(explanation, source), stdout)


def _rule(rule: ExplainedRule, source: SourceText) -> Iterator[list[Piece]]:
    place = f"{source.path}:{rule.span.line}: " if rule.span is not None else ""
    effect = _EFFECTS[rule.effect]
    if rule.effect == "decides" and rule.result == "indeterminate":
        effect = "cannot be judged, and so decides"
    style = _STYLES[rule.result]
    told = f"rule `{visible(rule.label)}` ({rule.action}) "
    yield [Piece(visible(place), "place"), Piece(told, "plain"), Piece(effect, style)]
    shown = [each for each in rule.conditions if each.result != "true"] or rule.conditions
    if rule.effect == "decides":
        shown = rule.conditions
    marks = [
        Mark(each.span, "^", _STYLES[each.result], f" {visible(_said(each))}")
        for each in shown
        if each.span is not None
    ]
    if marks:
        width = len(str(max(mark.span.line for mark in marks)))
        yield from excerpt([_on_one_line(mark) for mark in marks], source, width)
    elif not rule.conditions:
        yield [Piece("  it has no conditions, so it matches every call", "plain")]


def _on_one_line(mark: Mark) -> Mark:
    """Marks that stand for a whole rule are drawn below its first character."""
    span = mark.span
    if span.line == span.end_line:
        return mark
    return mark._replace(span=Span(span.line, span.column, span.line, span.column + 1))


def _said(condition: ExplainedCondition) -> str:
    """`input $.amount: { gt: 1000 } is false: found 500`."""
    text = f"{condition.text} is {condition.result}"
    if condition.parts:
        parts = ", ".join(f"`{part}` is {truth}" for part, truth in condition.parts)
        text += f" ({parts})"
    return f"{text}: found {condition.found}" if condition.found != condition.text else text


def _summary(explanation: Explanation, source: SourceText) -> Iterator[list[Piece]]:
    others = len(explanation.other_tools)
    if others:
        yield [Piece(f"{_counted(others)} for other tools left out", "dim")]
    if explanation.not_reached:
        text = f"{_counted(explanation.not_reached)} after that not looked at"
        yield [Piece(text, "dim")]
    reason = "" if explanation.reason is None else f" ({explanation.reason})"
    outcome = f"{_OUTCOMES[explanation.outcome]}{reason}"
    yield [
        Piece(f"{visible(explanation.tool)}: ", "place"),
        Piece(f"{_by(explanation, source)}; {outcome}", "plain"),
    ]
    for asked in explanation.asks:
        yield [Piece(f"  - {_asked(asked)}", "plain")]
    if explanation.labels:
        labels = visible(", ".join(explanation.labels))
        yield [Piece(f"  - the session gets the labels: {labels}", "plain")]
    for note in explanation.notes:
        yield [Piece(f"  = note: {visible(note)}", "plain")]


def _by(explanation: Explanation, source: SourceText) -> str:
    if explanation.rule is None:
        default = "policies.install.default" if explanation.of_scan else "policies.default"
        return f"no rule decides, so `{default}` does: {explanation.action}"
    decided = next(each for each in explanation.rules if each.index == explanation.rule_index)
    place = "" if decided.span is None else f" ({visible(source.path)}:{decided.span.line})"
    return f"rule `{visible(explanation.rule)}`{place} decides: {explanation.action}"


def _asked(asked: Asked) -> str:
    whose = "" if asked.rule is None else f"rule `{asked.rule}` asks: "
    ending = "" if asked.met is None else f" ({'met' if asked.met else 'missing'})"
    shadow = "" if asked.enforced else ", in shadow: only reported"
    return visible(f"{whose}{asked.text}{ending}{shadow}")


def _counted(number: int) -> str:
    return "1 rule" if number == 1 else f"{number:,} rules"
