"""What counts as evidence: names, times, and what it was about."""

import pytest

from helio.governance.evidence import (
    CALL_TTL_NS,
    Completion,
    Proof,
    SessionFacts,
    find_call,
    find_evidence,
)

NOW = 1_000_000_000_000
ORDER = (("$['order_id']", "$['id']"),)
BOTH = (*ORDER, ("$['shop']", "$['where']['shop']"))


def facts(*documents: bytes, until: int = NOW + 1) -> SessionFacts:
    """A session that looked these up."""
    proofs = {document: Proof(until, f"c{n}") for n, document in enumerate(documents)}
    return SessionFacts(NOW, proofs={"lookup": proofs})


def test_a_successful_call_is_evidence_for_300_seconds() -> None:
    def at(instant: int) -> tuple[str, str | None]:
        done = {"lookup": Completion(NOW, "c1")}
        return find_evidence(SessionFacts(instant, completed=done), "lookup", (), b"{}")

    assert at(NOW) == ("met", "c1")
    assert at(NOW + 300 * 10**9 - 1) == ("met", "c1")
    assert at(NOW + 300 * 10**9) == ("expired", "c1")
    assert CALL_TTL_NS == 300 * 10**9


def test_what_never_was_is_missing() -> None:
    assert find_evidence(SessionFacts(NOW), "lookup", (), b"{}").state == "missing"
    assert find_evidence(facts(b"{}"), "other", (), b"{}").state == "missing"


def test_a_mark_counts_beside_calls_and_the_longest_wins() -> None:
    both = SessionFacts(
        NOW,
        completed={"lookup": Completion(NOW - CALL_TTL_NS, "c1")},
        proofs={"lookup": {b"{}": Proof(NOW + 5, "mark")}},
    )
    assert find_evidence(both, "lookup", (), b"{}") == ("met", "mark")


@pytest.mark.parametrize(
    ("sent", "looked_up", "state"),
    [
        (b'{"order_id":7}', b'{"id":7}', "met"),
        (b'{"order_id":7}', b'{"id":8}', "missing"),
        (b'{"order_id":7}', b'{"id":"7"}', "missing"),
        (b'{"order_id":1}', b'{"id":true}', "missing"),
        (b'{"order_id":null}', b'{"id":null}', "met"),
        (b'{"order_id":null}', b"{}", "missing"),
        (b"{}", b'{"id":null}', "missing"),
        (b"{}", b"{}", "missing"),
        (b'{"order_id":{"a":1,"b":2}}', b'{"id":{"a":1,"b":2}}', "met"),
        (b'{"order_id":[1,2]}', b'{"id":[2,1]}', "missing"),
    ],
)
def test_bind_compares_single_values_with_their_types(
    sent: bytes, looked_up: bytes, state: str
) -> None:
    assert find_evidence(facts(looked_up), "lookup", ORDER, sent).state == state


def test_all_pairs_hold_against_one_and_the_same_call() -> None:
    sent = b'{"order_id":7,"shop":"a"}'
    apart = facts(b'{"id":7,"where":{"shop":"b"}}', b'{"id":8,"where":{"shop":"a"}}')
    assert find_evidence(apart, "lookup", BOTH, sent).state == "missing"
    together = facts(b'{"id":7,"where":{"shop":"a"}}')
    assert find_evidence(together, "lookup", BOTH, sent).state == "met"


def test_a_path_that_selects_several_values_equals_nothing() -> None:
    several = (("$['ids'][*]", "$['id']"),)
    assert find_evidence(facts(b'{"id":7}'), "lookup", several, b'{"ids":[7]}').state == "met"
    assert find_evidence(facts(b'{"id":7}'), "lookup", several, b'{"ids":[7,7]}').state == "missing"


def test_bound_evidence_that_ran_out_is_expired_and_other_evidence_is_not_it() -> None:
    old = facts(b'{"id":7}', until=NOW)
    assert find_evidence(old, "lookup", ORDER, b'{"order_id":7}').state == "expired"
    assert find_evidence(old, "lookup", ORDER, b'{"order_id":8}').state == "missing"


def test_required_calls_have_no_time_and_want_success_unless_told_otherwise() -> None:
    called = SessionFacts(NOW, called=("verify",))
    assert find_call(called, "verify", success=True).state == "missing"
    assert find_call(called, "verify", success=False) == ("met", None)
    done = SessionFacts(NOW, completed={"verify": Completion(-(10**18), "c1")})
    assert find_call(done, "verify", success=True) == ("met", "c1")
    assert find_call(SessionFacts(NOW), "verify", success=False).state == "missing"
