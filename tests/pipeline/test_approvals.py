"""Calls that people decide about, as playbooks: what follows from their answers."""

import json

import pytest

from helio.errors import ProgrammingError
from helio.governance.store import Reservation
from helio.governance.ticket import ApprovalRequest, State
from helio.pipeline.commands import (
    Answer,
    Commit,
    Forward,
    GiveBackApprovals,
    Release,
    Reserve,
    UseApprovals,
)
from helio.pipeline.events import (
    Abandoned,
    ApprovalPending,
    Approved,
    AskingRefused,
    Event,
    NotApproved,
    Recorded,
    RecordingFailed,
    RoomReserved,
)
from helio.pipeline.governance import ActivePolicy, Governance
from helio.pipeline.machine import TABLE, CallMachine
from helio.pipeline.machine import State as Stage
from pipeline.asking_play import (
    ALLOW,
    ASK,
    BUDGETS,
    LIMITED,
    asked,
    over_budget,
    pay,
    recorded,
    ticket,
    told,
)
from pipeline.playbook import Play, answered, at, govern, listed

# what follows


def test_an_approved_call_uses_its_ticket_with_its_intent() -> None:
    play = Play(govern(ASK))
    request = asked(play.send(pay()))
    use, intent = play.send(Approved(ticket(request), 2_000_000_000), at(2))
    assert use == UseApprovals(("t-rule",), "c1")
    data = recorded([intent])
    assert data["approvals"] == ("t-rule",)
    assert (data["policy_decision"], data["approval_status"]) == ("allow", "approved")
    assert (data["approved_by"], data["approval_wait_ms"]) == ("ada", 2000.0)
    assert json.loads(data["metadata"])["tickets"][0]["ticket_id"] == "t-rule"
    assert isinstance(play.send(Recorded(), at(2))[-1], Forward)
    outcome = recorded(play.send(answered(), at(2.1)))
    assert outcome["total_duration_ms"] == 2100.0
    assert outcome["proxy_compute_ms"] == 98.0


@pytest.mark.parametrize(
    ("state", "reason", "retry"),
    [
        (State.DENIED, "approval_denied", False),
        (State.TIMEOUT, "approval_timeout", True),
        (State.SHUTDOWN_CANCELLED, "shutdown_cancelled", True),
        (State.CLIENT_DISCONNECTED, "client_disconnected", True),
        (State.LEFT, "client_disconnected", True),
        (State.CANCELLED, "approval_cancelled", True),
    ],
)
def test_a_call_that_is_not_approved(state: State, reason: str, retry: bool) -> None:
    play = Play(govern(ASK))
    ended = ticket(asked(play.send(pay())), state, reason="too much")
    data = recorded(play.send(NotApproved(ended, 1_000_000_000), at(1)))
    assert (data["policy_decision"], data["block_reason"]) == ("require_approval", reason)
    assert data["approval_status"] == ended.status
    assert (data["approval_wait_ms"], data["proxy_compute_ms"]) == (1000.0, 0.0)
    found = told(play)
    assert (found["reason"], found["retry_allowed"]) == (reason, retry)
    assert (found["ticket_id"], found["timeout_seconds"]) == ("t-rule", 300)
    assert found["expires_at"].endswith("Z")
    denied = ("ada", "too much") if state is State.DENIED else (None, None)
    assert (found["denied_by"], found["denial_reason"]) == denied


def test_a_pending_call_gives_its_room_back() -> None:
    play = Play(govern(LIMITED))
    (reserve,) = play.send(pay())
    assert isinstance(reserve, Reserve)
    held = play.store.reserve(reserve.decision, at(0).monotonic, enforce=True)
    assert isinstance(held, Reservation)
    request = asked(play.send(RoomReserved(held)))
    release, record = play.send(ApprovalPending(ticket(request, State.RETURNED)))
    assert release == Release(held.id)
    assert recorded([record])["block_reason"] == "approval_pending"
    assert told(play)["reason"] == "approval_pending"


def test_room_is_kept_while_a_call_is_held() -> None:
    play = Play(govern(LIMITED))
    (reserve,) = play.send(pay())
    assert isinstance(reserve, Reserve)
    held = play.store.reserve(reserve.decision, at(0).monotonic, enforce=True)
    assert isinstance(held, Reservation)
    request = asked(play.send(RoomReserved(held)))
    _, intent = play.send(Approved(ticket(request), 1))
    assert recorded([intent])["charges"]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (AskingRefused("10000 calls wait for a person already"), "state_unavailable"),
        (RecordingFailed("the disk is full"), "audit_unavailable"),
    ],
)
def test_when_nobody_can_be_asked_the_call_is_blocked(event: Event, reason: str) -> None:
    play = Play(govern(ASK))
    asked(play.send(pay()))
    assert recorded(play.send(event))["block_reason"] == reason
    assert told(play)["retry_allowed"] is True


def test_an_intent_that_is_not_recorded_gives_the_approval_back() -> None:
    play = Play(govern(ASK))
    play.send(Approved(ticket(asked(play.send(pay()))), 1))
    given_back, answer = play.send(RecordingFailed("the disk is full"))
    assert given_back == GiveBackApprovals(("t-rule",), "c1")
    assert isinstance(answer, Answer)


def test_a_call_that_is_given_up_while_a_person_is_asked_leaves_nothing() -> None:
    play = Play(govern(LIMITED))
    (reserve,) = play.send(pay())
    assert isinstance(reserve, Reserve)
    held = play.store.reserve(reserve.decision, at(0).monotonic, enforce=True)
    assert isinstance(held, Reservation)
    asked(play.send(RoomReserved(held)))
    assert play.send(Abandoned("cancelled")) == [Release(held.id)]


def test_a_tool_that_changed_while_a_person_was_asked_is_not_called() -> None:
    governance = govern(ASK, [{"name": "pay"}])
    play = Play(governance)
    request = asked(play.send(pay()))
    governance.catalogue.replace(listed({"name": "pay", "description": "new"}))
    given_back, record = play.send(Approved(ticket(request), 1))
    assert given_back == GiveBackApprovals(("t-rule",), "c1")
    assert recorded([record])["block_reason"] == "tool_definition_drift"


# another policy meanwhile


def waiting(policies: str, later: str) -> tuple[Play, ApprovalRequest]:
    """A call that waits under one policy while another is loaded."""
    current = [govern(policies).policy]
    found = govern(policies)
    governance = Governance(found.policy, found.catalogue, current=lambda: current[0])
    current[0] = found.policy
    play = Play(governance)
    request = asked(play.send(pay()))
    current[0] = ActivePolicy(govern(later).policy.compiled)
    return play, request


def test_a_held_call_is_judged_by_the_policy_of_the_moment() -> None:
    play, request = waiting(ASK, "{ rules: [{ name: none, action: deny }] }")
    given_back, record = play.send(Approved(ticket(request), 1))
    assert given_back == GiveBackApprovals(("t-rule",), "c1")
    assert recorded([record])["matched_rule"] == "none"


def test_a_policy_that_asks_the_same_needs_no_second_answer() -> None:
    play, request = waiting(ASK, ASK.replace("name: large", "name: huge"))
    _, intent = play.send(Approved(ticket(request), 1))
    assert recorded([intent])["matched_rule"] == "huge"


def test_a_policy_that_asks_something_else_asks_anew() -> None:
    play, request = waiting(ASK, ASK.replace("gt: 10", "gt: 11"))
    again = asked(play.send(Approved(ticket(request), 1)))
    assert again.binding != request.binding
    use, _ = play.send(Approved(ticket(again, id="t-again"), 1))
    assert use == UseApprovals(("t-rule", "t-again"), "c1")


# budgets


def test_one_ticket_lists_every_budget_without_room() -> None:
    play = Play(govern(ALLOW, budgets=BUDGETS % "require_approval"))
    request = asked(over_budget(play, play.send(pay())))
    assert request.kind == "budget"
    assert [each.name for each in request.breached_budgets] == ["money", "ones"]
    assert (request.timeout_ms, request.channels) == (20_000, ("dashboard",))
    assert play.machine.state is Stage.ASKING_BUDGETS
    commands = over_budget(play, play.send(Approved(ticket(request), 1)))
    data = recorded(commands)
    charged = {charge[0].split(":")[1]: charge[3] for charge in data["charges"]}
    assert charged == {"money": "12", "ones": "5"}
    assert {each["budget"] for each in data["budgets"]} == {"money", "ones"}
    play.send(Recorded(), at(1))
    commits = [each for each in play.send(answered(), at(2)) if isinstance(each, Commit)]
    for each in commits:
        play.store.commit(each.reservation, each.at)
        for charge in each.overages:
            play.store.charge(charge, each.at, at(2).monotonic)
    levels = {
        level.limit.split(":")[1]: level.current for level in play.store.levels(at(2).monotonic)
    }
    assert levels == {"money": "12", "ones": "5"}


def test_a_budget_that_denies_denies_without_a_ticket() -> None:
    play = Play(govern(ALLOW, budgets=BUDGETS % "deny"))
    data = recorded(over_budget(play, play.send(pay())))
    assert data["block_reason"] == "budget_exceeded"


def test_the_rules_ticket_comes_first_and_both_are_used_at_once() -> None:
    play = Play(govern(ASK, budgets=BUDGETS % "require_approval"))
    first = asked(play.send(pay()))
    second = asked(over_budget(play, play.send(Approved(ticket(first), 1))))
    assert (first.kind, second.kind) == ("rule", "budget")
    use, intent = over_budget(play, play.send(Approved(ticket(second), 1)))
    assert use == UseApprovals(("t-rule", "t-budget"), "c1")
    assert recorded([intent])["approvals"] == ("t-rule", "t-budget")


def test_a_missing_budget_approval_uses_up_nothing() -> None:
    play = Play(govern(ASK, budgets=BUDGETS % "require_approval"))
    second = asked(over_budget(play, play.send(Approved(ticket(asked(play.send(pay()))), 1))))
    commands = play.send(ApprovalPending(ticket(second, State.RETURNED)))
    assert GiveBackApprovals(("t-rule",), "c1") in commands
    assert recorded(commands)["block_reason"] == "approval_pending"
    assert [each["name"] for each in told(play)["budgets"]] == ["money", "ones"]


def test_another_budget_that_ran_out_meanwhile_is_another_question() -> None:
    play = Play(govern(ALLOW, budgets=BUDGETS % "require_approval"))
    request = asked(over_budget(play, play.send(pay())))
    told_less = ticket(request, breached_budgets=request.breached_budgets[:1])
    commands = over_budget(play, play.send(Approved(told_less, 1)))
    assert isinstance(commands[0], Release)
    assert len(asked(commands).breached_budgets) == 2


# the table


@pytest.mark.parametrize("stage", [Stage.ASKING, Stage.ASKING_BUDGETS])
def test_what_can_happen_while_a_person_is_asked(stage: Stage) -> None:
    events = {event for state, event in TABLE if state is stage}
    assert events == {
        Approved,
        NotApproved,
        ApprovalPending,
        AskingRefused,
        RecordingFailed,
        Abandoned,
    }


def test_an_answer_that_nobody_asked_for_is_a_fault() -> None:
    play = Play(govern(ASK))
    request = asked(play.send(pay()))
    play.send(NotApproved(ticket(request, State.DENIED), 1))
    with pytest.raises(ProgrammingError):
        play.send(Approved(ticket(request), 1))
    assert CallMachine(play.governance).state is Stage.NEW
