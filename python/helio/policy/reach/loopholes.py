"""Texts that a rule denies and that a rule above it permits: `/data/…` there, `..` here.

Above: `compiler`. Below: `conditions`, `spaces`, `witnesses`. Pure. It is about one argument, of
which both judge the text. A permitting rule for some of the texts that are denied is an exception,
and nothing to tell; one that has others, too, was hardly meant to be. The call is run.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from helio.diagnostics import Diagnostics, Label, child_path, quoted
from helio.evaluator import Evaluator
from helio.policy import codes
from helio.policy.document import Rule, Selection
from helio.policy.graph import Settings
from helio.policy.operands import TEXTUAL
from helio.policy.patterns import may_select_several, normal_path
from helio.policy.reach.boxes import intersection, is_empty
from helio.policy.reach.conditions import conditions_of, is_elsewhere
from helio.policy.reach.effort import Effort, Exhausted
from helio.policy.reach.spaces import Space
from helio.policy.reach.witnesses import Witness, judged, witness_of

_EFFORT: Final = 500_000
_EFFORT_EACH: Final = 20_000
_MOST_ABOVE: Final = 20
_PERMITTING: Final = ("allow", "rate_limit", "spend_limit", None)
_JUDGING: Final = TEXTUAL | {"contains"}
_NESTING: Final = (["starts_with"], ["ends_with"])
"""Of two rules that judge a text by the same one of these, none has a part of what the other has:
it has all of that, or nothing."""


def check_loopholes(
    rules: Sequence[Rule], evaluator: Evaluator, settings: Settings, diagnostics: Diagnostics
) -> None:
    """Adds denials that a permit above takes calls from. The rules must have been checked without
    an error; `evaluator` judges by them."""
    effort = Effort(_EFFORT, _EFFORT_EACH)
    permits: dict[str, list[tuple[Rule, list[str]]]] = defaultdict(list)
    for rule in rules:
        if rule.shadow or is_elsewhere(rule, settings.environment):
            continue
        asks = rule.evidence or rule.requires
        for path, selection in _judged_texts(rule):
            judges = [each.operator for each in selection.operations]
            if rule.action in _PERMITTING and not asks:
                permits[path].append((rule, judges))
            if rule.action != "deny" or asks:
                continue
            above = permits[path][-_MOST_ABOVE:]
            nests = judges in _NESTING
            crossing = [permit for permit, other in above if not (nests and other == judges)]
            try:
                found = _permitted(rule, crossing, path, evaluator, effort) if crossing else None
            except Exhausted:
                return
            if found is not None:
                _tell(rule, selection, *found, diagnostics)
                break


def _judged_texts(rule: Rule) -> Iterator[tuple[str, Selection]]:
    """The arguments of which the rule judges the text, each once."""
    told: set[str] = set()
    for selection in () if rule.match is None else rule.match.input:
        path = normal_path(selection.selector.value)
        judges = any(each.operator in _JUDGING for each in selection.operations)
        if judges and path not in told and not may_select_several(path):
            told.add(path)
            yield path, selection


def _permitted(
    rule: Rule, above: Sequence[Rule], path: str, evaluator: Evaluator, effort: Effort
) -> tuple[Rule, Witness] | None:
    """A rule above that permits a call which this one denies, and the call."""
    denied = conditions_of(rule)
    for permit in above:
        effort.begin()
        permitted = conditions_of(permit)
        space = Space([*permitted, *denied], effort)
        left, right = (space.box(each, possible=False) for each in (permitted, denied))
        both = intersection(left, right)
        places = [
            place
            for place, each in enumerate(space.dimensions)
            if each.subject[0] == "input" and path in each.subject
        ]
        if is_empty(both) or not all(_cross(left.get(at), right.get(at)) for at in places):
            continue
        examples = space.examples(both)
        witness = None if examples is None else witness_of(examples)
        decision = None if witness is None else judged(evaluator, witness)
        if witness is not None and decision is not None and decision.rule == permit.index:
            return permit, witness
    return None


def _cross(left: int | None, right: int | None) -> bool:
    """Whether each has something that the other has not."""
    return left is not None and right is not None and bool(left & ~right and right & ~left)


def _tell(
    rule: Rule, selection: Selection, permit: Rule, witness: Witness, diagnostics: Diagnostics
) -> None:
    text = selection.selector
    line = permit.span.line
    message = (
        f"the rule in line {line} lets calls through whose {quoted(text.value)} is denied here"
    )
    related = [Label(permit.place("match"), "decides about them first")]
    hint = f"move this rule above line {line}"
    path = child_path(rule.path, "match")
    diagnostics.add(
        codes.LOOPHOLE, message, text.span, path, hint, related=related, witness=witness
    )
