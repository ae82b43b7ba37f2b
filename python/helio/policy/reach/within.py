"""Findings about the conditions of one rule: those that exclude each other, and those that another
one implies.

Above: `findings`. Below: `spaces`, `codes`. Pure. Only conditions about one subject are compared.
"""

from collections.abc import Hashable, Sequence
from decimal import Decimal
from itertools import combinations

from helio.diagnostics import Diagnostics, Label
from helio.policy import codes
from helio.policy.operands import ORDERING
from helio.policy.patterns import may_select_several
from helio.policy.reach.boxes import is_empty
from helio.policy.reach.conditions import Condition, Subject
from helio.policy.reach.effort import Effort, TooLarge
from helio.policy.reach.spaces import Space
from helio.policy.reach.values import read


def check_conditions(
    conditions: Sequence[Condition], effort: Effort, diagnostics: Diagnostics
) -> bool:
    """Whether all conditions may hold at once; what is wrong with them is added to `diagnostics`.
    Raises `Exhausted`.
    """
    by_subject: dict[Subject, list[Condition]] = {}
    for condition in conditions:
        by_subject.setdefault(condition.subject, []).append(condition)
    may_hold = True
    for group in by_subject.values():
        if len(group) == 1 and not _is_of_values(group[0]):
            continue
        shape = _shape(group)
        if shape is not None and shape in effort.known:
            continue
        space = Space(group, effort)
        if is_empty(space.box(group, possible=False)):
            may_hold = False
            _report_contradiction(space, group, diagnostics)
        elif not _report_implied(space, group, diagnostics) and shape is not None:
            effort.known[shape] = True
    return may_hold


def _shape(group: Sequence[Condition]) -> Hashable:
    """What conditions on numbers alone have in common with others: their operators, and the order
    of the numbers. Where such conditions are in order once, all of that shape are. None for other
    conditions.
    """
    if group[0].subject[0] not in ("input", "metadata"):
        return None
    numbers: list[Decimal] = []
    operators: list[str] = []
    for condition in group:
        quantifier, tests = condition.meaning
        operators.append(quantifier)
        for operator, operand in tests:
            if operator not in ORDERING:
                return None
            operators.append(operator)
            try:
                numbers.append(read(operand))
            except TooLarge:
                return None
    named = sorted(set(numbers))
    ranks = tuple([named.index(number) for number in numbers])
    return ("shape", may_select_several(group[0].subject[1]), tuple(operators), ranks)


def _is_of_values(condition: Condition) -> bool:
    """Whether it may exclude itself: several tests of one value, or `every` of none."""
    if condition.subject[0] not in ("input", "metadata"):
        return False
    quantifier, tests = condition.meaning
    return quantifier == "every" or len(tests) > 1


def _is_said_for_clearness(condition: Condition) -> bool:
    """Hints, whose meanings few know by heart, and that there is a value at all."""
    if condition.subject[0] not in ("input", "metadata"):
        return True
    _, tests = condition.meaning
    return bool(tests[0][0] == "exists")


def _report_contradiction(space: Space, group: list[Condition], diagnostics: Diagnostics) -> None:
    """At the later one of the two conditions, or at the only one."""
    alone = [one for one in group if is_empty(space.box([one], possible=False))]
    pairs = (pair for pair in combinations(group, 2) if is_empty(space.box(pair, possible=False)))
    chosen = alone[:1] or list(next(pairs, tuple(group)))
    last = max(chosen, key=lambda each: each.span)
    parts = " and ".join(each.shown for each in chosen)
    message = f"no call meets {parts}{' at once' if len(chosen) > 1 else ''}"
    if not is_empty(space.box(group, possible=True)):
        message += "; this rule is for calls only that it cannot judge"
    related = [Label(each.span, "the other condition") for each in chosen if each is not last]
    diagnostics.add(codes.CONTRADICTION, message, last.span, last.path, related=related)


def _report_implied(space: Space, group: list[Condition], diagnostics: Diagnostics) -> bool:
    """Whether there are conditions without which the rule is true, and possible, for the same
    calls.
    """
    kept = list(group)
    for condition in group:
        if _is_said_for_clearness(condition):
            continue
        rest = [each for each in kept if each is not condition]
        if not rest or any(
            space.box(rest, possible=possible) != space.box(kept, possible=possible)
            for possible in (False, True)
        ):
            continue
        kept = rest
        others = " and ".join(each.shown for each in rest)
        verb = "holds" if len(rest) == 1 else "hold"
        message = f"{condition.shown} always holds where {others} {verb}"
        diagnostics.add(codes.IMPLIED_CONDITION, message, condition.span, condition.path)
    return len(kept) < len(group)
