"""The transition table as playbooks: an event in, its commands out."""

import json
from typing import Any

import pytest

from helio.errors import ProgrammingError
from helio.governance.store import LocalStore, Refusal, Reservation
from helio.pipeline.commands import (
    Answer,
    CheckRoom,
    Commit,
    Deliver,
    Forward,
    RecordBlocked,
    RecordIntent,
    RecordOutcome,
    Release,
    Reserve,
)
from helio.pipeline.events import (
    Abandoned,
    Recorded,
    RecordingFailed,
    RoomChecked,
    RoomRefused,
    RoomReserved,
    StateFailed,
    UpstreamFailed,
)
from helio.pipeline.machine import State
from pipeline.playbook import Play, answered, at, call, govern

DENY = "{ rules: [{ name: none, match: { tool: 'delete_*' }, action: deny }] }"
RATE = "{ rules: [{ name: slow, action: rate_limit, limits: { max_calls: 1, window: 1m } }] }"


def result_of(command: object) -> Any:
    assert isinstance(command, Answer)
    return json.loads(command.body)["result"]


def reserved(play: Play, command: object) -> RoomReserved:
    """What the store says to a `Reserve` that has room."""
    assert isinstance(command, Reserve)
    found = play.store.reserve(command.decision, at(0).monotonic, enforce=command.enforce)
    assert isinstance(found, Reservation)
    return RoomReserved(found)


def test_an_allowed_call_is_recorded_before_it_is_forwarded() -> None:
    play = Play(govern("{ default: allow }"))
    (intent,) = play.send(call())
    assert isinstance(intent, RecordIntent)
    assert intent.data["policy_decision"] == "allow"
    assert play.send(Recorded()) == [Forward()]
    (outcome,) = play.send(answered(), at(1))
    assert isinstance(outcome, RecordOutcome)
    assert outcome.data["status"] == "answered"
    assert play.send(Recorded()) == [Deliver()]
    assert play.machine.state is State.DONE


def test_a_denied_call_is_recorded_and_answered_and_nothing_else() -> None:
    play = Play(govern(DENY))
    (blocked,) = play.send(call("delete_order"))
    assert isinstance(blocked, RecordBlocked)
    assert blocked.data["block_reason"] == "policy_denied"
    assert blocked.data["matched_rule"] == "none"
    (answer,) = play.send(Recorded())
    told = result_of(answer)["_meta"]["helio/blocked"]
    assert (told["reason"], told["rule"], told["rule_index"]) == ("policy_denied", "none", 0)
    assert told["call_id"] == "c1"
    assert told["policy"].startswith("sha256:")


def test_a_default_deny_names_no_rule() -> None:
    play = Play(govern("{ default: deny }"))
    play.send(call())
    told = result_of(play.send(Recorded())[0])["_meta"]["helio/blocked"]
    assert (told["rule"], told["rule_index"], told["action"]) == (None, None, "deny")


def test_room_is_held_then_counted_from_the_forwarding_on() -> None:
    play = Play(govern(RATE))
    (reserve,) = play.send(call())
    (intent,) = play.send(reserved(play, reserve))
    assert isinstance(intent, RecordIntent)
    assert intent.data["charges"] == [
        ["rate:slow:tool:60000", "tool=default/create_payment", "rate", "1", 60_000]
    ]
    assert play.send(Recorded(), at(1)) == [Forward()]
    commit, outcome = play.send(answered(), at(2))
    assert commit == Commit(1, at(1).monotonic)
    assert isinstance(outcome, RecordOutcome)


def test_no_room_blocks() -> None:
    play = Play(govern(RATE))
    (reserve,) = play.send(call())
    assert isinstance(reserve, Reserve)
    play.store.commit(reserved(play, reserve).reservation.id, at(0).monotonic)
    refusal = play.store.reserve(reserve.decision, at(1).monotonic, enforce=True)
    assert isinstance(refusal, Refusal)
    (blocked,) = play.send(RoomRefused(refusal), at(1))
    assert isinstance(blocked, RecordBlocked)
    assert blocked.data["policy_decision"] == "rate_limited"
    told = result_of(play.send(Recorded())[0])["_meta"]["helio/blocked"]
    assert told["current_calls"] == 1
    assert told["max_calls"] == 1
    assert told["window_seconds"] == 60
    assert told["key"] == "tool"
    assert told["reset_at"] == "2026-01-02T03:05:05.000000Z"
    assert told["retry_allowed"] is True


def test_without_state_a_call_that_needs_it_is_blocked() -> None:
    play = Play(govern(RATE))
    play.send(call())
    (blocked,) = play.send(StateFailed("gone"))
    assert isinstance(blocked, RecordBlocked)
    assert blocked.data["block_reason"] == "state_unavailable"


def test_an_unwritable_audit_blocks_and_gives_the_room_back() -> None:
    play = Play(govern(RATE))
    (reserve,) = play.send(call())
    play.send(reserved(play, reserve))
    release, answer = play.send(RecordingFailed("disk full"))
    assert release == Release(1)
    assert result_of(answer)["_meta"]["helio/blocked"]["reason"] == "audit_unavailable"


def test_an_unwritable_audit_lets_through_only_where_that_is_configured() -> None:
    play = Play(govern("{ default: allow }", allow_unrecorded=True))
    play.send(call())
    assert play.send(RecordingFailed("disk full")) == [Forward()]


def test_a_call_that_was_never_sent_charges_nothing() -> None:
    play = Play(govern(RATE))
    (reserve,) = play.send(call())
    play.send(reserved(play, reserve))
    play.send(Recorded())
    release, outcome = play.send(UpstreamFailed("connect_failed", "refused", False, 0))
    assert release == Release(1)
    assert isinstance(outcome, RecordOutcome)
    assert outcome.data["status"] == "not_forwarded"
    (answer,) = play.send(Recorded())
    assert isinstance(answer, Answer)
    assert json.loads(answer.body)["error"]["data"]["reason"] == "upstream_connect_failed"


def test_a_call_without_an_answer_keeps_its_charge_and_is_indeterminate() -> None:
    play = Play(govern(RATE))
    (reserve,) = play.send(call())
    play.send(reserved(play, reserve))
    play.send(Recorded())
    commit, outcome = play.send(UpstreamFailed("closed", "reset", True, 5))
    assert isinstance(commit, Commit)
    assert isinstance(outcome, RecordOutcome)
    assert outcome.data["status"] == "indeterminate"


def test_an_answer_is_given_even_when_its_outcome_cannot_be_kept() -> None:
    play = Play(govern("{ default: allow }"))
    play.send(call())
    play.send(Recorded())
    play.send(answered())
    assert play.send(RecordingFailed("disk full")) == [Deliver()]


def test_a_dry_run_rule_forwards_nothing_and_says_what_would_have_happened() -> None:
    play = Play(govern("{ rules: [{ match: { tool: refund }, action: dry_run }] }"))
    (record,) = play.send(call("refund"))
    assert isinstance(record, RecordBlocked)
    assert (record.data["policy_decision"], record.data["dry_run"]) == ("dry_run", True)
    result = result_of(play.send(Recorded())[0])
    told = result["_meta"]["helio/dry_run"]
    assert json.loads(result["content"][0]["text"]) == told
    assert (told["would_forward"], told["decision"], told["reason"]) == (True, "allow", None)


def test_a_dry_run_policy_reports_the_block() -> None:
    play = Play(govern("{ dry_run: true, rules: [{ match: { tool: x }, action: deny }] }"))
    (record,) = play.send(call("x"))
    assert isinstance(record, RecordBlocked)
    assert record.data["block_reason"] == "policy_denied"
    told = result_of(play.send(Recorded())[0])["_meta"]["helio/dry_run"]
    assert (told["would_forward"], told["decision"]) == (False, "deny")
    assert told["reason"] == "policy_denied"


def test_a_dry_run_checks_limits_and_takes_nothing() -> None:
    rules = "[{ name: r, action: rate_limit, limits: { max_calls: 1, window: 1m } }]"
    play = Play(govern(f"{{ dry_run: true, rules: {rules} }}"))
    (check,) = play.send(call())
    assert isinstance(check, CheckRoom)
    breaches = play.store.check(check.decision, at(0).monotonic)
    assert breaches == ()
    play.send(RoomChecked(breaches))
    told = result_of(play.send(Recorded())[0])["_meta"]["helio/dry_run"]
    assert told["would_forward"] is True
    assert [limit["would_pass"] for limit in told["limits"]] == [True]


def test_a_policy_in_shadow_forwards_and_records_what_it_would_have_blocked() -> None:
    play = Play(govern("{ shadow: true, rules: [{ name: no, action: deny }] }"))
    (intent,) = play.send(call())
    assert isinstance(intent, RecordIntent)
    assert intent.data["shadow"] == [
        {"rule": "no", "rule_index": 0, "action": "deny", "reason": "policy_denied"}
    ]


def test_a_dry_run_rehearses_unlisted_tools_too() -> None:
    play = Play(govern("{ dry_run: true, unknown_tools: deny }", tools=[]))
    (record,) = play.send(call())
    assert isinstance(record, RecordBlocked)
    assert (record.data["policy_decision"], record.data["block_reason"]) == (
        "dry_run",
        "unknown_tool",
    )


def test_shadow_does_not_let_unlisted_tools_through() -> None:
    play = Play(govern("{ shadow: true, unknown_tools: deny }", tools=[]))
    (record,) = play.send(call())
    assert isinstance(record, RecordBlocked)
    assert record.data["policy_decision"] == "deny"


def test_dry_run_wins_over_shadow() -> None:
    play = Play(govern("{ shadow: true, dry_run: true, rules: [{ name: no, action: deny }] }"))
    (record,) = play.send(call())
    assert isinstance(record, RecordBlocked)
    assert record.data["policy_decision"] == "dry_run"


def test_a_shadow_rule_reports_and_the_next_rule_decides() -> None:
    rules = "[{ name: trial, action: deny, shadow: true }, { name: yes, action: allow }]"
    play = Play(govern(f"{{ rules: {rules} }}"))
    (intent,) = play.send(call())
    assert isinstance(intent, RecordIntent)
    assert intent.data["matched_rule"] == "yes"
    assert intent.data["shadow"] == [{"rule": "trial", "rule_index": 0, "action": "deny"}]


def test_a_shadow_limit_reports_its_breach_and_forwards() -> None:
    limits = "{ max_spend: { field: amount, limit: 1, currency: GBP, window: 1m } }"
    rule = f"{{ name: t, action: spend_limit, limits: {limits}, shadow: true }}"
    play = Play(govern(f"{{ rules: [{rule}] }}"))
    (reserve,) = play.send(call(arguments=b'{"amount":2}'))
    (intent,) = play.send(reserved(play, reserve))
    assert isinstance(intent, RecordIntent)
    shadow = intent.data["shadow"]
    assert isinstance(shadow, list)
    assert shadow[-1]["reason"] == "spend_limited"
    assert "charges" not in intent.data


def test_an_unjudgeable_amount_denies_and_says_why() -> None:
    rule = "{ name: big, match: { input: { amount: { gt: 1000 } } }, action: deny }"
    play = Play(govern(f"{{ rules: [{rule}] }}"))
    (blocked,) = play.send(call(arguments=b'{"amount":"5000"}'))
    assert isinstance(blocked, RecordBlocked)
    told = result_of(play.send(Recorded())[0])["_meta"]["helio/blocked"]
    assert "could not be judged" in told["message"]
    assert told["indeterminate"][0]["rule"] == "big"


@pytest.mark.parametrize(
    "amount", ["-1", '"5"', "null", "[1]", "true", "{}", "1e40", "12345678901234567890123456789"]
)
def test_a_wrong_amount_blocks(amount: str) -> None:
    spend = "{ max_spend: { field: amount, limit: 10, currency: GBP, window: 1h } }"
    play = Play(govern(f"{{ rules: [{{ name: s, action: spend_limit, limits: {spend} }}] }}"))
    (blocked,) = play.send(call(arguments=b'{"amount":%s}' % amount.encode()))
    assert isinstance(blocked, RecordBlocked)
    assert blocked.data["block_reason"] == "invalid_amount"


def test_one_session_id_of_two_agents_is_two_sessions() -> None:
    limits = "{ max_calls: 1, window: 1m, key: session }"
    governance = govern(f"{{ rules: [{{ action: rate_limit, limits: {limits} }}] }}")
    store = LocalStore()
    keys = []
    for agent in ("a", "b", None):
        play = Play(governance, store=store)
        (reserve,) = play.send(call(session="s", agent=agent))
        (intent,) = play.send(reserved(play, reserve))
        assert isinstance(intent, RecordIntent)
        assert (intent.data["session_id"], intent.data["agent_id"]) == ("s", agent)
        keys.append(intent.data["charges"][0][1])
    assert keys == ["session=a s", "session=b s", "session=s"]


def test_a_session_keyed_limit_blocks_without_a_session() -> None:
    limits = "{ max_calls: 5, window: 1m, key: session }"
    play = Play(govern(f"{{ rules: [{{ name: s, action: rate_limit, limits: {limits} }}] }}"))
    play.send(call())
    told = result_of(play.send(Recorded())[0])["_meta"]["helio/blocked"]
    assert told["reason"] == "session_unresolved"
    assert told["tried"] == ["x-helio-session-id", "mcp-session-id"]


def test_unknown_tools_are_denied_where_that_is_configured() -> None:
    policies = "{ unknown_tools: deny }"
    known = Play(govern(policies, tools=[{"name": "read_mail"}]))
    assert isinstance(known.send(call("read_mail"))[0], RecordIntent)
    unknown = Play(govern(policies, tools=[{"name": "read_mail"}]))
    (blocked,) = unknown.send(call("Read_mail"))
    assert isinstance(blocked, RecordBlocked)
    assert blocked.data["block_reason"] == "unknown_tool"
    unprimed = Play(govern(policies))
    assert isinstance(unprimed.send(call("read_mail"))[0], RecordBlocked)


def test_blocked_as_error() -> None:
    play = Play(govern("{ blocked_as: error, default: deny }"))
    play.send(call())
    (answer,) = play.send(Recorded())
    assert isinstance(answer, Answer)
    error = json.loads(answer.body)["error"]
    assert (error["code"], error["data"]["reason"]) == (-31001, "policy_denied")


def test_structured_content_only_where_no_client_can_refuse_it() -> None:
    tools: list[dict[str, object]] = [
        {"name": "a"},
        {"name": "b", "outputSchema": {"type": "object"}},
    ]
    for tool, stands in (("a", True), ("b", False), ("unlisted", False)):
        play = Play(govern("{ default: deny }", tools=tools))
        play.send(call(tool))
        assert ("structuredContent" in result_of(play.send(Recorded())[0])) is stands, tool


@pytest.mark.parametrize(
    ("setting", "tools", "flagged"),
    [
        ("log", None, True),
        ("log", [{"name": "create_payment", "annotations": {"readOnlyHint": True}}], False),
        ("off", None, False),
    ],
)
def test_destructive_calls_are_marked(
    setting: str, tools: list[dict[str, object]] | None, flagged: bool
) -> None:
    play = Play(govern(f"{{ flag_destructive: {setting} }}", tools=tools))
    (intent,) = play.send(call())
    assert isinstance(intent, RecordIntent)
    assert intent.data["flagged_destructive"] is flagged


def test_giving_up_before_the_forwarding_releases() -> None:
    play = Play(govern(RATE))
    (reserve,) = play.send(call())
    play.send(reserved(play, reserve))
    release, outcome = play.send(Abandoned("cancelled"))
    assert release == Release(1)
    assert isinstance(outcome, RecordOutcome)
    assert outcome.data["status"] == "not_forwarded"


def test_giving_up_after_the_forwarding_keeps_the_charge() -> None:
    play = Play(govern(RATE))
    (reserve,) = play.send(call())
    play.send(reserved(play, reserve))
    play.send(Recorded())
    commit, outcome = play.send(Abandoned("cancelled"))
    assert isinstance(commit, Commit)
    assert isinstance(outcome, RecordOutcome)
    assert outcome.data["status"] == "indeterminate"


def test_what_cannot_happen_raises() -> None:
    play = Play(govern("{ default: allow }"))
    with pytest.raises(ProgrammingError, match="Recorded cannot happen in NEW"):
        play.send(Recorded())
    play.send(call())
    play.send(Recorded())
    with pytest.raises(ProgrammingError):
        play.send(call())
