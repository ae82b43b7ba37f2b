"""What operators see of limits and budgets: every window and pot, and how full it is. Pure.

Above: `helio.app` (asks the store), `helio.operator.api` (answers). Below: `helio.governance`,
`helio.policy`. Amounts are JSON numbers with all their digits.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Context, Decimal
from heapq import nlargest
from typing import Final

from helio.config.scalars import duration
from helio.evaluator import Level
from helio.governance.feedback import exact, instant, seconds
from helio.policy import BudgetSummary, CompiledPolicy, LimitSummary

MOST_BUCKETS: Final = 1000
"""Windows of one limit or budget that are shown: the fullest."""
_EXACT: Final = Context(prec=100)
"""More digits than any sum of amounts has."""


def limits_shown(policy: CompiledPolicy, levels: Iterable[Level], wall: int) -> dict[str, object]:
    """`{"rate_limits": […], "spend_limits": […]}`, in the order of the rules.

    Each has its `rule`, `rule_index`, `key`, `window_seconds`, `shadow`, its maximum (`max_calls`,
    or `max_spend` with `field` and `currency`), and its `buckets` and their number. `wall` is the
    time of the levels, in ns since 1970.
    """
    found = _by_limit(levels)
    return {
        "rate_limits": [
            _shared(limit, found, wall) | {"max_calls": exact(limit.maximum)}
            for limit in policy.limits
            if limit.kind == "rate"
        ],
        "spend_limits": [
            _shared(limit, found, wall)
            | {
                "field": limit.path,
                "max_spend": exact(limit.maximum),
                "currency": limit.currency,
            }
            for limit in policy.limits
            if limit.kind == "spend"
        ],
    }


def budgets_shown(policy: CompiledPolicy, levels: Iterable[Level], wall: int) -> dict[str, object]:
    """`{"budgets": […]}`, in the order of the file: each with its settings and its `buckets`."""
    found = _by_limit(levels)
    return {"budgets": [_budget(budget, found[budget.id], wall) for budget in policy.budgets]}


def window_of(budget: BudgetSummary) -> str:
    """A budget's window as the configuration writes it: a duration, or `session`."""
    return "session" if budget.window_ms is None else duration(budget.window_ms)


def _by_limit(levels: Iterable[Level]) -> Mapping[str, list[Level]]:
    found: defaultdict[str, list[Level]] = defaultdict(list)
    for level in levels:
        found[level.limit].append(level)
    return found


def _shared(limit: LimitSummary, found: Mapping[str, list[Level]], wall: int) -> dict[str, object]:
    levels = found[limit.id]
    return {
        "rule": limit.rule,
        "rule_index": limit.rule_index,
        "window_seconds": seconds(limit.window_ms),
        "key": _one_or_all(limit.key),
        "shadow": limit.shadow,
        "buckets": [_bucket(each, limit.maximum, "current", wall) for each in _fullest(levels)],
        "buckets_total": len(levels),
    }


def _budget(budget: BudgetSummary, levels: list[Level], wall: int) -> dict[str, object]:
    return {
        "name": budget.name,
        "limit": exact(budget.limit),
        "currency": budget.currency,
        "window": window_of(budget),
        "key": _one_or_all(budget.key),
        "on_exceed": budget.on_exceed,
        "buckets": [_bucket(each, budget.limit, "spent", wall) for each in _fullest(levels)],
        "buckets_total": len(levels),
    }


def _bucket(level: Level, maximum: str, used: str, wall: int) -> dict[str, object]:
    """One window. What calls in flight hold is `reserved`, and not in `used` yet."""
    left = _EXACT.subtract(Decimal(maximum), _taken(level))
    return {
        "key": level.key,
        used: exact(level.current),
        "reserved": exact(level.reserved),
        "remaining": exact(_digits(max(left, Decimal(0)))),
        "reset_at": None if level.reset_ns is None else instant(wall + level.reset_ns),
    }


def _fullest(levels: list[Level]) -> list[Level]:
    return levels if len(levels) <= MOST_BUCKETS else nlargest(MOST_BUCKETS, levels, key=_taken)


def _taken(level: Level) -> Decimal:
    return _EXACT.add(Decimal(level.current), Decimal(level.reserved))


def _digits(amount: Decimal) -> str:
    """Without an exponent, and without zeros at the end of a fraction."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _one_or_all(parts: Sequence[str]) -> str | list[str]:
    return parts[0] if len(parts) == 1 else list(parts)
