"""The calls that two policies decide otherwise, each region once, with a call that shows it.

Above: `helio diff`. Below: the rest of the room. Pure. What was not found out within the bounds, or
holds no call that could be written and run, is told as not decided, never left out.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from typing import Final

from helio.policy.difference.calls import shown
from helio.policy.difference.clusters import Cluster, clusters
from helio.policy.difference.comparing import Change, change
from helio.policy.difference.counters import counter_differences
from helio.policy.difference.diagram import Diagram, Fork
from helio.policy.difference.guards import guard_differences
from helio.policy.difference.one_by_one import one_by_one
from helio.policy.difference.possible import possible_boxes
from helio.policy.difference.reading import Side
from helio.policy.difference.regions import described, merged, summary
from helio.policy.difference.report import Difference, Differing, Undecided
from helio.policy.difference.trying import tried
from helio.policy.difference.unknown_sessions import unknown_sessions
from helio.policy.difference.verdicts import verdict
from helio.policy.reach.boxes import Box
from helio.policy.reach.effort import Effort, Exhausted
from helio.policy.reach.witnesses import Witness

_EFFORT: Final = 60_000_000
"""Steps for all, each well under a microsecond."""
_EFFORT_EACH: Final = 20_000_000
_MOST_BOXES: Final = 200
_MOST_REGIONS: Final = 4


def differences(old: Side, new: Side) -> Difference:
    """What `new` decides otherwise than `old`: calls, then installations. Where both only rehearse,
    or only watch, they are compared as if they were enforced."""
    found = _differences(old, new)
    if old.install is not None and new.install is not None:
        installs = _differences(old.install, new.install)
        found.differing += [replace(each, region=_installs(each)) for each in installs.differing]
        found.undecided += [replace(each, region=_installs(each)) for each in installs.undecided]
    elif old.tells_of_installs or new.tells_of_installs:
        reason = "a graph of `helio compile -o` does not hold `policies.install`"
        found.undecided.append(Undecided(("what may be installed",), reason))
    return found


def _installs(found: Differing | Undecided) -> tuple[str, ...]:
    """The region of scans: all of what may be installed, or what is so and so."""
    return tuple(
        "any installation" if text == "any call" else f"installations: {text}"
        for text in found.region
    )


def _differences(old: Side, new: Side) -> Difference:
    for setting in ("dry_run", "shadow"):
        if getattr(old.settings, setting) == getattr(new.settings, setting):
            old, new = old.without(setting), new.without(setting)
    found = Difference()
    effort = Effort(_EFFORT, _EFFORT_EACH)
    for cluster in clusters(old, new):
        try:
            effort.begin()
            _compare(cluster, effort, found)
        except Exhausted:
            told = one_by_one(cluster)
            if told is None:
                told = tried(cluster)
                reason = "there is too much to compare"
                found.undecided.append(Undecided((_named(cluster),), reason))
            found.differing += told
    others = (guard_differences, unknown_sessions, counter_differences)
    for guarded in chain.from_iterable(look(old, new) for look in others):
        if isinstance(guarded, Undecided):
            found.undecided.append(guarded)
        else:
            found.differing.append(guarded)
    found.differing.sort(key=_place)
    return found


def _place(each: Differing) -> tuple[int, int]:
    last = 1 << 30
    new = last if each.new.index is None else each.new.index
    old = last if each.old.index is None else each.old.index
    return min(new, old), max(new, old)


def _named(cluster: Cluster) -> str:
    lines = []
    for half, name in ((cluster.old, "old"), (cluster.new, "new")):
        changed = [rule.line or rule.index for rule in half.rules if rule.index in half.changed]
        if changed:
            told = ", ".join(map(str, changed[:5])) + (", …" if len(changed) > 5 else "")
            lines.append(f"the calls of the {name} rules in lines {told}")
    return " and ".join(lines) or "all calls"


def _compare(cluster: Cluster, effort: Effort, found: Difference) -> None:
    diagram = Diagram(cluster, effort)
    for change_, forks in _groups(cluster, diagram):
        _add(change_, forks, diagram, cluster, found)


def _groups(cluster: Cluster, diagram: Diagram) -> Iterator[tuple[Change, list[Fork]]]:
    """Forks that are one difference: the same rules, the same outcomes."""
    groups: dict[object, list[Fork]] = {}
    changes: dict[object, Change] = {}
    key: object
    for fork in sorted(diagram.forks, key=_rules):
        differs = change(fork.old.outcome, fork.new.outcome)
        if differs is None:
            continue
        rules = None if cluster.always else (fork.old.rule, fork.new.rule)
        key = (rules, fork.old.outcome, fork.new.outcome)
        groups.setdefault(key, []).append(fork)
        changes[key] = differs
    for key, forks in groups.items():
        yield changes[key], forks


def _rules(fork: Fork) -> tuple[object, ...]:
    ways = (fork.old, fork.new)
    return tuple((-1 if way.rule is None else way.rule, way.restricting) for way in ways)


def _add(
    differs: Change, forks: Iterable[Fork], diagram: Diagram, cluster: Cluster, found: Difference
) -> None:
    old, new = cluster.old.side, cluster.new.side
    grid = diagram.grid
    witness: Witness | None = None
    first: Fork | None = None
    regions: list[Box] = []
    unshown: list[Box] = []
    for fork in forks:
        found_boxes = list(islice(possible_boxes(grid, diagram.boxes(fork)), _MOST_BOXES))
        if not found_boxes:
            continue
        boxes = merged(found_boxes)
        call = shown(grid, fork, boxes, old, new)
        if call is None:
            unshown += boxes
            continue
        regions += boxes
        if witness is None:
            witness, first = call, fork
    if witness is not None and first is not None:
        texts = dict.fromkeys(described(grid, box) for box in merged(regions))
        region = summary(list(texts), _MOST_REGIONS)
        ways = verdict(first.old, old), verdict(first.new, new)
        found.differing.append(
            Differing(
                differs.kind, witness, *ways, region, differs.lost, differs.gained, differs.partly
            )
        )
    elif unshown:
        texts = dict.fromkeys(described(grid, box) for box in merged(unshown))
        reason = "no call was found that shows it, and none can be ruled out"
        found.undecided.append(Undecided(summary(list(texts), _MOST_REGIONS), reason))
