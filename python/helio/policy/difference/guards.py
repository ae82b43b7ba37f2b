"""What policies say of tools that are not what their upstream listed when they were accepted.

Above: `finding`. Below: `report`, `trying`. Pure. Both settings stand
before the rules: they hold for every such tool, whatever a call of it asks for. A call shows the
difference that the rules of the more permissive side do not deny.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Final

from helio.policy.difference.diagram import Way
from helio.policy.difference.reading import Side
from helio.policy.difference.report import Differing, Undecided, Verdict
from helio.policy.difference.trying import calls_of, way_of
from helio.policy.difference.verdicts import verdict
from helio.policy.reach.witnesses import Witness, witness_of

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
    calls = chain([witness_of({})], (call for call, _ in calls_of(side.rules)))
    return next((call for call in calls if call and _way(call, side) is not None), None)


def _way(call: Witness, side: Side) -> Way | None:
    """How the rules go; None when they deny."""
    way = way_of(call, side)
    return None if way is None or way.outcome.gate == "deny" else way


def _guarded(value: str, call: Witness, side: Side) -> Verdict:
    if value in _DECISIONS:
        return Verdict(_DECISIONS[value], None, None, None, ())
    way = _way(call, side)
    return Verdict("deny", None, None, None, ()) if way is None else verdict(way, side)
