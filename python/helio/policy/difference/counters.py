"""Counters of limits that were cut or joined: calls under two equal limits count apart, and may be
twice as many as under one.

Above: `finding`. Below: `alignment`, `trying`, `helio.policy.reach`. Pure. A limit counts for its
rule. Where calls of one limited rule come under several limited alike, of which a call of the same
key may reach each, the limit is wider than it was; where calls of several come under one, narrower.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from helio.policy.difference.alignment import shared
from helio.policy.difference.comparing import Kind, asked
from helio.policy.difference.diagram import Way
from helio.policy.difference.outcomes import Limit, Outcome
from helio.policy.difference.reading import Entry, Side
from helio.policy.difference.regions import described
from helio.policy.difference.report import Differing, Undecided
from helio.policy.difference.trying import way_of
from helio.policy.difference.verdicts import verdict
from helio.policy.reach.boxes import is_empty
from helio.policy.reach.candidates import Candidates
from helio.policy.reach.effort import Effort, Exhausted
from helio.policy.reach.samples import samples
from helio.policy.reach.spaces import Space
from helio.policy.reach.witnesses import Witness

_EFFORT: Final = 2_000_000
_EFFORT_EACH: Final = 50_000


@dataclass(frozen=True, slots=True)
class _Partner:
    """A rule of the other policy that limits calls of a rule alike, with such a call and the ways
    of both policies."""

    rule: Entry
    witness: Witness
    old: Way
    new: Way


def counter_differences(old: Side, new: Side) -> Iterator[Differing | Undecided]:
    """One for each limit that was cut, then one for each that calls of several share now."""
    effort = Effort(_EFFORT, _EFFORT_EACH)
    try:
        yield from _Counters(old, new, effort).differences()
    except Exhausted:
        reason = "there is too much to compare"
        yield Undecided(("limits of which other calls count together",), reason)


class _Counters:
    """Both policies, by what their rules limit."""

    def __init__(self, old: Side, new: Side, effort: Effort) -> None:
        self._sides = old, new
        self._effort = effort
        kept = shared([rule.meaning for rule in old.rules], [rule.meaning for rule in new.rules])
        self._changed = [
            {rule.index for place, rule in enumerate(side.rules) if place not in places}
            for side, places in zip(self._sides, kept, strict=True)
        ]
        self._limited = [_limited(side) for side in self._sides]

    def differences(self) -> Iterator[Differing]:
        """Those of limits that some changed rule has."""
        for limit in self._limited[0]:
            groups = [limited.get(limit, []) for limited in self._limited]
            changed = any(
                rule.index in indices
                for group, indices in zip(groups, self._changed, strict=True)
                for rule in group
            )
            if changed and all(groups):
                yield from self._of(limit, groups, 0)
                yield from self._of(limit, groups, 1)

    def _of(self, limit: Limit, groups: Sequence[list[Entry]], side: int) -> Iterator[Differing]:
        """Rules of one side of which calls come under several of the other's."""
        others = Candidates()
        for place, rule in enumerate(groups[1 - side]):
            others.add(place, rule.globs)
        for rule in groups[side]:
            near = [groups[1 - side][place] for place in others.of(rule.globs)]
            if not self._is_changed(rule, side) and not any(
                self._is_changed(each, 1 - side) for each in near
            ):
                continue
            partners = [found for each in near if (found := self._partner(rule, each, side))]
            pair = next(
                (pair for pair in combinations(partners, 2) if self._meet(limit, rule, pair)), None
            )
            if pair is not None:
                yield self._told(limit, rule, partners, side)

    def _is_changed(self, rule: Entry, side: int) -> bool:
        return rule.index in self._changed[side]

    def _partner(self, rule: Entry, other: Entry, side: int) -> _Partner | None:
        """The other rule, if some call is decided by this one here and by that one there."""
        self._effort.begin()
        conditions = tuple(dict.fromkeys((*rule.conditions, *other.conditions)))
        for call in samples(conditions, self._effort):
            old, new = (way_of(call, each) for each in self._sides)
            if old is None or new is None:
                continue
            here, there = (old, new) if side == 0 else (new, old)
            if (here.rule, there.rule) == (rule.index, other.index):
                return _Partner(other, call, old, new)
        return None

    def _meet(self, limit: Limit, rule: Entry, pair: tuple[_Partner, ...]) -> bool:
        """Whether calls under both may have one key."""
        if "call" in limit.key:
            return False
        for part in ("tool", "upstream", "agent"):
            subject = [
                each
                for one in (rule, *(partner.rule for partner in pair))
                for each in one.conditions
                if each.subject == (part,)
            ]
            if part in limit.key and subject:
                space = Space(subject, self._effort)
                if is_empty(space.box(subject, possible=False)):
                    return False
        return True

    def _told(
        self, limit: Limit, rule: Entry, partners: Sequence[_Partner], side: int
    ) -> Differing:
        space = Space(rule.conditions, self._effort)
        region = described(space, space.box(rule.conditions, possible=False))
        room = asked(Outcome("allow", limits=frozenset({limit})))[0]
        names = " and ".join(f"`{each.rule.label}`" for each in partners)
        together, apart = f"{room}, counted together", f"{room}, counted apart by {names}"
        kind: Kind = "widened" if side == 0 else "narrowed"
        lost, gained = (together, apart) if side == 0 else (apart, together)
        changed = [each for each in partners if self._is_changed(each.rule, 1 - side)]
        shown = (changed or partners)[0]
        ways = verdict(shown.old, self._sides[0]), verdict(shown.new, self._sides[1])
        return Differing(kind, shown.witness, *ways, (region,), (lost,), (gained,))


def _limited(side: Side) -> dict[Limit, list[Entry]]:
    """The rules that let calls through under each limit, in file order."""
    found: dict[Limit, list[Entry]] = defaultdict(list)
    for rule in side.rules:
        if not (rule.effect.denies or rule.effect.rehearses):
            for limit in rule.effect.limits:
                found[limit].append(rule)
    return found
