"""What policies say of tools that are not what was accepted, and of calls that cannot be recorded.

Above: `finding`. Below: `report`, `trying`. Pure. These settings hold for every such call, whatever
it asks for. A call shows the difference that the rules of the more permissive side do not deny.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Final, NamedTuple

from helio.policy.difference.diagram import Way
from helio.policy.difference.reading import Side
from helio.policy.difference.report import Differing, Undecided, Verdict
from helio.policy.difference.trying import calls_of, way_of
from helio.policy.difference.verdicts import verdict
from helio.policy.reach.witnesses import Witness, witness_of


class _Guard(NamedTuple):
    """A setting: its values, the strictest first, the calls that it is about, and what marks a
    witness."""

    key: str
    values: tuple[str, ...]
    region: str
    mark: Mapping[str, bool]
    read: Callable[[Side], str]


_GUARDS: Final = (
    _Guard(
        "policies.unknown_tools",
        ("deny", "allow"),
        "a tool that the upstream does not list",
        {"listed": False},
        lambda side: side.settings.unknown_tools,
    ),
    _Guard(
        "policies.on_tool_drift",
        ("block", "require_approval", "log"),
        "a tool whose definition is not the accepted one",
        {"drifted": True},
        lambda side: side.settings.on_tool_drift,
    ),
    _Guard(
        "audit.on_failure",
        ("block", "allow"),
        "calls that the audit cannot record",
        {"unrecorded": True},
        lambda side: side.conduct.on_failure,
    ),
)
_DECISIONS: Final = {"deny": "deny", "block": "deny", "require_approval": "require_approval"}


def guard_differences(old: Side, new: Side) -> Iterator[Differing | Undecided]:
    """One for each of the settings that the policies set otherwise."""
    for key, values, region, mark, read in _GUARDS:
        before, after = read(old), read(new)
        if before == after:
            continue
        widened = values.index(after) > values.index(before)
        told = f"{key}: "
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
    calls = chain([witness_of(side.known)], (call for call, _ in calls_of(side.rules)))
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
