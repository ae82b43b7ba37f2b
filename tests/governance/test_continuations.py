"""Which further rounds belong to a call that was charged already."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helio.governance.continuations import Continuation, Continuations, RoundKey, state_hash

KEY = RoundKey("default", "refund", "a" * 64, "agent", "s1", state_hash("state"))
SECOND = 1_000_000_000


def test_a_round_that_was_asked_for_belongs_to_its_call_once() -> None:
    waiting = Continuations()
    waiting.note(KEY, "c1", 0)
    found = waiting.take(KEY, SECOND)
    assert found is not None
    assert (found.call_id, found.rounds) == ("c1", 1)
    assert waiting.take(KEY, SECOND) is None
    assert len(waiting) == 0


@pytest.mark.parametrize(
    "other",
    [
        {"upstream": "other"},
        {"tool": "pay"},
        {"arguments_hash": "b" * 64},
        {"agent": None},
        {"agent": "other"},
        {"session": None},
        {"session": "s2"},
        {"state": None},
        {"state": state_hash("made up")},
        {"state": state_hash("")},
    ],
)
def test_a_round_that_differs_in_anything_is_a_call_of_its_own(other: dict[str, str]) -> None:
    waiting = Continuations()
    waiting.note(KEY, "c1", 0)
    assert waiting.take(replace(KEY, **other), 0) is None
    assert waiting.take(KEY, 0) is not None


def test_calls_that_are_alike_wait_in_their_order() -> None:
    waiting = Continuations()
    for call_id in ("c1", "c2", "c3"):
        waiting.note(KEY, call_id, 0)
    taken = [waiting.take(KEY, 0) for _ in range(4)]
    assert [each and each.call_id for each in taken] == ["c1", "c2", "c3", None]


def test_a_call_waits_for_its_lifetime_and_no_longer() -> None:
    waiting = Continuations(lifetime_ns=10 * SECOND)
    waiting.note(KEY, "c1", 0)
    assert waiting.take(KEY, 10 * SECOND) is None
    waiting.note(KEY, "c2", 0)
    found = waiting.take(KEY, 10 * SECOND - 1)
    assert found is not None
    assert found.call_id == "c2"


def test_the_first_round_stays_the_first_and_the_time_runs_anew() -> None:
    waiting = Continuations(lifetime_ns=10 * SECOND)
    waiting.note(KEY, "c1", 0)
    second = waiting.take(KEY, 9 * SECOND)
    waiting.note(KEY, "c2", 9 * SECOND, after=second)
    third = waiting.take(KEY, 18 * SECOND)
    assert third is not None
    assert (third.call_id, third.rounds) == ("c1", 2)


def test_after_its_rounds_a_call_is_charged_anew() -> None:
    waiting = Continuations(max_rounds=3)
    after: Continuation | None = None
    waiting.note(KEY, "c1", 0)
    for number in range(2, 5):
        after = waiting.take(KEY, 0)
        assert after is not None
        waiting.note(KEY, f"c{number}", 0, after=after)
    assert waiting.take(KEY, 0) is None


def test_a_round_that_was_not_sent_may_be_tried_again_but_waits_no_longer() -> None:
    waiting = Continuations(lifetime_ns=10 * SECOND)
    waiting.note(KEY, "c1", 0)
    taken = waiting.take(KEY, 5 * SECOND)
    assert taken is not None
    waiting.give_back(KEY, taken, 6 * SECOND)
    again = waiting.take(KEY, 7 * SECOND)
    assert again == taken
    assert again is not None
    waiting.give_back(KEY, again, 8 * SECOND)
    assert waiting.take(KEY, 10 * SECOND) is None
    assert len(waiting) == 0


def test_past_the_bound_the_oldest_is_forgotten() -> None:
    waiting = Continuations(capacity=2)
    keys = [replace(KEY, session=f"s{n}") for n in range(3)]
    for number, key in enumerate(keys):
        waiting.note(key, f"c{number}", 0)
    assert len(waiting) == 2
    assert [waiting.take(key, 0) is None for key in keys] == [True, False, False]


def test_states_are_kept_by_their_hashes_whatever_they_hold() -> None:
    assert state_hash(None) is None
    assert state_hash("\ud800") != state_hash("\ud801")
    assert len(state_hash("x" * 10**6) or "") == 64


STEPS = st.lists(
    st.tuples(st.sampled_from(["note", "take", "back"]), st.integers(0, 3), st.integers(0, 4)),
    max_size=60,
)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(STEPS)
def test_no_call_is_continued_oftener_than_it_was_asked_for(
    steps: list[tuple[str, int, int]],
) -> None:
    waiting = Continuations(capacity=5, lifetime_ns=10)
    now = asked = 0
    taken: list[tuple[RoundKey, Continuation]] = []
    expiry: dict[str, int] = {}
    for action, which, passed in steps:
        now += passed
        key = replace(KEY, session=str(which))
        if action == "note":
            expiry[f"c{asked}"] = now + 10
            waiting.note(key, f"c{asked}", now)
            asked += 1
        elif action == "take" and (found := waiting.take(key, now)) is not None:
            assert expiry[found.call_id] > now
            assert found.call_id not in {each.call_id for _, each in taken}
            taken.append((key, found))
        elif action == "back" and taken:
            waiting.give_back(*taken.pop(), now)
        assert len(waiting) <= 5
