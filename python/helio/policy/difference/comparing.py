"""Which of two outcomes lets more through, and in what they differ.

Above: `finding`. Below: `outcomes`. Pure. What one asks for and the other does not, nor anything at
least as strict, makes it the narrower one.
"""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from helio.config.scalars import Duration
from helio.policy.difference.outcomes import Approval, ApprovalTerms, BudgetFed, Limit, Outcome
from helio.policy.difference.words import shown_path

Kind = Literal["widened", "narrowed", "changed"]


class Change(NamedTuple):
    """How an outcome changed; `lost` is what only the old one asks for, `gained` only the new.
    `partly`: of one that is `changed`, the ways in which it is wider and narrower, too, or may be.
    """

    kind: Kind
    lost: tuple[str, ...]
    gained: tuple[str, ...]
    partly: frozenset[Kind] = frozenset()


def change(old: Outcome, new: Outcome) -> Change | None:
    """None when they do not differ."""
    if old == new:
        return None
    kinds: set[Kind] = set()
    lost: list[str] = []
    gained: list[str] = []
    if "allow" in (old.gate, new.gate) and old.gate != new.gate:
        clear: Kind = "widened" if new.gate == "allow" else "narrowed"
        return Change(clear, tuple(asked(old)), tuple(asked(new)))
    if old.gate != new.gate:
        kinds.add("changed")
    for name, implies, told in _ASPECTS:
        before, after = getattr(old, name), getattr(new, name)
        only_old = _only(before, after, implies)
        only_new = _only(after, before, implies)
        if only_old:
            kinds.add("widened")
        if only_new:
            kinds.add("narrowed")
        lost += [told(each) for each in sorted(before - after, key=repr)]
        gained += [told(each) for each in sorted(after - before, key=repr)]
    _compare_approvals(old.approval, new.approval, kinds, lost, gained)
    if old.labels != new.labels:
        # What a label, or its absence, lets through later is decided by other rules.
        kinds |= {"changed", "widened", "narrowed"}
        lost += [f"puts the label {each!r} on" for each in sorted(old.labels - new.labels)]
        gained += [f"puts the label {each!r} on" for each in sorted(new.labels - old.labels)]
    if not kinds:
        return None
    if old.gate == "dry_run" or len(kinds) > 1:
        partly = frozenset() if old.gate == "dry_run" else frozenset(kinds - {"changed"})
        return Change("changed", tuple(lost), tuple(gained), partly)
    (kind,) = kinds
    return Change(kind, tuple(lost), tuple(gained))


def asked(outcome: Outcome) -> list[str]:
    """All that a call must have, or leave room for, in words."""
    told = [
        telling(each)
        for name, _, telling in _ASPECTS
        for each in sorted(getattr(outcome, name), key=repr)
    ]
    return told if outcome.approval is None else [*told, _approval(outcome.approval)]


def _only(these: Iterable[Any], others: Sequence[Any], implies: Callable[[Any, Any], bool]) -> bool:
    """Whether something is in these that nothing in the others is as strict as."""
    return any(not any(implies(other, one) for other in others) for one in these)


def _limit_implies(strict: Limit, weak: Limit) -> bool:
    return (strict.kind, strict.key, strict.path, strict.currency) == (
        weak.kind,
        weak.key,
        weak.path,
        weak.currency,
    ) and (Decimal(strict.maximum) <= Decimal(weak.maximum) and strict.window_ms >= weak.window_ms)


def _evidence_implies(strict: Any, weak: Any) -> bool:
    return bool(strict[0] == weak[0] and strict[1] >= weak[1])


def _requires_implies(strict: Any, weak: Any) -> bool:
    return bool(strict[0] == weak[0] and strict[1] >= weak[1])


def _budget_implies(strict: BudgetFed, weak: BudgetFed) -> bool:
    if (strict.key, strict.currency, strict.window_ms is None) != (
        weak.key,
        weak.currency,
        weak.window_ms is None,
    ):
        return False
    longer = (strict.window_ms or strict.idle_ttl_ms or 0) >= (
        weak.window_ms or weak.idle_ttl_ms or 0
    )
    denies = strict.approval is None or strict.approval == weak.approval
    lower = Decimal(strict.maximum) <= Decimal(weak.maximum)
    return longer and denies and lower and _costs_as_much(strict.prices, weak.prices)


def _costs_as_much(strict: frozenset[str], weak: frozenset[str]) -> bool:
    if strict >= weak:
        return True
    if any(price.startswith("$") for price in strict | weak):
        return False
    return max(map(Decimal, strict)) >= max(map(Decimal, weak))


def _compare_approvals(
    old: Approval | None,
    new: Approval | None,
    kinds: set[Kind],
    lost: list[str],
    gained: list[str],
) -> None:
    if old == new:
        return
    lost += [] if old is None else [_approval(old)]
    gained += [] if new is None else [_approval(new)]
    if old is None or new is None:
        kinds.add("narrowed" if old is None else "widened")
        return
    for before, after in (
        (old.timeout_ms, new.timeout_ms),
        (old.terms.grant_ttl_ms, new.terms.grant_ttl_ms),
        (old.terms.default_on_timeout == "allow", new.terms.default_on_timeout == "allow"),
    ):
        if before != after:
            kinds.add("widened" if after > before else "narrowed")
    if _asked_of(old) != _asked_of(new):
        kinds.add("changed")


def _asked_of(approval: Approval) -> tuple[object, ...]:
    return (
        approval.channels,
        approval.delegates,
        approval.escalation_after_ms,
        approval.terms.mode,
    )


def _approval(approval: Approval) -> str:
    parts = [f"a person approves within {_time(approval.timeout_ms)}"]
    if approval.channels != ApprovalTerms().asked(None):
        parts.append(f"by {', '.join(sorted(approval.channels))}")
    if approval.escalation_after_ms is not None:
        parts.append(f"escalated after {_time(approval.escalation_after_ms)}")
    if approval.delegates:
        parts.append(f"to {', '.join(sorted(approval.delegates))}")
    terms, usual = approval.terms, ApprovalTerms()
    if terms.default_on_timeout != usual.default_on_timeout:
        parts.append("a timeout allows")
    if terms.grant_ttl_ms != usual.grant_ttl_ms:
        parts.append(f"a grant lasts {_time(terms.grant_ttl_ms)}")
    if terms.mode != usual.mode:
        parts.append("answered at once")
    return ", ".join(parts)


def _limit(limit: Limit) -> str:
    per = f"in {_time(limit.window_ms)} by {' and '.join(limit.key)}"
    if limit.path is None:
        return f"at most {limit.maximum} call{'' if limit.maximum == '1' else 's'} {per}"
    return f"at most {limit.maximum} {limit.currency} of `{shown_path(limit.path)}` {per}"


def _evidence(required: Any) -> str:
    tool, bind = required
    pairs = [f"`{shown_path(here)}` is its `{shown_path(there)}`" for here, there in sorted(bind)]
    return f"evidence of {tool}{' where ' if pairs else ''}{' and '.join(pairs)}"


def _requires(required: Any) -> str:
    tool, success = required
    return f"{tool} {'succeeded' if success else 'was called'} in this session"


def _budget(budget: BudgetFed) -> str:
    window = "a session" if budget.window_ms is None else _time(budget.window_ms)
    prices = " or ".join(
        f"`{shown_path(each)}`" if each.startswith("$") else each for each in sorted(budget.prices)
    )
    over = "is denied" if budget.approval is None else f"needs that {_approval(budget.approval)}"
    room = f"{budget.maximum} {budget.currency} in {window} by {' and '.join(budget.key)}"
    return f"takes {prices} from a budget of {room}; an overage {over}"


def _time(milliseconds: int) -> str:
    return Duration(milliseconds).text()


_Aspect = tuple[str, Callable[[Any, Any], bool], Callable[[Any], str]]
_ASPECTS: tuple[_Aspect, ...] = (
    ("evidence", _evidence_implies, _evidence),
    ("requires", _requires_implies, _requires),
    ("limits", _limit_implies, _limit),
    ("budgets", _budget_implies, _budget),
)
