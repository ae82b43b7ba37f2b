"""What a replay cannot judge: it says so, and does not guess."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from helio.audit.recorded import RecordedCall
from helio.evaluator import Redactor
from simulation.recording import Step, compiled, record, replayed
from simulation.test_replay import BUDGET, CAP, EVERYTHING, SEEN, SPEND, kinds, lookup, pay


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "audit"


def test_arguments_that_were_cut_are_not_guessed(directory: Path) -> None:
    calls = record(directory, EVERYTHING, [pay(60)], max_record=5)
    assert json.loads(calls[0].arguments or "")["size"] == 14
    (judged,) = replayed(calls, compiled(CAP))
    assert (judged.kind, judged.why, judged.new) == ("indeterminate", "arguments_unknown", None)


@pytest.mark.parametrize(
    ("policy", "budgets"),
    [
        (SPEND.format(1), "[]"),
        (
            "{ rules: [{ action: rate_limit, limits: { max_calls: 1, window: 1m, key: call } }] }",
            "[]",
        ),
        ("{ default: allow }", BUDGET.format(1)),
    ],
)
def test_nothing_that_counts_by_arguments_is_guessed(
    directory: Path, policy: str, budgets: str
) -> None:
    calls = record(directory, EVERYTHING, [pay(60)], max_record=5)
    (judged,) = replayed(calls, compiled(policy, budgets))
    assert (judged.kind, judged.why) == ("indeterminate", "arguments_unknown")


@pytest.mark.parametrize(
    "policy",
    [
        "{ default: deny }",
        "{ rules: [{ match: { tool: pay }, action: deny }, "
        "{ match: { input: { amount: { gt: 1 } } }, action: dry_run }] }",
        "{ default: deny, rules: [{ match: { tool: lookup, input: { id: 1 } }, action: allow }] }",
    ],
)
def test_cut_arguments_do_not_matter_where_no_rule_looks_at_them(
    directory: Path, policy: str
) -> None:
    calls = record(directory, EVERYTHING, [pay(60)], max_record=5)
    assert kinds(replayed(calls, compiled(policy))) == ["narrowed"]


def redacted(calls: list[RecordedCall], value: str) -> list[RecordedCall]:
    """With a value hidden as `audit.redact` does, and the hash keyed."""
    mark = '"[redacted:a4b24e63a2d13f66]"'
    assert all(value in (call.arguments or "") for call in calls)
    return [
        call._replace(arguments=(call.arguments or "").replace(value, mark), arguments_hash="0")
        for call in calls
    ]


@pytest.mark.parametrize(
    ("policy", "kind"),
    [
        (CAP, "narrowed"),
        (SPEND.format(50), "narrowed"),
        ("{ rules: [{ match: { input: { card: { starts_with: '4' } } }, action: deny }] }", None),
        ("{ rules: [{ match: { input: { '$..*': 7 } }, action: deny }] }", None),
        (
            "{ rules: [{ action: rate_limit, limits: { max_calls: 1, window: 1m, key: call } }] }",
            "unchanged",
        ),
    ],
)
def test_only_what_looks_at_hidden_values_cannot_be_judged(
    directory: Path, policy: str, kind: str | None
) -> None:
    calls = record(directory, EVERYTHING, [Step("pay", {"amount": 60, "card": "4111"})])
    (judged,) = replayed(redacted(calls, '"4111"'), compiled(policy))
    assert (judged.kind, judged.why) == (
        (kind, None) if kind else ("indeterminate", "arguments_unknown")
    )


def test_evidence_about_hidden_values_is_not_guessed(directory: Path) -> None:
    policy = compiled(
        "{ rules: [{ match: { tool: pay }, evidence: { requires: [{ tool: lookup,"
        " bind: { order: '$.id' } }] } }] }"
    )
    paying = Step("pay", {"order": 1})
    calls = record(directory, policy, [lookup(), paying])
    hidden = redacted(calls[:1], "1") + calls[1:]
    assert kinds(replayed(calls, policy)) == ["unchanged", "unchanged"]
    assert kinds(replayed(hidden, policy)) == ["unchanged", "indeterminate"]


def without_annotations(calls: list[RecordedCall]) -> list[RecordedCall]:
    """As versions recorded them that did not keep annotations."""
    return [call._replace(annotations=None) for call in calls]


@pytest.mark.parametrize(
    "policy",
    [
        "{ rules: [{ match: { annotations: { readOnlyHint: false } }, action: deny }] }",
        "{ unknown_tools: deny }",
    ],
)
def test_annotations_that_were_not_kept_are_not_guessed(directory: Path, policy: str) -> None:
    calls = without_annotations(record(directory, EVERYTHING, [pay()]))
    (judged,) = replayed(calls, compiled(policy))
    assert (judged.kind, judged.why) == ("indeterminate", "annotations_unknown")
    assert kinds(replayed(calls, compiled(CAP))) == ["unchanged"]


def test_what_rests_on_a_call_that_was_blocked_then_is_not_guessed(directory: Path) -> None:
    then = compiled("{ rules: [{ match: { tool: lookup }, action: deny }] }")
    calls = record(directory, then, [lookup(), pay(), pay(session="s2")])
    found = replayed(calls, compiled(SEEN))
    assert kinds(found) == ["widened", "indeterminate", "narrowed"]
    assert found[1].why == "outcome_unknown"


def test_a_later_success_makes_up_for_the_doubt(directory: Path) -> None:
    then = compiled("{ rules: [{ match: { tool: lookup, input: { id: 2 } }, action: deny }] }")
    denied = Step("lookup", {"id": 2})
    calls = record(directory, then, [denied, lookup(), pay()])
    assert kinds(replayed(calls, compiled(SEEN))) == ["widened", "unchanged", "unchanged"]


def test_a_call_that_could_not_be_judged_leaves_doubt(directory: Path) -> None:
    policy = compiled(
        "{ rules: [{ match: { tool: lookup, input: { id: { gt: 5 } } }, action: deny },"
        " { match: { tool: pay }, requires: [lookup] }] }"
    )
    big = Step("lookup", {"id": 1, "text": "x" * 100})
    calls = record(directory, EVERYTHING, [big, pay()], max_record=50)
    found = replayed(calls, policy)
    assert [(judged.kind, judged.why) for judged in found] == [
        ("indeterminate", "arguments_unknown"),
        ("indeterminate", "outcome_unknown"),
    ]


CHANNEL = "{ rules: [{ match: { tool: pay, metadata: { channel: C1 } }, action: deny }] }"
SENDERS = (
    "{ rules: [{ match: { tool: pay }, limits: { max_calls: 1, window: 1h, key: sender_id } }] }"
)


def said(channel: str, sender: str) -> Step:
    metadata = json.dumps({"channel": channel, "sender_id": sender}).encode()
    return replace(pay(1), metadata=metadata, sender=sender)


def test_what_adapters_say_beside_their_calls_is_judged(directory: Path) -> None:
    calls = record(directory, EVERYTHING, [said("C1", "U1"), said("C2", "U1"), said("C2", "U2")])
    assert kinds(replayed(calls, compiled(CHANNEL))) == ["narrowed", "unchanged", "unchanged"]
    assert kinds(replayed(calls, compiled(SENDERS))) == ["unchanged", "narrowed", "unchanged"]


@pytest.mark.parametrize(
    ("policy", "budgets"),
    [
        (CHANNEL, "[]"),
        (SENDERS, "[]"),
        ("{ default: allow }", BUDGET.format(1).replace("global", "sender_id")),
    ],
)
def test_what_is_hidden_of_it_is_not_guessed(directory: Path, policy: str, budgets: str) -> None:
    rules = b'[{"key": ["channel", "sender_id"], "action": "mask"}]'
    redactor = Redactor(rules, b"k", ())
    calls = record(directory, EVERYTHING, [said("C1", "U1")], redactor=redactor)
    (judged,) = replayed(calls, compiled(policy, budgets))
    assert (judged.kind, judged.why) == ("indeterminate", "metadata_unknown")
    elsewhere = "{ rules: [{ match: { tool: lookup, metadata: { channel: C1 } }, action: deny }] }"
    assert kinds(replayed(calls, compiled(elsewhere))) == ["unchanged"]
