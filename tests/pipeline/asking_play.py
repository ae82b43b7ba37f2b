"""Calls that people decide about: policies, and what a test says to their machines."""

import json
from typing import Any

from helio.governance.store import BudgetRefusal, BudgetReservation
from helio.governance.ticket import ApprovalRequest, State, Ticket
from helio.pipeline.commands import (
    Answer,
    AskApproval,
    Command,
    RecordBlocked,
    RecordIntent,
    RecordOutcome,
    ReserveBudgets,
)
from helio.pipeline.events import (
    BudgetsRefused,
    BudgetsReserved,
    Recorded,
)
from pipeline.playbook import Play, at, call

ASK = (
    "{ rules: [{ name: large, match: { input: { amount: { gt: 10 } } }, "
    "action: require_approval }] }"
)
LIMITED = (
    "{ rules: [{ name: large, action: require_approval, limits: { max_calls: 1, window: 1m } }] }"
)
BUDGETS = (
    "[{ name: money, limit: 10, currency: GBP, window: 24h, on_exceed: require_approval, approval: "
    "{ timeout: 20s, channel: dashboard }, contributors: "
    "[{ match: { tool: pay }, field: amount }] }, "
    "{ name: ones, limit: 3, currency: GBP, window: session, on_exceed: %s, contributors: "
    "[{ match: { tool: pay }, amount: 5 }] }]"
)
ALLOW = "{ default: allow }"


def pay(amount: str = "12", **facts: Any) -> Any:
    return call("pay", f'{{"amount":{amount}}}'.encode(), session="s1", **facts)


def ticket(request: ApprovalRequest, state: State = State.APPROVED, **fate: Any) -> Ticket:
    """The ticket of a request: approved by ada, unless it is said otherwise."""
    values: dict[str, Any] = {
        "id": f"t-{request.kind}",
        "mode": "hold",
        "timeout_ms": 300_000,
        "requested_at": at(0).wall,
        "timeout_at": at(300).wall,
        "default_on_timeout": "deny",
        "state": state,
        "resolved_by": "ada" if state in (State.APPROVED, State.DENIED) else None,
    }
    return Ticket.of(request, **values | fate)


def asked(commands: list[Command]) -> ApprovalRequest:
    """What a person is asked by the last of these commands."""
    assert isinstance(commands[-1], AskApproval), commands
    return commands[-1].request


def recorded(commands: list[Command]) -> dict[str, Any]:
    """What is recorded by the last of these commands."""
    assert isinstance(commands[-1], RecordBlocked | RecordIntent | RecordOutcome), commands
    return dict(commands[-1].data)


def told(play: Play) -> dict[str, Any]:
    """What the agent is told of its blocked call."""
    (answer,) = play.send(Recorded())
    assert isinstance(answer, Answer)
    found: dict[str, Any] = json.loads(answer.body)["result"]["_meta"]["helio/blocked"]
    return found


def over_budget(play: Play, commands: list[Command]) -> list[Command]:
    """What follows when the store has no room in the budgets."""
    (reserve,) = commands
    assert isinstance(reserve, ReserveBudgets)
    found = play.store.reserve_budgets(reserve.decision, at(0).monotonic, enforce=reserve.enforce)
    if isinstance(found, BudgetRefusal):
        return play.send(BudgetsRefused(found))
    assert isinstance(found, BudgetReservation)
    return play.send(BudgetsReserved(found))
