"""Calls of several rounds: decided in each, charged in the first."""

import json
from dataclasses import replace
from typing import Any

import pytest

from helio.evaluator import parse_message
from helio.governance.continuations import Continuations
from helio.governance.store import Reservation
from helio.pipeline.commands import (
    Answer,
    Deliver,
    Forward,
    RecordBlocked,
    RecordIntent,
    Release,
    Reserve,
)
from helio.pipeline.events import (
    Abandoned,
    CallReceived,
    Recorded,
    RecordingFailed,
    RoomReserved,
    UpstreamFailed,
)
from helio.pipeline.rounds import CallRounds
from helio.protocol.modern import Round
from pipeline.playbook import Play, answered, call, govern

RATE = "{ rules: [{ name: slow, action: rate_limit, limits: { max_calls: 1, window: 1m } }] }"
STATE = {"requestState": "s", "inputResponses": {"a": {"action": "accept"}}}


def round_of(
    call_id: str = "c1", arguments: str = "{}", version: str = "2026-07-28", **params: object
) -> CallReceived:
    """A call of 2026-07-28 that brings `params` along."""
    stated = {"name": "create_payment", "arguments": json.loads(arguments), **params}
    body = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": stated}
    message = parse_message(json.dumps(body).encode())
    return replace(
        call(session="s1", agent="a"), message=message, call_id=call_id, protocol_version=version
    )


@pytest.fixture
def waiting() -> Continuations:
    """One call, `c1`, that was asked for more."""
    found = Continuations()
    CallRounds(found, round_of(), 0).answered(Round("s"), 0)
    return found


def continues(waiting: Continuations, received: CallReceived) -> str | None:
    return CallRounds(waiting, received, 0).received.continues


# Which call a round belongs to


def test_the_round_that_was_asked_for_continues_its_call_once(waiting: Continuations) -> None:
    assert continues(waiting, round_of("c2", **STATE)) == "c1"
    assert continues(waiting, round_of("c3", **STATE)) is None


def test_arguments_are_the_same_by_what_they_mean(waiting: Continuations) -> None:
    rounds = CallRounds(waiting, round_of(arguments='{"a":1,"b":2.50}'), 0)
    rounds.answered(Round("t"), 0)
    assert continues(waiting, round_of("c2", '{"b":2.5,"a":1.0}', requestState="t")) == "c1"


@pytest.mark.parametrize(
    "other",
    [
        round_of("c2"),
        round_of("c2", requestState="made up"),
        round_of("c2", inputResponses={}),
        round_of("c2", requestState=["s"]),
        round_of("c2", arguments='{"amount":1}', **STATE),
        round_of("c2", version="2025-11-25", **STATE),
        replace(round_of("c2", **STATE), agent="b"),
        replace(round_of("c2", **STATE), upstream="other"),
        replace(round_of("c2", **STATE), session=call(session="s2").session),
        replace(round_of("c2", **STATE), session=call().session),
    ],
    ids=str,
)
def test_anything_else_is_a_call_of_its_own(waiting: Continuations, other: CallReceived) -> None:
    rounds = CallRounds(waiting, other, 0)
    assert rounds.received is other
    assert continues(waiting, round_of("c3", **STATE)) == "c1"


def test_a_result_without_a_state_is_continued_without_one() -> None:
    waiting = Continuations()
    CallRounds(waiting, round_of(), 0).answered(Round(None), 0)
    assert continues(waiting, round_of("c2", requestState="s", inputResponses={})) is None
    assert continues(waiting, round_of("c2", inputResponses={})) == "c1"


@pytest.mark.parametrize("version", ["2025-11-25", None])
def test_nothing_is_noted_of_a_legacy_call(version: str | None) -> None:
    waiting = Continuations()
    received = replace(round_of(), protocol_version=version)
    CallRounds(waiting, received, 0).answered(Round("s"), 0)
    assert len(waiting) == 0


def test_a_final_answer_ends_the_rounds(waiting: Continuations) -> None:
    rounds = CallRounds(waiting, round_of("c2", **STATE), 0)
    rounds.answered(None, 0)
    rounds.end(0, sent=True)
    assert len(waiting) == 0


def test_every_round_continues_the_first(waiting: Continuations) -> None:
    second = CallRounds(waiting, round_of("c2", **STATE), 0)
    second.answered(Round("t"), 0)
    second.end(0, sent=True)
    assert continues(waiting, round_of("c3", requestState="t")) == "c1"


@pytest.mark.parametrize(("sent", "again"), [(False, "c1"), (True, None)])
def test_a_round_that_nobody_got_may_be_tried_again(
    waiting: Continuations, sent: bool, again: str | None
) -> None:
    CallRounds(waiting, round_of("c2", **STATE), 0).end(0, sent=sent)
    assert continues(waiting, round_of("c3", **STATE)) == again


# What the machine makes of it


def test_a_further_round_is_recorded_and_forwarded_and_charges_nothing() -> None:
    play = Play(govern(RATE))
    (intent,) = play.send(replace(round_of("c2", **STATE), continues="c1"))
    assert isinstance(intent, RecordIntent)
    assert "charges" not in intent.data
    assert json.loads(str(intent.data["metadata"])) == {"continues": "c1"}
    assert intent.data["matched_rule"] == "slow"
    assert play.send(Recorded())[-1] == Forward()
    play.send(answered())
    assert play.send(Recorded()) == [Deliver()]


def test_a_first_round_is_charged_and_continues_nothing() -> None:
    play = Play(govern(RATE))
    (reserve,) = play.send(round_of("c2", **STATE))
    assert isinstance(reserve, Reserve)
    plain = Play(govern("{ default: allow }"))
    (intent,) = plain.send(round_of())
    assert isinstance(intent, RecordIntent)
    assert "metadata" not in intent.data


def test_a_further_round_is_denied_by_the_policy_of_its_moment() -> None:
    play = Play(govern("{ rules: [{ name: stop, action: deny }] }"))
    (blocked,) = play.send(replace(round_of("c2", **STATE), continues="c1"))
    assert isinstance(blocked, RecordBlocked)
    assert blocked.data["block_reason"] == "policy_denied"
    assert json.loads(str(blocked.data["metadata"])) == {"continues": "c1"}
    (answer,) = play.send(Recorded())
    assert result_of(answer)["resultType"] == "complete"
    assert not play.machine.sent


def test_what_a_limit_cannot_count_blocks_a_further_round_too() -> None:
    spend = "{ max_spend: { field: amount, limit: 10, currency: GBP, window: 1h } }"
    play = Play(govern(f"{{ rules: [{{ name: s, action: spend_limit, limits: {spend} }}] }}"))
    (blocked,) = play.send(replace(round_of("c2", **STATE), continues="c1"))
    assert isinstance(blocked, RecordBlocked)
    assert blocked.data["block_reason"] == "invalid_amount"


def test_a_rehearsed_further_round_needs_no_room() -> None:
    play = Play(govern(RATE.replace("{ rules", "{ dry_run: true, rules")))
    (record,) = play.send(replace(round_of("c2", **STATE), continues="c1"))
    assert isinstance(record, RecordBlocked)
    (answer,) = play.send(Recorded())
    result = result_of(answer)
    assert result["resultType"] == "complete"
    assert result["_meta"]["helio/dry_run"]["limits"] == []
    assert not play.machine.sent


def result_of(command: object) -> Any:
    assert isinstance(command, Answer)
    return json.loads(command.body)["result"]


@pytest.mark.parametrize("version", ["2025-11-25", None])
def test_legacy_results_have_no_type(version: str | None) -> None:
    play = Play(govern("{ default: deny }"))
    play.send(replace(round_of(), protocol_version=version))
    (answer,) = play.send(Recorded())
    assert "resultType" not in result_of(answer)


# Whether the upstream got it


@pytest.mark.parametrize(
    ("events", "sent"),
    [
        ([], False),
        ([RecordingFailed("disk full")], False),
        ([Abandoned("cancelled")], False),
        ([Recorded()], True),
        ([Recorded(), Abandoned("cancelled")], True),
        ([Recorded(), answered()], True),
        ([Recorded(), UpstreamFailed("timeout", "", True, 0)], True),
        ([Recorded(), UpstreamFailed("connect_failed", "", False, 0)], False),
    ],
    ids=str,
)
def test_a_call_counts_as_sent_from_its_forwarding_on(events: list[Any], sent: bool) -> None:
    play = Play(govern("{ default: allow }"))
    play.send(round_of())
    for event in events:
        play.send(event)
    assert play.machine.sent is sent


def test_a_failed_upstream_is_told_as_an_error_in_every_revision() -> None:
    bodies = []
    for version in ("2026-07-28", "2025-11-25"):
        play = Play(govern(RATE))
        (reserve,) = play.send(round_of(version=version))
        assert isinstance(reserve, Reserve)
        found = play.store.reserve(reserve.decision, 0, enforce=True)
        assert isinstance(found, Reservation)
        play.send(RoomReserved(found))
        play.send(Recorded())
        _, release, _ = play.send(UpstreamFailed("connect_failed", "refused", False, 0))
        assert isinstance(release, Release)
        (answer,) = play.send(Recorded())
        assert isinstance(answer, Answer)
        bodies.append(json.loads(answer.body))
    assert bodies[0] == bodies[1]
    assert bodies[0]["error"]["code"] == -31002
