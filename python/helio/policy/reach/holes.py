"""Values between two rules, of which neither decides: `lt 1000` here, `gt 1000` there.

Above: `compiler`. Below: `conditions`, `samples`, `witnesses`. Pure. A call with that value is made
and run; it is told only when it is left to the default, and that does not deny as a neighbour does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final, NamedTuple

from helio.diagnostics import Diagnostics, Interpolated, Label, Number, Scalar, quoted
from helio.evaluator import Evaluator
from helio.policy import codes
from helio.policy.document import Match, Operation, Rule, Selection
from helio.policy.graph import Settings
from helio.policy.patterns import may_select_several, normal_path
from helio.policy.reach.conditions import conditions_of, is_elsewhere
from helio.policy.reach.effort import Effort, Exhausted
from helio.policy.reach.samples import samples
from helio.policy.reach.witnesses import Witness, judged

_EFFORT: Final = 50_000
_EFFORT_EACH: Final = 20_000
_BOUNDS: Final = ("lt", "gt")

_Place = tuple[str, Decimal, frozenset[str]]
"""A path, the bound there, and the globs of the tools."""


class _Bound(NamedTuple):
    """A bound of a rule that leaves its own value out."""

    rule: Rule
    match: Match
    selection: Selection
    operation: Operation


def check_holes(
    rules: Sequence[Rule], evaluator: Evaluator, settings: Settings, diagnostics: Diagnostics
) -> None:
    """Adds values that two rules leave out between them. The rules must have been checked without
    an error; `evaluator` judges by them."""
    effort = Effort(_EFFORT, _EFFORT_EACH)
    known: dict[tuple[str, _Place], _Bound] = {}
    for rule in rules:
        if rule.shadow or is_elsewhere(rule, settings.environment):
            continue
        for place, bound in _bounds(rule):
            operator = bound.operation.operator
            other = known.get((_BOUNDS[operator == "lt"], place))
            known.setdefault((operator, place), bound)
            if other is None or other.rule is rule or _denied_anyway(other, bound, settings):
                continue
            try:
                effort.begin()
                witness = _left_out(bound, effort)
            except Exhausted:
                return
            decision = None if witness is None else judged(evaluator, witness)
            if decision is not None and decision.rule < 0:
                _tell(other, bound, witness, settings, diagnostics)


def _bounds(rule: Rule) -> Iterator[tuple[_Place, _Bound]]:
    match = rule.match
    for selection in () if match is None else match.input:
        for operation in selection.operations:
            if match is None or operation.operator not in _BOUNDS:
                continue
            operand = operation.operand
            value = operand.value if isinstance(operand, Scalar) else None
            path = normal_path(selection.selector.value)
            if isinstance(value, Interpolated) or may_select_several(path):
                continue
            tools = frozenset(text.value for text in match.tool)
            place = (path, Decimal(str(getattr(value, "text", value))), tools)
            yield place, _Bound(rule, match, selection, operation)


def _denied_anyway(one: _Bound, other: _Bound, settings: Settings) -> bool:
    """Whether the value between is denied as a neighbour of it is."""
    return settings.default == "deny" and "deny" in (one.rule.action, other.rule.action)


def _left_out(bound: _Bound, effort: Effort) -> Witness | None:
    """A call that the rule would be for if the value of its bound were in it."""
    _, match, selection, operation = bound
    within = (operation._replace(operator="eq"),)
    chosen = tuple(
        each._replace(operations=within) if each is selection else each for each in match.input
    )
    conditions = conditions_of(replace(bound.rule, match=replace(match, input=chosen)))
    return next(samples(conditions, effort), None)


def _tell(
    other: _Bound,
    bound: _Bound,
    witness: Witness | None,
    settings: Settings,
    diagnostics: Diagnostics,
) -> None:
    operand, operation = bound.operation.operand, bound.operation
    value = operand.value if isinstance(operand, Scalar) else None
    shown = value.text if isinstance(value, Number) else str(value)
    path = quoted(bound.selection.selector.value)
    here, there = ("above", "below") if operation.operator == "gt" else ("below", "above")
    message = (
        f"no rule decides where {path} is exactly {shown}: this one is for what is {here}, the one "
        f"in line {other.rule.span.line} for what is {there}; the default is `{settings.default}`"
    )
    related = [Label(other.operation.operand.span, "leaves it out, too")]
    mine, theirs = f"{operation.operator}e", f"{other.operation.operator}e"
    line = other.operation.operand.span.line
    hint = f"write `{mine}` here, or `{theirs}` in line {line}"
    diagnostics.add(
        codes.BETWEEN_RULES,
        message,
        operand.span,
        operation.path,
        hint,
        related=related,
        witness=witness,
    )
