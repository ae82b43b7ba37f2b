"""Sessions that were kept under another redaction."""

import json
from typing import Any

import orjson

from helio.evaluator import Redactor
from helio.governance.evidence import find_evidence
from helio.governance.sealing import Resealing, seal_of, shown_value
from helio.governance.session_journal import PastFact, replay
from helio.governance.sessions import Mark, Sessions, Visit

RULES = json.dumps([{"key": ["pin"], "action": "mask"}]).encode()
PLAIN = Redactor(b"[]", b"a", ())
SEALED = Redactor(RULES, b"a", ())
OTHER = Redactor(RULES, b"b", ())
ARGUMENTS = b'{"id":"o-1","pin":7}'
BIND = (("$['id']", "$['id']"),)


def snapshot(redactor: Redactor) -> list[Any]:
    sessions = Sessions()
    visit = Visit("s", "c1", "lookup", asked=True)
    sessions.enter(visit, 1)
    sessions.leave(visit, "succeeded", redactor.sealed(ARGUMENTS), 1)
    sessions.put_context("s", "pin", '"secret"' if redactor is PLAIN else '"x"', 1)
    found: list[Any] = orjson.loads(orjson.dumps(sessions.snapshot(1)))
    return found


def is_met(before: Redactor, now: Redactor) -> bool:
    sessions = Sessions()
    sessions.restore(Resealing(now, seal_of(before)).sessions(snapshot(before)), 1)
    facts = sessions.facts("s", ["lookup"], 2)
    return find_evidence(facts, "lookup", BIND, now.sealed(ARGUMENTS)).state == "met"


def test_evidence_outlives_a_change_where_it_can_be_compared() -> None:
    assert is_met(PLAIN, PLAIN)
    assert is_met(SEALED, SEALED)
    assert is_met(PLAIN, SEALED)
    assert not is_met(SEALED, OTHER)
    assert not is_met(SEALED, PLAIN)


def test_nothing_plain_is_kept_once_rules_redact() -> None:
    kept = json.dumps(Resealing(SEALED, None).sessions(snapshot(PLAIN)))
    assert "o-1" not in kept
    assert "secret" not in kept


def test_facts_behind_the_checkpoint_are_brought_along() -> None:
    resealing = Resealing(SEALED, None)
    sessions = Sessions()
    facts = {"session": "s", "tool": "lookup", "call_id": "c1", "asked": True}
    outcome = {"arguments": ARGUMENTS.decode()}
    call = resealing.fact(PastFact("call", 1, {**facts, "outcome": outcome}))
    mark = {"session": "s", "names": ["seen"], "data": ARGUMENTS.decode(), "ttl_ns": 1000}
    seen = resealing.fact(PastFact("evidence", 2, mark))
    for fact in (call, seen):
        assert fact is not None
        replay(sessions, fact)
    known = sessions.facts("s", ["lookup", "seen"], 3)
    for name in ("lookup", "seen"):
        assert find_evidence(known, name, BIND, SEALED.sealed(ARGUMENTS)).state == "met"
    assert Resealing(OTHER, seal_of(SEALED)).fact(PastFact("evidence", 2, mark)) is None
    failed = PastFact("call", 1, {**facts, "outcome": None})
    assert resealing.fact(failed) == failed


def test_a_value_is_shown_by_the_rules_for_its_name() -> None:
    assert shown_value(SEALED, "color", '"red"') == '"red"'
    assert shown_value(SEALED, "pin", '"1234"').startswith('"[redacted:')
    assert shown_value(SEALED, "color", "{") == "null"


def test_a_mark_about_what_is_hidden_can_be_taken_back() -> None:
    sessions = Sessions()
    mark = Mark("s", ("seen",), SEALED.sealed(ARGUMENTS), 1000)
    sessions.mark(mark, 1)
    sessions.unmark(mark)
    facts = sessions.facts("s", ["seen"], 2)
    assert find_evidence(facts, "seen", (), ARGUMENTS).state == "missing"
