"""How the real evaluator decides about single calls, and differences that such calls show.

Above: `finding`, `guards`. Below: `comparing`, `diagram`, `report`, `helio.policy.reach`. Pure.
Where there is too much to compare, one call of each changed rule may still show a difference,
though not all of them.
"""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Final

from helio.policy.difference.clusters import Cluster
from helio.policy.difference.comparing import change
from helio.policy.difference.diagram import Way
from helio.policy.difference.outcomes import outcome
from helio.policy.difference.reading import Entry, Side
from helio.policy.difference.regions import described
from helio.policy.difference.report import Differing
from helio.policy.difference.verdicts import verdict
from helio.policy.reach.effort import Effort, Exhausted
from helio.policy.reach.spaces import Space
from helio.policy.reach.witnesses import Witness, judged, witness_of

_MOST_RULES: Final = 500
_EFFORT: Final = 500_000


def tried(cluster: Cluster) -> list[Differing]:
    """What one call of each changed rule shows; where other things changed, one of every rule."""
    old, new = cluster.old.side, cluster.new.side
    rules = chain.from_iterable(
        (rule for rule in half.rules if rule.index in half.changed or cluster.by_default)
        for half in (cluster.old, cluster.new)
    )
    found: dict[tuple[int | None, int | None], Differing] = {}
    calls = list(calls_of(rules))
    plain = witness_of(old.known)
    if cluster.by_default and plain is not None:
        calls.append((plain, "little is asked, as here"))
    for call, region in calls:
        before, after = way_of(call, old), way_of(call, new)
        if before is None or after is None or (before.rule, after.rule) in found:
            continue
        differs = change(before.outcome, after.outcome)
        if differs is not None:
            ways = verdict(before, old), verdict(after, new)
            some = (f"some calls where {region}",)
            found[before.rule, after.rule] = Differing(
                differs.kind, call, *ways, some, differs.lost, differs.gained, differs.partly
            )
    return list(found.values())


def calls_of(rules: Iterable[Entry]) -> Iterator[tuple[Witness, str]]:
    """A call that each rule is for, as far as one can be written, and what the rule asks."""
    effort = Effort(_EFFORT, _EFFORT)
    effort.begin()
    for rule in islice(rules, _MOST_RULES):
        try:
            space = Space(rule.conditions, effort)
        except Exhausted:
            return
        box = space.box(rule.conditions, possible=False)
        examples = space.examples(box)
        call = None if examples is None else witness_of(examples)
        if call is not None:
            yield call, described(space, box)


def way_of(call: Witness, side: Side) -> Way | None:
    """How the rules go, budgets left aside; None when no such call could be made."""
    decision = judged(side.evaluator, call)
    if decision is None:
        return None
    rule = None if decision.rule < 0 else decision.rule
    restricting = tuple(decision.restricting)
    hints = call.get("annotations") or {}
    destructive = not hints.get("readOnlyHint", False) and hints.get("destructiveHint", True)
    found = outcome(
        side.surroundings,
        None if rule is None else side.by_index[rule].effect,
        [side.by_index[index].effect for index in restricting],
        destructive=destructive,
        budgets=frozenset(),
    )
    return Way(rule, restricting, found)
