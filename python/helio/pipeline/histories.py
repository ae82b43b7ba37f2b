"""What a change of the policy does to the history of limits and budgets. Pure.

Above: `helio.app` (records it). Below: `helio.policy`. Windows are found by identities, which hold
what is counted by: a limit or budget that counts by another key, field, currency or window starts
anew, whatever else stays; one that is renamed or removed leaves its history behind, which is
forgotten when it is over.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from helio.policy import BudgetSummary, CompiledPolicy, LimitSummary

_COUNTING: Final = re.compile(r"[a-z_]+(?:\+[a-z_]+)*:(?:\d+|session)(?::.*)?", re.DOTALL)
"""What follows an identity's stem: by what is counted, for how long, and of what."""


class Histories(NamedTuple):
    """Identities of limits and budgets, sorted.

    `starts_anew` are those of the policy that count otherwise than they did; `left_behind` those
    that were known and are not the policy's any more.
    """

    starts_anew: tuple[str, ...]
    left_behind: tuple[str, ...]

    def told(self) -> dict[str, list[str]]:
        """What a record holds of it: what there is."""
        return {name: list(found) for name, found in self._asdict().items() if found}


def identities(policy: CompiledPolicy) -> frozenset[str]:
    """Of all limits and budgets of a policy."""
    return frozenset(each.id for each in _counters(policy))


def histories(policy: CompiledPolicy, known: Iterable[str]) -> Histories:
    """What becomes of the histories under a policy. `known` are the identities that ran before, or
    that something still counts under."""
    before = frozenset(known)
    now = identities(policy)
    left_behind = before - now
    counted_before = {stem for identity in left_behind for stem in _stems(identity)}
    starts_anew = {
        each.id
        for each in _counters(policy)
        if each.stem in counted_before and each.id not in before
    }
    return Histories(tuple(sorted(starts_anew)), tuple(sorted(left_behind)))


def _counters(policy: CompiledPolicy) -> Iterator[LimitSummary | BudgetSummary]:
    yield from policy.limits
    yield from policy.budgets


def _stems(identity: str) -> Iterator[str]:
    """What may be the stem of an identity. A name may hold a colon, so there may be several."""
    for colon in re.finditer(":", identity):
        if _COUNTING.fullmatch(identity, colon.end()):
            yield identity[: colon.end()]
