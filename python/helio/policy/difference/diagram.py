"""Where two policies differ: a decision diagram over the dimensions of calls.

Above: `finding`. Below: `clusters`, `outcomes`, `grid`. Pure. One dimension
after the other, each atom of it tells of every rule that may still apply whether it does; atoms
after which the same rules are left share what follows. Where no changed rule is left, both policies
go the same way, and nothing is looked at any more.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

from helio.policy.difference.clusters import Cluster, Half
from helio.policy.difference.grid import Grid
from helio.policy.difference.outcomes import BudgetFed, Effect, Outcome, outcome
from helio.policy.difference.reading import DESTRUCTIVE, Entry
from helio.policy.reach.conditions import Condition
from helio.policy.reach.effort import Effort, Exhausted

Chain = tuple[tuple[int, bool], ...]
"""Places of the entries that may still apply, each with whether it is in doubt already. Nothing
stands behind one that applies for sure and decides."""


_MOST_DIMENSIONS: Final = 200
"""The diagram is as deep."""


class Way(NamedTuple):
    """How one policy goes: the deciding rule (None: the default), those that restrict in doubt, and
    what becomes of the call.
    """

    rule: int | None
    restricting: tuple[int, ...]
    outcome: Outcome


class Fork(NamedTuple):
    """The ways of both policies."""

    old: Way
    new: Way


@dataclass(frozen=True)
class Branch:
    """What each set of atoms of a dimension leads to; all others lead to nothing that differs."""

    dimension: int
    arms: tuple[tuple[int, "Branch | Fork"], ...]

    @cached_property
    def forks(self) -> frozenset[Fork]:
        """All that are reached from here."""
        found: set[Fork] = set()
        for _, target in self.arms:
            found |= {target} if isinstance(target, Fork) else target.forks
        return frozenset(found)

    def boxes(self, fork: Fork) -> Iterator[dict[int, int]]:
        """The sets of calls that lead to a fork."""
        for atoms, target in self.arms:
            if isinstance(target, Fork):
                if target == fork:
                    yield {self.dimension: atoms}
            elif fork in target.forks:
                for box in target.boxes(fork):
                    yield {self.dimension: atoms, **box}


class _Track:
    """Entries of which the first that applies counts, with what each asks of each dimension."""

    def __init__(self, entries: Sequence[Entry], grid: Grid, changed: frozenset[int]) -> None:
        self.entries = entries
        self.changed = {place for place, each in enumerate(entries) if each.index in changed}
        self._masks: list[dict[int, tuple[int, int]]] = []
        self._last: list[int] = []
        self.asking: dict[int, set[int]] = {}
        for place, entry in enumerate(entries):
            masks = grid.masks(entry.conditions)
            self._masks.append(masks)
            self._last.append(max(masks, default=-1))
            for dimension in masks:
                self.asking.setdefault(dimension, set()).add(place)
        self._known: dict[tuple[Chain, int, int], Chain] = {}

    def start(self) -> Chain:
        """Before anything is known of the call."""
        return self._cut(((place, False) for place in range(len(self.entries))), -1)

    def step(self, chain: Chain, dimension: int, atom: int) -> Chain:
        """What may still apply once the call is known to be in an atom."""
        asking = self.asking.get(dimension)
        if asking is None:
            return chain
        known = self._known.get((chain, dimension, atom))
        if known is None:
            known = self._cut(self._judged(chain, dimension, atom), dimension)
            self._known[chain, dimension, atom] = known
        return known

    def is_closed(self, chain: Chain, dimension: int) -> bool:
        """Whether some entry decides for sure."""
        return bool(chain) and not chain[-1][1] and self._last[chain[-1][0]] <= dimension

    def _judged(self, chain: Chain, dimension: int, atom: int) -> Iterator[tuple[int, bool]]:
        for place, doubt in chain:
            masks = self._masks[place].get(dimension)
            if masks is not None:
                true, possible = masks
                if not possible >> atom & 1:
                    continue
                if not true >> atom & 1:
                    in_doubt = self.entries[place].in_doubt
                    if in_doubt == "passes":
                        continue
                    doubt = doubt or in_doubt == "adds"  # noqa: PLW2901
            yield place, doubt

    def _cut(self, items: Iterator[tuple[int, bool]], dimension: int) -> Chain:
        found = []
        for place, doubt in items:
            found.append((place, doubt))
            if not doubt and self._last[place] <= dimension:
                break
        return tuple(found)


State = tuple[Chain, ...]


class Diagram:
    """The diagram of one cluster. Raises `Exhausted` when it is too large."""

    def __init__(self, cluster: Cluster, effort: Effort) -> None:
        self._cluster = cluster
        self._effort = effort
        halves = (cluster.old, cluster.new)
        asks_destructive = any(half.side.surroundings.destructive for half in halves)
        groups = [half.rules for half in halves]
        groups.append((_DESTRUCTIVE,) if asks_destructive else ())
        self._budgets = [[budget.fed for budget in half.budgets] for half in halves]
        groups += [budget.contributors for half in halves for budget in half.budgets]
        self.grid = Grid(_conditions(groups), cluster.seeds, effort)
        if len(self.grid.dimensions) > _MOST_DIMENSIONS:
            raise Exhausted
        changed = [cluster.old.changed, cluster.new.changed]
        self._tracks = [
            _Track(entries, self.grid, changed[place] if place < 2 else frozenset())
            for place, entries in enumerate(groups)
        ]
        self._known: dict[tuple[int, State], Branch | Fork | None] = {}
        self.root = self._look(0, tuple(track.start() for track in self._tracks))

    @property
    def forks(self) -> frozenset[Fork]:
        """All ways in which the two policies part."""
        match self.root:
            case None:
                return frozenset()
            case Fork() as fork:
                return frozenset({fork})
            case branch:
                return branch.forks

    def boxes(self, fork: Fork) -> Iterator[dict[int, int]]:
        """The sets of calls that go this way; an empty box holds all calls."""
        if isinstance(self.root, Branch):
            yield from self.root.boxes(fork)
        elif self.root == fork:
            yield {}

    def _look(self, place: int, state: State) -> Branch | Fork | None:
        """What differs from here on, if anything."""
        while place < len(self.grid.dimensions) and not self._is_asked(place, state):
            place += 1
        key = place, state
        if key not in self._known:
            self._known[key] = self._looked(place, state)
        return self._known[key]

    def _is_asked(self, dimension: int, state: State) -> bool:
        return any(
            not asking.isdisjoint(place for place, _ in chain)
            for track, chain in zip(self._tracks, state, strict=True)
            if (asking := track.asking.get(dimension)) is not None
        )

    def _looked(self, dimension: int, state: State) -> Branch | Fork | None:
        if self._goes_the_same_way(dimension - 1, state):
            return None
        if dimension == len(self.grid.dimensions):
            return self._fork(state)
        targets: dict[State, int] = {}
        size = sum(map(len, state))
        for atom in range(len(self.grid.dimensions[dimension].atoms)):
            self._effort.spend(1 + size)
            after = tuple(
                track.step(chain, dimension, atom)
                for track, chain in zip(self._tracks, state, strict=True)
            )
            targets[after] = targets.get(after, 0) | 1 << atom
        arms: dict[Branch | Fork, int] = {}
        for after, atoms in targets.items():
            target = self._look(dimension + 1, after)
            if target is not None:
                arms[target] = arms.get(target, 0) | atoms
        if not arms:
            return None
        return Branch(dimension, tuple((atoms, target) for target, atoms in arms.items()))

    def _goes_the_same_way(self, dimension: int, state: State) -> bool:
        cluster = self._cluster
        old, new = self._tracks[:2]
        if cluster.always or any(state[3:]):
            return False
        if any(place in old.changed for place, _ in state[0]):
            return False
        if any(place in new.changed for place, _ in state[1]):
            return False
        return not cluster.by_default or old.is_closed(state[0], dimension)

    def _fork(self, state: State) -> Fork | None:
        destructive = bool(state[2])
        cluster = self._cluster
        count = len(self._budgets[0])
        old = _way(cluster.old, state[0], destructive, self._fed(0, state[3 : 3 + count], 3))
        rest = self._fed(1, state[3 + count :], 3 + count)
        new = _way(cluster.new, state[1], destructive, rest)
        return None if old.outcome == new.outcome else Fork(old, new)

    def _fed(self, half: int, chains: Sequence[Chain], first: int) -> frozenset[BudgetFed]:
        """The budgets that a call takes from, with what it may cost."""
        fed = []
        for place, (budget, chain) in enumerate(zip(self._budgets[half], chains, strict=True)):
            entries = self._tracks[first + place].entries
            prices = frozenset(entries[at].price for at, _ in chain)
            if prices:
                fed.append(budget.of(prices))
        return frozenset(fed)


_DESTRUCTIVE: Final = Entry(0, (DESTRUCTIVE,), "decides", "", Effect())


def _conditions(groups: Sequence[Sequence[Entry]]) -> list[Condition]:
    return [each for entries in groups for entry in entries for each in entry.conditions]


def _way(half: Half, chain: Chain, destructive: bool, budgets: frozenset[BudgetFed]) -> Way:
    decides = next((half.rules[place] for place, doubt in chain if not doubt), None)
    restricting = [half.rules[place] for place, doubt in chain if doubt]
    found = outcome(
        half.side.surroundings,
        None if decides is None else decides.effect,
        [rule.effect for rule in restricting],
        destructive=destructive,
        budgets=budgets,
    )
    indices = tuple(rule.index for rule in restricting)
    return Way(None if decides is None else decides.index, indices, found)
