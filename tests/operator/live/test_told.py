"""What operators are told of the journal's records."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from approvals.tickets import ticket
from call_records import blocked, intent, outcome
from helio.approvals.records import changed_data, requested_data, resolved_data
from helio.audit.segment import NO_HASH, Encoder, decode, encode_data
from helio.governance.ticket import NotificationFailure, State
from helio.operator.live.told import ACTION, NAMES, Event, EventId, Teller


class Telling:
    """A journal that is told as it is written."""

    def __init__(self) -> None:
        self._encoder = Encoder(0, NO_HASH)
        self.teller = Teller()

    def __call__(self, kind: str, data: dict[str, Any]) -> list[tuple[str, str, Any]]:
        raw = self._encoder.encode(kind.encode(), 1_772_352_000 * 10**9, encode_data(data))
        line = decode(raw[:-1])
        assert not isinstance(line, str)
        found = self.teller.take(line)
        return [(str(event.id), event.name, json.loads(event.data)) for event in found]


def test_a_call_is_told_once_it_is_over_with_what_its_intent_said() -> None:
    tell = Telling()
    assert tell("intent", intent("c1")) == []
    ((number, name, action),) = tell("outcome", outcome("c1"))
    assert (number, name) == ("2", "action")
    assert set(action) == {"seq", "ended_seq", *ACTION}
    assert (action["seq"], action["ended_seq"], action["id"]) == (1, 2, "c1")
    assert (action["tool_name"], action["policy_decision"]) == ("create_payment", "allow")
    assert (action["outcome"], action["total_duration_ms"]) == ("answered", 3.5)


def test_an_action_has_the_columns_of_the_feed_but_metadata() -> None:
    from helio.audit import feed

    assert {"seq", "ended_seq", *ACTION} == set(feed.NAMES) - {"metadata"}


def test_a_call_whose_beginning_is_not_known_is_told_all_the_same() -> None:
    ((_, name, action),) = Telling()("outcome", outcome("c1"))
    assert (name, action["id"], action["tool_name"]) == ("action", "c1", None)


def test_blocked_and_refused_calls_are_actions() -> None:
    tell = Telling()
    ((_, name, action),) = tell("blocked", blocked("c1"))
    assert (name, action["block_reason"]) == ("action", "policy_denied")
    refused = {"call_id": "c2", "block_reason": "parse_error", "tool_input": "{"}
    ((_, name, action),) = tell("rejected", refused)
    assert (name, action["policy_decision"], action["tool_name"]) == ("action", "rejected", None)


def test_what_budgets_are_charged_is_told_when_it_counts() -> None:
    tell = Telling()
    charge = {"budget": "daily", "key": "global=", "amount": "7.10", "currency": "EUR"}
    tell("intent", intent("c1", budgets=[charge]))
    _, (number, name, update) = tell("outcome", outcome("c1"))
    assert (number, name, update["call_id"]) == ("2.1", "budget_update", "c1")
    assert update["charges"] == [{**charge, "amount": 7.1}]
    tell("intent", intent("c2", budgets=[charge]))
    assert [name for _, name, _ in tell("outcome", outcome("c2", "not_forwarded"))] == ["action"]


def test_a_full_limit_and_a_breached_budget_are_told_beside_the_call() -> None:
    tell = Telling()
    told = {"message": "m", "suggestion": "s", "current_calls": 3, "max_calls": 3, "key": "tool=t"}
    _, (_, name, warning) = tell("blocked", blocked("c1", "rate_limited", feedback=told))
    assert name == "limit_warning"
    assert (warning["reached"], warning["rule"], warning["max_calls"]) == (True, "pay", 3)
    assert "message" not in warning
    told = {"message": "m", "budgets": [{"name": "daily", "remaining": 1}]}
    _, (_, name, breach) = tell("blocked", blocked("c2", "budget_exceeded", feedback=told))
    assert (name, breach["budgets"]) == ("budget_breached", told["budgets"])


def test_a_budget_that_a_call_went_past_after_the_fact_is_told() -> None:
    tell = Telling()
    charge = {"budget": "daily", "key": "global=", "amount": "7.10", "currency": "EUR"}
    tell("intent", intent("c1", budgets=[charge]))
    over = {"name": "daily", "limit": "10", "spent": "10.000000000000000000001"}
    actual = {"amount": "10", "budgets": [over]}
    ended = outcome("c1") | {
        "budgets": [charge | {"amount": "10"}],
        "metadata": json.dumps({"adapter": {"actual": 1}, "actual": actual}),
    }
    _, (_, update, charged), (number, name, breach) = tell("outcome", ended)
    assert (update, charged["charges"][0]["amount"]) == ("budget_update", 10)
    assert (number, name) == ("2.2", "budget_breached")
    assert (breach["call_id"], breach["ticket_id"], breach["after_the_call"]) == ("c1", None, True)
    assert breach["budgets"] == [{"name": "daily", "limit": 10, "spent": 10.0}]


def test_tickets_are_told_without_what_the_call_says() -> None:
    tell = Telling()
    asked = ticket(tool_input='{"secret": 1}')
    ((_, name, told),) = tell("ticket", requested_data(asked))
    assert (name, told["id"], told["tool_name"]) == ("approval_requested", "t1", asked.tool_name)
    assert "tool_input" not in told
    assert told["timeout_at"].endswith("Z")
    failed = NotificationFailure("hook", "requested", 0, "500")
    changed = ticket(notification_failures=(failed,))
    data = changed_data(changed, "notification_failed", "notification_failures")
    ((_, name, told),) = tell("ticket", data)
    assert (name, told["ticket_id"], told["channel"]) == (
        "approval_notification_failed",
        "t1",
        "hook",
    )
    assert tell("ticket", changed_data(asked, "client_left", "state")) == []
    over = ticket(state=State.DENIED, resolved_at=1, resolved_by="ann", reason="no")
    ((_, name, told),) = tell("approval", resolved_data(over, 1, 5))
    assert (name, told["id"], told["status"], told["resolved_by"]) == (
        "approval_resolved",
        "t1",
        "denied",
        "ann",
    )


def test_drift_and_policies_are_told_and_first_sights_are_not() -> None:
    tell = Telling()
    first = {"metadata": json.dumps({"event": "pinned", "tools": ["a"]})}
    assert tell("drift_event", {"upstream": "default", "tool_name": None, **first}) == []
    found = {"metadata": json.dumps({"event": "drifted", "aspects": ["description"]})}
    ((_, name, told),) = tell("drift_event", {"upstream": "u", "tool_name": "a", **found})
    assert (name, told["tool_name"], told["aspects"]) == ("tool_drift", "a", ["description"])
    loaded = {"policy_digest": "sha256:1", "timestamp": "t", "metadata": '{"rules": 3}'}
    ((_, name, told),) = tell("policy_loaded", loaded)
    assert (name, told["rules"], told["refused"]) == ("policy_reloaded", 3, None)
    assert tell("lifecycle", {"metadata": '{"event": "stopped"}'}) == []


@given(st.integers(0, 10**17), st.integers(0, 10**6))
def test_ids_are_read_as_they_are_written(sequence: int, place: int) -> None:
    assert EventId.read(str(EventId(sequence, place))) == (sequence, place)


@given(st.text(max_size=12))
def test_no_other_text_is_an_id(text: str) -> None:
    found = EventId.read(text)
    assert found is None or EventId.read(str(found)) == found


def test_ids_are_in_the_order_of_what_happened() -> None:
    assert EventId(9) < EventId(10) < EventId(10, 1) < EventId(10, 2) < EventId(11)
    assert [
        EventId.read(text) for text in ("", "x", "1.", ".1", "1.2.3", "-1", "\u0661", "1e3")
    ] == [None] * 8


def test_an_event_is_one_block_of_a_stream() -> None:
    event = Event(EventId(7, 1), "action", b'{"a":1}')
    lines = event.framed().splitlines()
    assert sorted(lines[:3]) == [b'data: {"a":1}', b"event: action", b"id: 7.1"]
    assert event.framed().endswith(b"\n\n")
    assert event.name in NAMES
