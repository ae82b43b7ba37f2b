"""Sessions: what calls leave in them, what is forgotten, what comes back from a snapshot."""

import json

import orjson
import pytest

from helio.governance.evidence import Completion, find_evidence
from helio.governance.session_journal import (
    PastFact,
    mark_data,
    outcome_facts,
    replay,
    visit_data,
)
from helio.governance.sessions import (
    MAX_CONTEXT,
    MAX_DOCUMENT,
    MAX_DOCUMENTS,
    MAX_PROOFS,
    MAX_TOOLS,
    Mark,
    Sessions,
    Visit,
)

SECOND = 10**9
NAMES = frozenset(("read", "lookup"))
BIND = (("$['id']", "$['id']"),)


def visit(tool: str = "read", call_id: str = "c1", session: str = "s1", **said: object) -> Visit:
    return Visit(session, call_id, tool, **said)  # type: ignore[arg-type]


def lookup(sessions: Sessions, document: bytes, now: int = 0, session: str = "s1") -> None:
    """A successful call with these arguments."""
    call = visit("lookup", f"c{now}", session)
    sessions.enter(call, now)
    sessions.leave(call, "succeeded", document, now)


def test_a_call_holds_from_the_moment_it_is_forwarded() -> None:
    sessions = Sessions()
    sessions.enter(visit(labels=("untrusted",)), 0)
    facts = sessions.facts("s1", NAMES, 1)
    assert (facts.labels, facts.called, facts.completed) == (("untrusted",), ("read",), {})


@pytest.mark.parametrize("result", ["failed", "succeeded"])
def test_labels_and_calls_stay_whatever_came_of_the_call(result: str) -> None:
    sessions = Sessions()
    call = visit(labels=("untrusted",))
    sessions.enter(call, 0)
    sessions.leave(call, result, None, 1)  # type: ignore[arg-type]
    facts = sessions.facts("s1", NAMES, 2)
    assert (facts.labels, facts.called) == (("untrusted",), ("read",))
    done = {"read": Completion(1, "c1")} if result == "succeeded" else {}
    assert facts.completed == done


def test_a_call_that_nobody_got_leaves_nothing_but_what_others_left() -> None:
    sessions = Sessions()
    first, second = visit(call_id="c1", labels=("a",)), visit(call_id="c2", labels=("a", "b"))
    sessions.enter(first, 0)
    sessions.enter(second, 0)
    sessions.leave(second, "withdrawn", None, 1)
    assert sessions.facts("s1", NAMES, 1).labels == ("a",)
    sessions.leave(first, "withdrawn", None, 1)
    facts = sessions.facts("s1", NAMES, 1)
    assert (facts.labels, facts.called) == ((), ())


def test_sessions_and_agents_are_kept_apart() -> None:
    sessions = Sessions()
    sessions.enter(visit(session="a s1"), 0)
    assert sessions.facts("s1", NAMES, 0).called == ()
    assert sessions.facts("b s1", NAMES, 0).called == ()
    assert sessions.facts("a s1", NAMES, 0).called == ("read",)
    sessions.enter(visit(session="s1"), 0)
    assert sessions.named("s1") == ["a s1", "s1"]


def test_asking_makes_no_session() -> None:
    sessions = Sessions()
    sessions.facts("s1", NAMES, 0)
    assert len(sessions) == 0


def test_a_session_is_over_when_nothing_happened_in_it_for_long_enough() -> None:
    sessions = Sessions(idle_ns=10 * SECOND)
    lookup(sessions, b"{}", 0)
    assert sessions.facts("s1", NAMES, 9 * SECOND).called == ("lookup",)
    assert sessions.facts("s1", NAMES, 18 * SECOND).called == ("lookup",)
    assert sessions.facts("s1", NAMES, 28 * SECOND).called == ()
    assert len(sessions) == 0


def test_a_sweep_forgets_what_is_over_and_no_call_under_way() -> None:
    sessions = Sessions(idle_ns=10 * SECOND)
    sessions.enter(visit(session="long"), 0)
    lookup(sessions, b"{}", 1 * SECOND, "over")
    lookup(sessions, b"{}", 5 * SECOND, "alive")
    assert sessions.sweep(11 * SECOND) == 1
    assert sessions.named("long") + sessions.named("alive") == ["long", "alive"]


def test_a_clock_that_steps_back_forgets_and_revives_nothing() -> None:
    sessions = Sessions(idle_ns=10 * SECOND)
    lookup(sessions, b'{"id":1}', 100 * SECOND)
    facts = sessions.facts("s1", NAMES, 0)
    assert facts.at == 100 * SECOND
    sessions.sweep(500 * SECOND)
    assert sessions.facts("s1", NAMES, 100 * SECOND).called == ()


def test_past_the_cap_the_longest_idle_goes_and_none_with_a_call_under_way() -> None:
    sessions = Sessions(most=2)
    sessions.enter(visit(session="busy"), 0)
    lookup(sessions, b"{}", 1, "idle")
    lookup(sessions, b"{}", 2, "new")
    assert sessions.named("idle") == []
    assert len(sessions) == 2
    assert sessions.facts("busy", NAMES, 3).called == ("read",)


def test_an_agent_with_many_sessions_forgets_its_own() -> None:
    sessions = Sessions(most=100, most_per_agent=3)
    lookup(sessions, b"{}", 0, "other s")
    for number in range(50):
        lookup(sessions, b"{}", 1 + number, f"many s{number}")
    assert len(sessions) == 4
    assert sessions.facts("other s", NAMES, 60).called == ("lookup",)


def test_what_each_session_holds_is_bounded() -> None:
    sessions = Sessions()
    for number in range(2 * MAX_TOOLS):
        call = visit(f"t{number}", f"c{number}")
        sessions.enter(call, 0)
        sessions.leave(call, "succeeded", None, 0)
    asked = visit("verify", "c", asked=True)
    sessions.enter(asked, 0)
    sessions.leave(asked, "succeeded", None, 0)
    view = sessions.view("s1", 0)
    assert view is not None
    assert len(view["called"]) == len(view["completed"]) == MAX_TOOLS + 1
    assert "verify" in sessions.facts("s1", ["verify"], 0).completed


def test_only_the_youngest_proofs_of_a_name_are_kept() -> None:
    sessions = Sessions()
    for number in range(MAX_PROOFS + 1):
        lookup(sessions, b'{"id":%d}' % number, number)
    lookup(sessions, b'{"id":2}', MAX_PROOFS + 1)
    facts = sessions.facts("s1", NAMES, MAX_PROOFS + 2)
    assert len(facts.proofs["lookup"]) == MAX_PROOFS
    assert find_evidence(facts, "lookup", BIND, b'{"id":0}').state == "missing"
    assert find_evidence(facts, "lookup", BIND, b'{"id":2}').by == f"c{MAX_PROOFS + 1}"


def test_documents_are_bounded_each_and_together() -> None:
    sessions = Sessions()
    lookup(sessions, b'{"id":"%b"}' % (b"x" * MAX_DOCUMENT))
    facts = sessions.facts("s1", NAMES, 0)
    assert (set(facts.completed), facts.proofs) == ({"lookup"}, {})
    for name in ("a", "b"):
        for number in range(30):
            data = b'{"id":%d,"x":"%b"}' % (number, b"x" * 4000)
            sessions.mark(Mark("s1", (name,), data, SECOND + number), 0)
    kept = sessions.facts("s1", ("a", "b"), 0).proofs
    held = sum(len(document) for each in kept.values() for document in each)
    assert MAX_DOCUMENTS - 5000 < held <= MAX_DOCUMENTS
    with pytest.raises(ValueError, match="4096"):
        sessions.mark(Mark("s1", ("a",), b"x" * (MAX_DOCUMENT + 1), SECOND), 0)


def test_a_mark_counts_for_its_time_under_each_name_and_can_be_taken_back() -> None:
    sessions = Sessions()
    mark = Mark("s1", ("read", "lookup"), b'{"id":7}', 5 * SECOND)
    sessions.mark(mark, 0)
    for now, state in ((0, "met"), (5 * SECOND - 1, "met"), (5 * SECOND, "expired")):
        facts = sessions.facts("s1", NAMES, now)
        for name in mark.names:
            assert find_evidence(facts, name, BIND, b'{"id":7}').state == state
    sessions.unmark(mark)
    facts = sessions.facts("s1", NAMES, 6 * SECOND)
    assert find_evidence(facts, "read", BIND, b'{"id":7}').state == "missing"


def test_a_shorter_mark_does_not_shorten_what_a_call_proved() -> None:
    sessions = Sessions()
    lookup(sessions, b'{"id":7}')
    sessions.mark(Mark("s1", ("lookup",), b'{"id":7}', SECOND), 0)
    facts = sessions.facts("s1", NAMES, 2 * SECOND)
    assert find_evidence(facts, "lookup", BIND, b'{"id":7}') == ("met", "c0")


def test_a_context_is_kept_and_bounded() -> None:
    sessions = Sessions()
    for number in range(MAX_CONTEXT):
        sessions.put_context("s1", f"k{number}", "1", 0)
    sessions.put_context("s1", "k0", '"again"', 0)
    with pytest.raises(ValueError, match="64"):
        sessions.put_context("s1", "more", "1", 0)
    with pytest.raises(ValueError, match="4096"):
        sessions.put_context("s1", "k0", "x" * (MAX_DOCUMENT + 1), 0)
    view = sessions.view("s1", 0)
    assert view is not None
    assert view["context"]["k0"] == '"again"'


def test_a_snapshot_brings_back_all_but_calls_under_way() -> None:
    sessions = Sessions()
    lookup(sessions, b'{"id":7}', 0)
    sessions.mark(Mark("s1", ("read",), b"null", 50 * SECOND), 0)
    sessions.put_context("s1", "k", "1", 0)
    labelled = visit(call_id="c2", labels=("untrusted",))
    sessions.enter(labelled, 0)
    sessions.leave(labelled, "failed", None, 0)
    before = sessions.view("s1", 10 * SECOND)
    sessions.enter(visit("other", "open", labels=("open",)), 10 * SECOND)
    text = orjson.dumps(sessions.snapshot(10 * SECOND))

    restored = Sessions()
    restored.restore(orjson.loads(text), 7_000 * SECOND)
    assert restored.view("s1", 7_000 * SECOND) == before
    facts = restored.facts("s1", NAMES, 7_039 * SECOND)
    assert find_evidence(facts, "read", (), b"{}").state == "met"
    facts = restored.facts("s1", NAMES, 7_040 * SECOND)
    assert find_evidence(facts, "read", (), b"{}").state == "expired"


def test_what_the_journal_holds_happens_again() -> None:
    sessions, again = Sessions(), Sessions()
    call = visit("lookup", "c1", labels=("l",), asked=True)
    mark = Mark("s1", ("read",), b'{"id":7}', 5 * SECOND)
    sessions.enter(call, 1)
    sessions.leave(call, "succeeded", b'{"id":7}', 2)
    sessions.mark(mark, 3)
    sessions.put_context("s1", "k", "1", 4)
    outcome = json.loads(json.dumps(outcome_facts(b'{"id":7}')))
    facts = json.loads(json.dumps(visit_data(call)))
    for fact in (
        PastFact("call", 2, {**facts, "call_id": "c1", "outcome": outcome}),
        PastFact("evidence", 3, json.loads(json.dumps(mark_data(mark)))),
        PastFact("context", 4, {"session": "s1", "name": "k", "value": "1"}),
    ):
        replay(again, fact)
    assert again.view("s1", 9) == sessions.view("s1", 9)
    assert orjson.dumps(again.snapshot(9)) == orjson.dumps(sessions.snapshot(9))
    with pytest.raises(ValueError, match="happens in no session"):
        replay(again, PastFact("other", 0, {}))


def test_a_restart_keeps_a_session_whose_call_took_longer_than_sessions_idle() -> None:
    sessions, again = Sessions(idle_ns=10 * SECOND), Sessions(idle_ns=10 * SECOND)
    read, long = visit("read", "c1", labels=("untrusted",)), visit("lookup", "c2")
    sessions.enter(read, 0)
    sessions.leave(read, "succeeded", None, 0)
    sessions.enter(long, 0)
    again.restore(orjson.loads(orjson.dumps(sessions.snapshot(20 * SECOND))), 0)
    begun = {**visit_data(long), "call_id": "c2"}
    replay(again, PastFact("begun", 0, begun))
    replay(again, PastFact("call", 30 * SECOND, {**begun, "outcome": None}))
    view = again.view("s1", 30 * SECOND)
    assert view is not None
    assert (view["labels"], view["called"]) == (["untrusted"], ["lookup", "read"])
    assert view["counters"] == {"forwarded": 2, "succeeded": 1, "under_way": 0}


def test_a_call_that_nobody_got_happens_again_as_nothing() -> None:
    sessions = Sessions()
    begun = {**visit_data(visit("lookup", "c1", labels=("l",))), "call_id": "c1"}
    replay(sessions, PastFact("begun", 0, begun))
    replay(sessions, PastFact("withdrawn", 1, begun))
    view = sessions.view("s1", 2)
    assert view is not None
    assert (view["labels"], view["called"], view["counters"]["under_way"]) == ([], [], 0)
