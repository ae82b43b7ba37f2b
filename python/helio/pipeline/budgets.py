"""Budgets in a call's verdict: what it is told when one has no room, or cannot be counted. Pure.

Above: `helio.pipeline.machine`, `judgement`, `answers`. Below: `helio.pipeline.verdict`,
`helio.governance.feedback`.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from helio.config.scalars import duration
from helio.evaluator import BudgetBreach, BudgetDemand, Decision
from helio.governance.feedback import Block, exact, instant
from helio.governance.past import PastBudgetDemand
from helio.governance.ticket import BreachedBudget
from helio.pipeline import verdict
from helio.pipeline.events import CallReceived, Moment, PastRoomChecked, RoomChecked
from helio.pipeline.governance import ActivePolicy


def budgets_fault(decision: Decision, received: CallReceived, policy: ActivePolicy) -> Block | None:
    """Why what the call takes from a budget cannot be told; None when it can."""
    if decision.budget_fault is None:
        return None
    kind, budget, subject, found = decision.budget_fault
    block = verdict.faulty((kind, decision.rule, subject, found), received, policy, decision.action)
    return replace(
        block,
        message=f"{block.message} The budget `{budget}` counts by it.",
        rule_index=_place(decision),
        details={**block.details, "budget": budget},
    )


def budgets_exceeded(
    breaches: Sequence[BudgetBreach], decision: Decision, policy: ActivePolicy, now: Moment
) -> Block:
    """At least one budget has no room; all that have none are told."""
    return Block(
        reason="budget_exceeded",
        decision="budget_exceeded",
        action=decision.action,
        message=" ".join(map(_overage, breaches)),
        suggestion=_wait(breaches, now),
        rule=policy.label(decision.rule),
        rule_index=_place(decision),
        retry_allowed=all(each.reset_ns is not None for each in breaches),
        details={"budgets": [breached(each, now).as_object() for each in breaches]},
    )


def budgets_told(decision: Decision, breaches: Sequence[BudgetBreach]) -> list[dict[str, object]]:
    """Every budget that a dry run met: `[{name, limit, amount, currency, window, would_pass}]`."""
    full = {(breach.demand.id, breach.demand.key) for breach in breaches}
    return [
        {
            "name": demand.budget,
            "limit": exact(demand.limit),
            "amount": exact(demand.amount),
            "currency": demand.currency,
            "window": _window(demand),
            "would_pass": (demand.id, demand.key) not in full,
        }
        for demand in decision.budgets
    ]


def breached(breach: BudgetBreach, now: Moment) -> BreachedBudget:
    """A budget without room, as it was when the call asked for it."""
    demand = breach.demand
    return BreachedBudget(
        id=demand.id,
        key=demand.key,
        name=demand.budget,
        limit=demand.limit,
        spent=breach.current,
        remaining=breach.remaining,
        attempted_amount=demand.amount,
        currency=demand.currency,
        window=_window(demand),
        on_exceed=demand.on_exceed,
        reset_at=None if breach.reset_ns is None else instant(now.wall + breach.reset_ns),
    )


def overdrawn(checked: RoomChecked | PastRoomChecked) -> dict[str, object]:
    """What has more in it than its limit, of what was found without room: `limits` [{rule_index,
    key, limit, spent, currency}] and `budgets` [{name, key, limit, spent, currency, window,
    on_exceed}], each where there is any. Amounts are decimal texts."""
    limits = [
        {
            "rule_index": each.demand.rule,
            "key": each.demand.key,
            "limit": each.demand.maximum,
            "spent": each.current,
            "currency": each.demand.currency,
        }
        for each in checked.breaches
        if each.demand.kind == "spend" and Decimal(each.current) > Decimal(each.demand.maximum)
    ]
    budgets = [
        {
            "name": each.demand.budget,
            "key": each.demand.key,
            "limit": each.demand.limit,
            "spent": each.current,
            "currency": each.demand.currency,
            "window": _window(each.demand),
            "on_exceed": each.demand.on_exceed,
        }
        for each in checked.budgets
        if Decimal(each.current) > Decimal(each.demand.limit)
    ]
    return {name: found for name, found in (("limits", limits), ("budgets", budgets)) if found}


def _overage(breach: BudgetBreach) -> str:
    demand = breach.demand
    period = "in this session" if demand.window_ms is None else f"in {_window(demand)}"
    return (
        f"{demand.amount} {demand.currency} is more than what is left of the budget "
        f"`{demand.budget}`: {breach.current} of {demand.limit} {demand.currency} {period} are "
        "spent."
    )


def _wait(breaches: Sequence[BudgetBreach], now: Moment) -> str:
    """What the agent can do: wait for the last of them, unless none ever has room."""
    for breach in breaches:
        if breach.reset_ns is None:
            most = f"{breach.demand.limit} {breach.demand.currency}"
            return f"No wait helps: one call may take at most {most} from `{breach.demand.budget}`."
    last = max(breach.reset_ns or 0 for breach in breaches)
    advice = f"The same call can pass from {instant(now.wall + last)} on"
    if any(breach.demand.window_ms is None for breach in breaches):
        advice += ", if this session spends nothing until then"
    return f"{advice}."


def _window(demand: BudgetDemand | PastBudgetDemand) -> str:
    """As the configuration writes it."""
    return "session" if demand.window_ms is None else duration(demand.window_ms)


def _place(decision: Decision) -> int | None:
    return None if decision.rule < 0 else decision.rule
