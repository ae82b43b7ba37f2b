"""Changed rules with the rules that may decide about the same calls.

Above: `finding`. Below: `alignment`, `reading`, `helio.policy.reach.candidates`. Pure. A call that
no changed rule may be about is decided alike by both policies, so that only the rules count that
share a tool with a changed one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from helio.policy.difference.alignment import shared
from helio.policy.difference.reading import BudgetEntry, Entry, Side
from helio.policy.reach.candidates import Candidates


@dataclass(frozen=True, slots=True)
class Half:
    """What of one policy matters to a cluster. `changed` are indices of rules; `budgets` are those
    that the other policy does not have.
    """

    side: Side
    rules: tuple[Entry, ...]
    changed: frozenset[int]
    budgets: tuple[BudgetEntry, ...]


@dataclass(frozen=True, slots=True)
class Cluster:
    """The two halves. `always`: whatever the rules say, calls may be decided otherwise;
    `by_default`: those may be that no rule decides about. `seeds` are globs: tools that match none
    of them are not concerned.
    """

    old: Half
    new: Half
    seeds: tuple[str, ...]
    always: bool = False
    by_default: bool = False


def clusters(old: Side, new: Side) -> Iterator[Cluster]:
    """Those that together hold every call that the two may decide otherwise."""
    shared_old, shared_new = shared(
        [rule.meaning for rule in old.rules], [rule.meaning for rule in new.rules]
    )
    changed_old = [rule for place, rule in enumerate(old.rules) if place not in shared_old]
    changed_new = [rule for place, rule in enumerate(new.rules) if place not in shared_new]
    budgets = _unshared(old.budgets, new.budgets)
    ways = [(side.settings.dry_run, side.settings.shadow, side.surroundings) for side in (old, new)]
    always = ways[0][:2] != ways[1][:2]
    by_default = ways[0][2] != ways[1][2]
    halves = [
        Half(side, side.rules, frozenset(rule.index for rule in changed), left)
        for side, changed, left in zip((old, new), (changed_old, changed_new), budgets, strict=True)
    ]
    if always or by_default:
        yield Cluster(halves[0], halves[1], ("*",), always=always, by_default=by_default)
        return
    yield from _by_tools(halves)


def _unshared(
    old: Sequence[BudgetEntry], new: Sequence[BudgetEntry]
) -> tuple[tuple[BudgetEntry, ...], tuple[BudgetEntry, ...]]:
    known = {budget.meaning for budget in old} & {budget.meaning for budget in new}
    left, right = (
        tuple(budget for budget in budgets if budget.meaning not in known) for budgets in (old, new)
    )
    return left, right


def _by_tools(halves: Sequence[Half]) -> Iterator[Cluster]:
    """Changed entries that may share a tool belong together, directly or by others."""
    seeds = [rule.globs for half in halves for rule in half.rules if rule.index in half.changed]
    seeds += [
        one.globs for half in halves for budget in half.budgets for one in budget.contributors
    ]
    indexed = []
    for half in halves:
        candidates = Candidates()
        for place, rule in enumerate(half.rules):
            candidates.add(place, rule.globs)
        indexed.append(candidates)
    for group in _groups(seeds):
        globs = sorted(set(chain.from_iterable(seeds[at] for at in group)))
        parts = []
        for half, candidates in zip(halves, indexed, strict=True):
            rules = tuple(half.rules[at] for at in candidates.of(globs, None))
            changed = half.changed & {rule.index for rule in rules}
            budgets = tuple(_within(budget, globs) for budget in half.budgets)
            parts.append(Half(half.side, rules, changed, budgets))
        yield Cluster(parts[0], parts[1], tuple(globs))


def _within(budget: BudgetEntry, globs: Sequence[str]) -> BudgetEntry:
    """With the contributors of a group: the others are about none of its calls."""
    kept = (one for one in budget.contributors if set(one.globs) <= set(globs))
    return replace(budget, contributors=tuple(kept))


def _groups(seeds: Sequence[tuple[str, ...]]) -> list[list[int]]:
    """The seeds in groups of which no two may share a tool."""
    parents = list(range(len(seeds)))

    def root(at: int) -> int:
        while parents[at] != at:
            parents[at] = parents[parents[at]]
            at = parents[at]
        return at

    candidates = Candidates()
    for place, globs in enumerate(seeds):
        for other in candidates.of(globs, None):
            parents[root(other)] = root(place)
        candidates.add(place, globs)
    groups: dict[int, list[int]] = {}
    for place in range(len(seeds)):
        groups.setdefault(root(place), []).append(place)
    return list(groups.values())
