"""What can happen to a ticket, pair by pair, and how tickets are written."""

import json

import orjson
import pytest

from approvals.tickets import SECOND, request, ticket
from helio.errors import AlreadyResolved, ProgrammingError
from helio.governance.ticket import (
    PENDING,
    BreachedBudget,
    Happening,
    NotificationFailure,
    State,
    Ticket,
    follow,
)

SPOKEN = {
    Happening.APPROVED: State.APPROVED,
    Happening.DENIED: State.DENIED,
    Happening.BROKE_GLASS: State.BREAK_GLASS,
    Happening.CANCELLED: State.CANCELLED,
}
"""What somebody says ends a ticket, however its agent waits."""
OTHERWISE = {
    (State.HELD, Happening.TIMED_OUT): State.TIMEOUT,
    (State.RETURNED, Happening.TIMED_OUT): State.TIMEOUT,
    (State.LEFT, Happening.TIMED_OUT): State.CLIENT_DISCONNECTED,
    (State.HELD, Happening.CLIENT_LEFT): State.LEFT,
    (State.RETURNED, Happening.CLIENT_JOINED): State.HELD,
    (State.LEFT, Happening.CLIENT_JOINED): State.HELD,
    (State.HELD, Happening.SHUT_DOWN): State.SHUTDOWN_CANCELLED,
    (State.RETURNED, Happening.SHUT_DOWN): State.RETURNED,
    (State.LEFT, Happening.SHUT_DOWN): State.LEFT,
    (State.HELD, Happening.RESTARTED): State.RETURNED,
    (State.RETURNED, Happening.RESTARTED): State.RETURNED,
    (State.LEFT, Happening.RESTARTED): State.LEFT,
}
BUDGET = BreachedBudget("budget:b", "global=", "b", "5", "4", "1", "3", "GBP", "1h", "deny", None)


@pytest.mark.parametrize("happening", Happening)
@pytest.mark.parametrize("state", State)
def test_every_pair(state: State, happening: Happening) -> None:
    found = ticket(state=state)
    expected = SPOKEN.get(happening) or OTHERWISE.get((state, happening))
    if state not in PENDING:
        with pytest.raises(AlreadyResolved) as error:
            follow(found, happening)
        assert error.value.status == state.value
    elif expected is None:
        with pytest.raises(ProgrammingError):
            follow(found, happening)
    else:
        assert follow(found, happening) is expected


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("default", ["deny", "allow"])
def test_what_lets_a_call_through(state: State, default: str) -> None:
    allowing = {State.APPROVED, State.BREAK_GLASS}
    if default == "allow":
        allowing.add(State.TIMEOUT)
    found = ticket(state=state, default_on_timeout=default)
    assert found.allows == (state in allowing)
    assert found.is_pending == (found.status == "pending")


def test_a_ticket_comes_back_from_the_journal_as_it_was() -> None:
    whole = ticket(
        state=State.DENIED,
        reasons=("one", "two"),
        breached_budgets=(BUDGET,),
        notification_failures=(NotificationFailure("slack", "requested", 5, "down"),),
        receipts={"slack": {"ts": "1.2"}},
        resolved_at=7 * SECOND,
        resolved_by="ada",
        reason="no",
        delegates=("oncall",),
    )
    text = orjson.dumps(whole.stored())
    assert Ticket.restored(orjson.loads(text)) == whole
    changed = whole.changed({"state": "approved", "notification_failures": []})
    assert (changed.state, changed.notification_failures) == (State.APPROVED, ())


def test_what_people_see() -> None:
    found = ticket(
        state=State.DENIED,
        reason="no",
        resolved_by="ada",
        resolved_at=SECOND,
        breached_budgets=(BUDGET,),
    )
    shown = json.loads(orjson.dumps(found.as_object()))
    assert shown["denial_reason"] == "no"
    assert shown["break_glass_reason"] is None
    assert shown["tool_input"] == {"amount": 1200}
    assert (shown["requested_at"], shown["resolved_at"]) == (
        "1970-01-01T00:00:00.000000Z",
        "1970-01-01T00:00:01.000000Z",
    )
    assert shown["breached_budgets"][0]["limit"] == 5
    needed = {
        "id", "tool_name", "tool_input", "matched_rule", "rule_index", "channel_name",
        "session_id", "agent_id", "requested_at", "timeout_at", "status", "breached_budgets",
        "notification_failures", "resolved_at", "resolved_by", "denial_reason",
    }  # fmt: skip
    assert needed <= shown.keys()


def test_an_answer_about_fewer_budgets_answers_less() -> None:
    more = request(breached_budgets=(BUDGET,))
    assert more.fits(request())
    assert not request().fits(more)
    assert not more.fits(request(binding="another"))
