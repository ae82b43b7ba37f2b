"""What policies say of tools that are not what their upstream listed when they were accepted.

Above: `finding`. Below: `outcomes`, `report`, `helio.policy.reach`. Pure. Both settings stand
before the rules: they hold for every such tool, whatever a call of it asks for. A call shows the
difference that the rules of the more permissive side do not deny.
"""

from collections.abc import Iterator
from itertools import chain, islice
from typing import Final

from helio.policy.difference.diagram import Way
from helio.policy.difference.outcomes import outcome
from helio.policy.difference.reading import Side
from helio.policy.difference.report import Differing, Undecided, Verdict
from helio.policy.difference.verdicts import verdict
from helio.policy.reach.effort import Effort, Exhausted
from helio.policy.reach.spaces import Space
from helio.policy.reach.witnesses import Witness, judged, witness_of

_GUARDS: Final = {
    "unknown_tools": (
        ("deny", "allow"),
        "a tool that the upstream does not list",
        {"listed": False},
    ),
    "on_tool_drift": (
        ("block", "require_approval", "log"),
        "a tool whose definition is not the accepted one",
        {"drifted": True},
    ),
}
"""The settings, strictest value first, the calls that each is about, and what marks a witness."""
_DECISIONS: Final = {"deny": "deny", "block": "deny", "require_approval": "require_approval"}
_MOST_CALLS: Final = 500
_EFFORT: Final = 200_000


def guard_differences(old: Side, new: Side) -> Iterator[Differing | Undecided]:
    """One for each of the settings that the policies set otherwise."""
    for name, (values, region, mark) in _GUARDS.items():
        before, after = getattr(old.settings, name), getattr(new.settings, name)
        if before == after:
            continue
        widened = values.index(after) > values.index(before)
        told = f"policies.{name}: "
        witness = _witness(new if widened else old)
        if witness is None:
            reason = "no call was found that the rules do not deny anyway"
            yield Undecided((region,), f"{told}{before} became {after}; {reason}")
            continue
        yield Differing(
            "widened" if widened else "narrowed",
            {**witness, **mark},
            _guarded(before, witness, old),
            _guarded(after, witness, new),
            (region,),
            (told + before,),
            (told + after,),
        )


def _witness(side: Side) -> Witness | None:
    """A call that the rules do not deny."""
    calls = chain([witness_of({})], islice(_calls(side), _MOST_CALLS))
    return next((call for call in calls if call and _way(call, side) is not None), None)


def _calls(side: Side) -> Iterator[Witness | None]:
    """One that each rule is for."""
    effort = Effort(_EFFORT, _EFFORT)
    effort.begin()
    for rule in side.rules:
        try:
            space = Space(rule.conditions, effort)
        except Exhausted:
            return
        examples = space.examples(space.box(rule.conditions, possible=False))
        if examples is not None:
            yield witness_of(examples)


def _way(call: Witness, side: Side) -> Way | None:
    """How the rules go; None when they deny, or nobody knows."""
    decision = judged(side.evaluator, call)
    if decision is None:
        return None
    decides = None if decision.rule < 0 else side.by_index[decision.rule].effect
    restricting = tuple(decision.restricting)
    effects = [side.by_index[index].effect for index in restricting]
    found = outcome(side.surroundings, decides, effects, destructive=False, budgets=frozenset())
    rule = None if decision.rule < 0 else decision.rule
    return None if found.gate == "deny" else Way(rule, restricting, found)


def _guarded(value: str, call: Witness, side: Side) -> Verdict:
    if value in _DECISIONS:
        return Verdict(_DECISIONS[value], None, None, None, ())
    way = _way(call, side)
    return Verdict("deny", None, None, None, ()) if way is None else verdict(way, side)
