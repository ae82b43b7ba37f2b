"""Evidence, earlier calls and labels on the way of a call: what is asked, told, left behind."""

from dataclasses import replace

import pytest

from helio.evaluator import tool_call
from helio.governance.sessions import Mark
from helio.pipeline.commands import (
    CheckRoom,
    EnterSession,
    Forward,
    LeaveSession,
    LoadFacts,
    RecordBlocked,
    RecordIntent,
    RecordOutcome,
    Reserve,
)
from helio.pipeline.events import (
    Abandoned,
    CallReceived,
    Event,
    FactsLoaded,
    Recorded,
    StateFailed,
    UpstreamFailed,
)
from helio.protocol.modern import Round
from pipeline.playbook import Play, answered, at, call, govern
from pipeline.session_play import House

REFUNDS = """{ rules: [
  { name: refunds, match: { tool: refund }, action: deny, evidence: { requires: [lookup] } },
  { name: rest, match: { tool: 'refund*' }, action: deny } ] }"""
BOUND = """{ rules: [{ name: refunds, match: { tool: refund }, evidence: { requires: [
  { tool: lookup, bind: { order_id: '$.id' } } ] } }] }"""
CHAIN = "{ rules: [{ name: chain, match: { tool: refund }, requires: [lookup, verify] }] }"
GUARD = """{ rules: [
  { name: outside, match: { tool: send, session: { labels: [untrusted] } }, action: deny },
  { name: mail, match: { tool: read_mail }, action: allow, labels: [untrusted] } ] }"""


def test_a_deny_with_evidence_denies_until_it_is_there_and_then_ends_the_search() -> None:
    house = House(REFUNDS)
    assert house.call("refund")["block_reason"] == "evidence_missing"
    told = house.told
    assert (told["missing_evidence"], told["rule"], told["action"]) == (
        ["lookup"],
        "refunds",
        "deny",
    )
    assert told["retry_allowed"]
    assert "expired_evidence" not in told
    assert house.text == (
        "Blocked: Missing required evidence: lookup. Call lookup before retrying."
    )
    house.call("lookup")
    passed = house.call("refund")
    assert passed["policy_decision"] == "allow"
    assert passed["matched_rule"] == "refunds"
    assert passed["evidence_chain"] == [{"evidence": "lookup", "by": "c2"}]


def test_evidence_runs_out_after_300_seconds_and_is_then_told_apart_from_missing() -> None:
    house = House(REFUNDS)
    house.call("lookup", seconds=0)
    assert "block_reason" not in house.call("refund", seconds=299.9)
    assert house.call("refund", seconds=300)["block_reason"] == "evidence_expired"
    assert house.told["expired_evidence"] == ["lookup"]
    assert "missing_evidence" not in house.told
    house.call("lookup", seconds=301)
    assert "block_reason" not in house.call("refund", seconds=301)


@pytest.mark.parametrize(
    "answer",
    [
        answered(error="the tool reported an error"),
        answered(error="-32603: no"),
        UpstreamFailed("timeout", "no answer", sent=True, latency=0),
        UpstreamFailed("connect_failed", "refused", sent=False, latency=0),
        replace(answered(), asks=Round("s")),  # type: ignore[type-var]
    ],
)
def test_only_success_is_evidence(answer: Event) -> None:
    for policies in (REFUNDS, CHAIN.replace(", verify", "")):
        house = House(policies)
        house.call("lookup", answer=answer)
        assert "block_reason" in house.call("refund")


def test_evidence_of_another_session_or_agent_is_none() -> None:
    house = House(REFUNDS)
    house.call("lookup", session="s2")
    assert house.call("refund", session="s1")["block_reason"] == "evidence_missing"


@pytest.mark.parametrize("policies", [REFUNDS, CHAIN])
@pytest.mark.parametrize("falls_back", [False, True])
def test_without_a_session_it_blocks_in_every_mode(policies: str, falls_back: bool) -> None:
    house = House(policies, session_falls_back=falls_back)
    assert house.call("refund", session=None)["block_reason"] == "session_unresolved"
    assert house.told["tried"] == ["x-helio-session-id", "mcp-session-id"]


def test_bound_evidence_must_be_about_the_same_thing() -> None:
    house = House(BOUND)
    house.call("lookup", b'{"id": 8}')
    assert house.call("refund", b'{"order_id": 7}')["block_reason"] == "evidence_missing"
    assert house.text.endswith(
        "Call lookup with `$.id` equal to this call's `$.order_id` before retrying."
    )
    house.call("lookup", b'{"id": 7.0, "more": true}')
    passed = house.call("refund", b'{"order_id": 7}')
    assert passed["evidence_chain"] == [{"evidence": "lookup", "by": "c3"}]
    house.call("refund", b"{}")
    assert not house.told["retry_allowed"]
    assert "Send `$.order_id` in this call." in house.text


def test_a_mark_is_evidence_for_bound_requirements_too() -> None:
    house = House(BOUND)
    mark = Mark("s1", ("lookup",), b'{"id":7}', 10 * 10**9)
    house.sessions.mark(mark, at(0).monotonic)
    passed = house.call("refund", b'{"order_id": 7}')
    assert passed["evidence_chain"] == [{"evidence": "lookup", "by": "mark"}]
    expired = house.call("refund", b'{"order_id": 7}', seconds=10)
    assert expired["block_reason"] == "evidence_expired"


def test_a_chain_names_what_is_left_of_it() -> None:
    house = House(CHAIN)
    house.call("refund")
    assert house.told["missing_dependencies"] == ["lookup", "verify"]
    assert house.told["suggestion"] == "Call lookup, then verify before retrying."
    house.call("lookup")
    house.call("refund")
    assert house.told["reason"] == "dependency_missing"
    assert house.told["missing_dependencies"] == ["verify"]
    house.call("verify")
    passed = house.call("refund", seconds=3000)
    assert passed["evidence_chain"] == [
        {"requires": "lookup", "by": "c2"},
        {"requires": "verify", "by": "c4"},
    ]


def test_the_suggestion_has_the_names_that_agents_have() -> None:
    house = House(CHAIN, shown=lambda tool: f"shop__{tool}")
    house.call("refund")
    assert house.told["missing_dependencies"] == ["lookup", "verify"]
    assert house.told["suggestion"] == "Call shop__lookup, then shop__verify before retrying."


def test_without_requires_success_having_been_called_is_enough() -> None:
    house = House(CHAIN.replace("requires: [", "requires_success: false, requires: ["))
    for tool in ("lookup", "verify"):
        house.call(tool, answer=answered(error="the tool reported an error"))
    assert "block_reason" not in house.call("refund")


def test_the_rules_own_feedback_is_told() -> None:
    house = House(REFUNDS.replace("action:", "feedback: { message: M, suggestion: S }, action:", 1))
    house.call("refund")
    assert house.text == "Blocked: M. S."


def test_a_deny_until_that_cannot_be_judged_denies_for_good() -> None:
    house = House(
        """{ rules: [{ name: until, match: { tool: refund, input: { amount: { gt: 5 } } },
        action: deny, evidence: { requires: [lookup] } }, { name: last, action: deny,
        match: { tool: refund } }] }"""
    )
    house.call("lookup")
    assert "block_reason" not in house.call("refund", b'{"amount": 6}')
    assert house.call("refund", b'{"amount": "6"}')["block_reason"] == "policy_denied"


def test_an_unjudged_rule_adds_what_it_asks_for() -> None:
    house = House(
        """{ rules: [{ name: asks, match: { tool: refund, input: { amount: { gt: 5 } } },
        evidence: { requires: [lookup] } }, { name: all, action: allow }] }"""
    )
    assert "block_reason" not in house.call("refund", b'{"amount": 5}')
    blocked = house.call("refund", b'{"amount": "5"}')
    assert (blocked["block_reason"], blocked["matched_rule"]) == ("evidence_missing", "asks")
    house.call("lookup")
    assert house.call("refund", b'{"amount": "5"}')["matched_rule"] == "all"


def test_evidence_comes_before_limits() -> None:
    house = House(
        """{ rules: [{ name: r, match: { tool: refund }, action: rate_limit, evidence: { requires:
        [lookup] }, limits: { max_calls: 1, window: 1h } }] }"""
    )
    assert house.call("refund")["block_reason"] == "evidence_missing"
    assert not any(isinstance(each, Reserve) for each in house.commands)


# labels


@pytest.mark.parametrize(
    "answer",
    [
        answered(),
        answered(error="the tool reported an error"),
        UpstreamFailed("timeout", "no answer", sent=True, latency=0),
    ],
)
def test_labels_are_on_before_the_answer_whatever_it_is(answer: Event) -> None:
    house = House(GUARD)
    assert "block_reason" not in house.call("send")
    house.call("read_mail", answer=answer)
    entered = [type(each) for each in house.commands]
    assert entered.index(EnterSession) < entered.index(Forward)
    assert house.call("send")["block_reason"] == "policy_denied"
    assert "block_reason" not in house.call("send", session="s2")


def test_a_call_that_never_left_puts_no_label_on() -> None:
    house = House(GUARD)
    house.call("read_mail", answer=UpstreamFailed("connect_failed", "no", sent=False, latency=0))
    assert "block_reason" not in house.call("send")


def test_labels_hold_while_the_call_is_under_way() -> None:
    house = House(GUARD)
    play = Play(house.governance)
    (load,) = play.send(call("read_mail", session="s1"))
    assert isinstance(load, LoadFacts)
    play.send(FactsLoaded(house.sessions.facts("s1", load.names, 0)))
    enter, _ = play.send(Recorded())
    assert isinstance(enter, EnterSession)
    house.sessions.enter(enter.visit, 0)
    assert house.call("send")["block_reason"] == "policy_denied"
    leave, _ = play.send(Abandoned("gone"))
    assert isinstance(leave, LeaveSession)
    assert leave.result == "failed"


def test_what_the_session_called_is_what_was_forwarded() -> None:
    house = House(
        """{ rules: [{ name: first, match: { tool: send, session: { not_called: [verify] } },
        action: deny }, { name: no, match: { tool: verify, input: { bad: true } }, action: deny }
        ] }"""
    )
    house.call("verify", b'{"bad": true}')
    assert house.call("send")["block_reason"] == "policy_denied"
    house.call("verify")
    assert "block_reason" not in house.call("send")


def test_an_unknown_session_is_not_known_to_be_without_labels() -> None:
    house = House(GUARD)
    assert house.call("send", session=None)["block_reason"] == "policy_denied"


# asking, shadow, dry run


def test_facts_are_asked_for_only_where_a_rule_needs_them() -> None:
    house = House("{ rules: [{ match: { tool: read_mail }, action: allow, labels: [x] }] }")
    house.call("read_mail")
    assert not any(isinstance(each, LoadFacts) for each in house.commands)


def test_arguments_are_kept_only_where_a_rule_binds_them() -> None:
    for policies, kept in ((REFUNDS, None), (BOUND, b'{"id":7}')):
        house = House(policies)
        house.call("lookup", b'{"id": 7}')
        (leave,) = [each for each in house.commands if isinstance(each, LeaveSession)]
        assert (leave.result, leave.arguments) == ("succeeded", kept)


def test_long_arguments_are_not_written_twice() -> None:
    house = House(BOUND)
    house.call("lookup", b'{"id": "%b"}' % (b"x" * 5000))
    (outcome,) = [each for each in house.commands if isinstance(each, RecordOutcome)]
    assert outcome.data["facts"] == {"arguments": None}


def test_facts_that_cannot_be_asked_block() -> None:
    for policies, recorded in (
        (REFUNDS, RecordBlocked),
        (f"{REFUNDS[:-1]}, shadow: true }}", None),
    ):
        play = Play(govern(policies))
        play.send(call("refund", session="s1"))
        (record,) = play.send(StateFailed("gone"))
        if recorded is not None:
            assert isinstance(record, RecordBlocked)
            assert record.data["block_reason"] == "state_unavailable"
        else:
            assert isinstance(record, RecordIntent)
            (note,) = record.data["shadow"]  # type: ignore[misc]
            assert note["reason"] == "state_unavailable"


def test_a_dry_run_tells_what_would_have_happened() -> None:
    house = House(f"{BOUND[:-1]}, dry_run: true }}")
    row = house.call("refund", b'{"order_id": 7}')
    assert (row["policy_decision"], row["block_reason"]) == ("dry_run", "evidence_missing")
    assert not any(isinstance(each, CheckRoom | EnterSession) for each in house.commands)


def test_a_policy_in_shadow_notes_the_block_and_forwards() -> None:
    house = House(f"{REFUNDS[:-1]}, shadow: true }}")
    row = house.call("refund")
    assert row["policy_decision"] == "allow"
    assert [note["reason"] for note in row["shadow"]] == ["evidence_missing"]
    house.call("lookup")
    assert "shadow" not in house.call("refund")


def test_a_rule_in_shadow_tells_what_it_lacks() -> None:
    house = House(REFUNDS.replace("action: deny, evidence", "shadow: true, action: deny, evidence"))
    (lacking,) = house.call("refund")["shadow"]
    assert (lacking["action"], lacking["reason"]) == ("deny", "evidence_missing")
    assert lacking["missing_evidence"] == ["lookup"]
    house.call("lookup")
    (met,) = house.call("refund")["shadow"]
    assert met == {"rule": "refunds", "rule_index": 0, "action": "allow"}
    (unknown,) = house.call("refund", session=None)["shadow"]
    assert unknown["reason"] == "session_unresolved"


def test_intent_and_outcome_say_what_a_restart_needs() -> None:
    house = House(GUARD)
    assert house.call("read_mail")["facts"] == {
        "session": "s1",
        "tool": "read_mail",
        "labels": ("untrusted",),
    }
    (outcome,) = [each for each in house.commands if isinstance(each, RecordOutcome)]
    assert outcome.data["facts"] == {"arguments": None}
    house.call("read_mail", answer=answered(error="no"))
    (outcome,) = [each for each in house.commands if isinstance(each, RecordOutcome)]
    assert "facts" not in outcome.data
    assert "facts" not in house.call("read_mail", session=None)


def test_an_authenticated_agents_session_is_its_own() -> None:
    received = CallReceived(
        message=tool_call("refund", b"{}"),
        call_id="c1",
        upstream="default",
        session=call("refund", session="s1").session,
        agent="a",
        protocol_version=None,
    )
    (load,) = Play(govern(REFUNDS)).send(received)
    assert load == LoadFacts("a s1", frozenset(("lookup",)))
