"""Changes one by one, where calls have too many kinds to tell all regions.

Above: `finding`. Below: `alignment`, `clusters`, `trying`, `helio.policy.reach`. Pure. A rule that
asks the same in both policies, and does otherwise; a rule more, or one less, that only denies or
only allows; another default: each of them alone changes calls in one direction, whichever they
are. One call that gets there and that both policies decide so shows it. What has no such direction,
or no such call, is left to others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

from helio.diagnostics import Span
from helio.evaluator import HINTS
from helio.policy.difference.alignment import shared
from helio.policy.difference.clusters import Cluster, Half
from helio.policy.difference.comparing import Change, Kind, change
from helio.policy.difference.outcomes import Outcome, outcome
from helio.policy.difference.reading import Entry, Side
from helio.policy.difference.regions import described
from helio.policy.difference.report import Differing
from helio.policy.difference.trying import way_of
from helio.policy.difference.verdicts import verdict
from helio.policy.document import Rule
from helio.policy.reach.boxes import remainder
from helio.policy.reach.conditions import Condition
from helio.policy.reach.covering import Covering, first_witness
from helio.policy.reach.effort import Effort, Exhausted
from helio.policy.reach.live import Live, conditions_of_all, decided_by
from helio.policy.reach.spaces import Space
from helio.policy.reach.witnesses import Witness, judged, witness_of

_EFFORT: Final = 2_000_000
_EFFORT_EACH: Final = 200_000
_MOST_MOVES: Final = 50
_NOWHERE: Final = Span(1, 1, 1, 1)
_UNLESS: Final = ", unless a rule above decides"
_BY_DEFAULT: Final = "calls that no rule decides"


@dataclass(frozen=True, slots=True)
class _Move:
    """A rule that does otherwise, was added (`old` None) or taken away (`new` None)."""

    old: Entry | None
    new: Entry | None


class _Placed(Live):
    """An entry, as the search for calls that get to it looks at it: its conditions say what it is
    for, its rule does not.
    """

    __slots__ = ()

    def __init__(self, rule: Rule, conditions: tuple[Condition, ...]) -> None:
        super().__init__(rule, conditions)
        asked = (each.meaning for each in conditions if each.subject == ("tool",))
        self.globs = next(asked, ("*",))

    @property
    def decides_in_doubt(self) -> bool:
        """As the entry says: its action stands in the rule."""
        return self.rule.action == "deny"


def one_by_one(cluster: Cluster) -> list[Differing] | None:
    """What each change of a cluster does; None where that could not be told of all of them."""
    if cluster.always or cluster.old.budgets or cluster.new.budgets:
        return None
    moves = list(_moves(cluster.old, cluster.new))
    if len(moves) > _MOST_MOVES:
        return None
    found = []
    seeker = _Seeker(cluster)
    try:
        for move in moves:
            differing = seeker.shown(move)
            if differing is None:
                return None
            found += differing
        if cluster.by_default:
            by_default = seeker.by_default()
            if by_default is None:
                return None
            found += by_default
    except Exhausted:
        return None
    return found


def _moves(old: Half, new: Half) -> Iterator[_Move]:
    """Rules with the same conditions between the same unchanged ones are one rule."""
    for before, after in _gaps(old, new):
        kept = shared([_asked(rule) for rule in before], [_asked(rule) for rule in after])
        pairs = zip(sorted(kept[0]), sorted(kept[1]), strict=True)
        yield from (_Move(before[here], after[there]) for here, there in pairs)
        yield from (_Move(each, None) for at, each in enumerate(before) if at not in kept[0])
        yield from (_Move(None, each) for at, each in enumerate(after) if at not in kept[1])


def _asked(rule: Entry) -> str:
    return repr(sorted(repr((each.subject, each.meaning)) for each in rule.conditions))


def _gaps(old: Half, new: Half) -> Iterator[tuple[list[Entry], list[Entry]]]:
    """The changed rules between those that both policies have."""
    yield from zip(_between(old), _between(new), strict=True)


def _between(half: Half) -> list[list[Entry]]:
    found: list[list[Entry]] = [[]]
    for rule in half.rules:
        if rule.index in half.changed:
            found[-1].append(rule)
        else:
            found.append([])
    return found


class _Seeker:
    """Looks for calls that get to rules of either policy."""

    def __init__(self, cluster: Cluster) -> None:
        self._old, self._new = cluster.old.side, cluster.new.side
        self._effort = Effort(_EFFORT, _EFFORT_EACH)
        self._labels = any(
            rule.effect.labels for half in (cluster.old, cluster.new) for rule in half.rules
        )
        self._lives = {
            half.side: [_placed(rule) for rule in half.rules] for half in (cluster.old, cluster.new)
        }

    def shown(self, move: _Move) -> list[Differing] | None:
        """A call that shows a change of one direction; none where no call gets there. None: it is
        not known."""
        wanted = self._direction(move)
        moved = move.new or move.old
        if wanted is None or moved is None:
            return None
        side = self._new if move.new is not None else self._old
        witnesses = self._reaching(side, moved)
        if not witnesses:
            return None if witnesses is None else []
        told = self._told(witnesses[0], wanted, self._region(moved))
        return None if told is None else [told]

    def by_default(self) -> list[Differing] | None:
        """Of calls that no rule decides; of destructive ones apart where that matters."""
        wanted = [self._change(destructive=each) for each in (True, False)]
        found: list[Differing] = []
        for destructive, differs in zip((True, False), wanted, strict=True):
            if differs is None or (not destructive and wanted[0] == differs):
                continue
            region = _BY_DEFAULT
            if wanted[0] != wanted[1]:
                region += f" and destructiveHint is {str(destructive).lower()}"
            told = self._undecided(differs.kind, region, destructive=destructive)
            if told is None:
                return None
            found.append(told)
        return found

    def _change(self, *, destructive: bool) -> Change | None:
        before, after = (
            outcome(side.surroundings, None, (), destructive=destructive, budgets=frozenset())
            for side in (self._old, self._new)
        )
        return change(before, after)

    def _undecided(self, kind: Kind, region: str, *, destructive: bool) -> Differing | None:
        for call in self._plain_calls():
            hints = call.get("annotations") or {}
            counts = not hints.get("readOnlyHint", False) and hints.get("destructiveHint", True)
            if counts == destructive:
                told = self._told(call, kind, region)
                if told is not None and (told.old.rule, told.new.rule) == (None, None):
                    return told
        return None

    def _plain_calls(self) -> Iterator[Witness]:
        """Calls of a tool that few rules know, whatever it is for."""
        plain = witness_of(self._new.known)
        if plain is None:
            return
        for more in ({}, {"agent": "any_agent", "session": {"labels": [], "called": []}}):
            yield {**plain, **more}
            for values in product((False, True), repeat=len(HINTS)):
                yield {**plain, **more, "annotations": dict(zip(HINTS, values, strict=True))}

    def _direction(self, move: _Move) -> Kind | None:
        """In which direction the change goes, whatever the call; None when in several."""
        if move.old is not None and move.new is not None:
            differs = change(self._alone(move.old), self._alone(move.new))
            mixed = differs is None or differs.kind == "changed"
            return None if mixed and move.old.in_doubt != move.new.in_doubt else _kind(differs)
        rule = move.new or move.old
        direction: Kind | None = None
        if rule is not None and rule.effect.denies:
            direction = "narrowed"
        elif rule is not None and rule.in_doubt == "passes" and not self._labels:
            direction = "widened"
        if direction is None or move.new is not None:
            return direction
        return "widened" if direction == "narrowed" else "narrowed"

    def _alone(self, rule: Entry) -> Outcome:
        surroundings = replace(self._new.surroundings, destructive=None)
        return outcome(surroundings, rule.effect, (), destructive=False, budgets=frozenset())

    def _reaching(self, side: Side, rule: Entry) -> list[Witness] | None:
        """A call that gets to a rule and that it is for, or may be; none where no call does."""
        lives = self._lives[side]
        covering = Covering(lives, side.evaluator, self._effort)
        for place, live in enumerate(lives):
            if live.rule.index == rule.index:
                self._effort.begin()
                answer = covering.of(live)
                if answer.reaching is not None:
                    return [answer.reaching.witness]
                return self._in_doubt(side, live, list(answer.covering), lives[:place])
            covering.pass_by(place)
        return None

    def _in_doubt(
        self, side: Side, live: Live, blocking: list[Live], earlier: Sequence[Live]
    ) -> list[Witness] | None:
        """The same of calls for which the rule may be true, where it is true for none."""
        by_index = {each.rule.index: each for each in earlier}
        while True:
            space = Space(conditions_of_all([live, *blocking]), self._effort)
            may_be = space.box(live.conditions, possible=True)
            decided = (decided_by(space, each) for each in blocking)
            rest = remainder(may_be, decided, space.wholes, self._effort)
            if not rest:
                return []
            witness = first_witness(space, rest)
            decision = None if witness is None else judged(side.evaluator, witness)
            if witness is None or decision is None:
                return None
            by = by_index.get(decision.rule)
            if by is None:
                return [witness]
            if by in blocking:
                return None
            blocking.append(by)

    def _told(self, witness: Witness, wanted: Kind, region: str) -> Differing | None:
        """The call, if the policies differ about it in that direction."""
        before, after = way_of(witness, self._old), way_of(witness, self._new)
        if before is None or after is None:
            return None
        differs = change(before.outcome, after.outcome)
        if differs is None or differs.kind != wanted:
            return None
        ways = verdict(before, self._old), verdict(after, self._new)
        return Differing(
            wanted, witness, *ways, (region,), differs.lost, differs.gained, differs.partly
        )

    def _region(self, rule: Entry) -> str:
        self._effort.begin()
        space = Space(rule.conditions, self._effort)
        return described(space, space.box(rule.conditions, possible=True)) + _UNLESS


def _kind(differs: Change | None) -> Kind | None:
    return None if differs is None else differs.kind


def _placed(rule: Entry) -> _Placed:
    action = "deny" if rule.in_doubt == "decides" else "allow"
    return _Placed(Rule(rule.index, "", _NOWHERE, action=action), _distinct(rule.conditions))


def _distinct(conditions: Sequence[Condition]) -> tuple[Condition, ...]:
    return tuple(dict.fromkeys(conditions))
