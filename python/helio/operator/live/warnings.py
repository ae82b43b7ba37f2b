"""Limits and budgets that are nearly full: each is told once, until there is room again.

Above: `helio.app`. Below: `helio.policy`, `helio.evaluator`. Pure.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Final

from helio.evaluator import Level
from helio.governance.feedback import exact, instant
from helio.policy import CompiledPolicy

NEARLY_FULL: Final = Decimal("0.8")
"""The part of a maximum from which it is told of."""


class NearlyFull:
    """Remembers which windows were told of."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()

    def look(
        self, policy: CompiledPolicy, fullest: Iterable[tuple[Level, int]], wall: int
    ) -> Iterator[Mapping[str, object]]:
        """The data of a `limit_warning` for every window, of the fullest one of each limit and
        budget, that became nearly full. `wall` is the time of the levels, in ns since 1970."""
        settings = _settings(policy)
        full = set()
        for level, _ in fullest:
            known = settings.get(level.limit)
            taken = Decimal(level.current) + Decimal(level.reserved)
            if known is None or taken < NEARLY_FULL * Decimal(known[1]):
                continue
            full.add((level.limit, level.key))
            if (level.limit, level.key) not in self._told:
                about, maximum = known
                yield {
                    "reached": False,
                    **about,
                    "key": level.key,
                    "current": exact(format(taken, "f")),
                    "maximum": exact(maximum),
                    "reset_at": None if level.reset_ns is None else instant(wall + level.reset_ns),
                }
        self._told = full


def _settings(policy: CompiledPolicy) -> Mapping[str, tuple[Mapping[str, object], str]]:
    """What is told of each limit and budget, and its maximum."""
    limits: dict[str, tuple[Mapping[str, object], str]] = {
        limit.id: (
            {"kind": limit.kind, "rule": limit.rule, "rule_index": limit.rule_index},
            limit.maximum,
        )
        for limit in policy.limits
        if not limit.shadow
    }
    budgets: dict[str, tuple[Mapping[str, object], str]] = {
        budget.id: ({"kind": "budget", "budget": budget.name}, budget.limit)
        for budget in policy.budgets
    }
    return limits | budgets
