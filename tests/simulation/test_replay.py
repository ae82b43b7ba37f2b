"""Each kind of change that a replay can find, and what it leaves to Helio's own guards."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from helio.simulation.replay import Candidate, Replay
from pipeline.playbook import START
from simulation.recording import SECOND, TOOLS, Step, compiled, record, replayed

FIRST = datetime.fromtimestamp(START.wall / SECOND, UTC)
EVERYTHING = compiled("{ default: allow }")
CAP = (
    "{ rules: [{ name: cap, match: { tool: pay, input: { amount: { gt: 50 } } }, action: deny }] }"
)
SEEN = "{ rules: [{ name: seen, match: { tool: pay }, evidence: { requires: [lookup] } }] }"
RATE = (
    "{{ rules: [{{ name: rate, match: {{ tool: pay }}, action: rate_limit, "
    "limits: {{ max_calls: {}, window: {} }} }}] }}"
)
SPEND = (
    "{{ rules: [{{ name: spend, match: {{ tool: pay }}, action: spend_limit, limits: {{ max_spend:"
    " {{ field: amount, limit: {}, currency: GBP, window: 1h }} }} }}] }}"
)
BUDGET = (
    "[{{ name: money, limit: {}, currency: EUR, window: 1h, key: global, on_exceed: deny,"
    " contributors: [{{ match: {{ tool: pay }}, field: amount }}] }}]"
)


def pay(amount: object = 10, **more: Any) -> Step:
    return Step("pay", {"amount": amount}, **more)


def lookup(**more: Any) -> Step:
    return Step("lookup", {"id": 1}, **more)


def kinds(found: Any) -> list[str]:
    return [judged.kind for judged in found]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "audit"


def test_a_call_that_is_denied_now_is_narrowed(directory: Path) -> None:
    calls = record(directory, EVERYTHING, [pay(10), pay(60)])
    first, second = replayed(calls, compiled(CAP))
    assert (first.kind, second.kind) == ("unchanged", "narrowed")
    assert second.old == ("allow", None, None)
    assert second.new == ("deny", "policy_denied", "cap")


def test_a_call_that_is_let_through_now_is_widened(directory: Path) -> None:
    calls = record(directory, compiled(CAP), [pay(10), pay(60)])
    assert kinds(replayed(calls, EVERYTHING)) == ["unchanged", "widened"]


def test_a_call_that_is_blocked_for_another_reason_is_changed(directory: Path) -> None:
    calls = record(directory, compiled(CAP), [pay(60)])
    (judged,) = replayed(calls, compiled(SEEN))
    assert judged.kind == "changed"
    assert judged.new == ("deny", "evidence_missing", "seen")


def test_another_rule_with_the_same_decision_changes_nothing(directory: Path) -> None:
    calls = record(directory, EVERYTHING, [pay()])
    (judged,) = replayed(calls, compiled(RATE.format(5, "1h")))
    assert judged.kind == "unchanged"
    assert (judged.old.rule, judged.new and judged.new.rule) == (None, "rate")


def test_limits_are_counted_by_the_replay(directory: Path) -> None:
    calls = record(directory, compiled(RATE.format(2, "10s")), [pay(after=1) for _ in range(5)])
    assert [call.decision for call in calls] == ["allow", "allow", *["rate_limited"] * 3]
    assert kinds(replayed(calls, compiled(RATE.format(3, "10s")))) == [
        *["unchanged"] * 2,
        "widened",
        *["unchanged"] * 2,
    ]
    assert kinds(replayed(calls, compiled(RATE.format(1, "10s"))))[:2] == ["unchanged", "narrowed"]


def test_a_call_that_is_stopped_takes_nothing_from_what_follows(directory: Path) -> None:
    calls = record(directory, EVERYTHING, [pay(40), pay(70), pay(20), pay(50)])
    found = replayed(calls, compiled(SPEND.format(100)))
    assert kinds(found) == ["unchanged", "narrowed", "unchanged", "narrowed"]


def test_budgets_gate_in_a_replay_too(directory: Path) -> None:
    calls = record(directory, EVERYTHING, [pay(40), pay(70), pay(60)])
    found = replayed(calls, compiled("{ default: allow }", BUDGET.format(100)))
    assert [judged.new and judged.new.reason for judged in found] == [None, "budget_exceeded", None]


def test_recorded_successes_are_evidence(directory: Path) -> None:
    calls = record(
        directory,
        EVERYTHING,
        [pay(), lookup(result="error"), pay(), lookup(), pay(), pay(session="s2"), pay(after=301)],
    )
    found = replayed(calls, compiled(SEEN))
    assert [judged.new and judged.new.reason for judged in found if judged.call.tool == "pay"] == [
        "evidence_missing",
        "evidence_missing",
        None,
        "evidence_missing",
        "evidence_expired",
    ]


def test_recorded_marks_are_evidence(directory: Path) -> None:
    mark = Step("lookup", marks=b'{"id":1}')
    calls = record(directory, compiled(SEEN), [pay(), mark, pay()])
    assert kinds(replayed(calls, compiled(SEEN))) == ["unchanged", "unchanged"]
    bound = "{ rules: [{ match: { tool: pay }, evidence: { requires: [{ tool: lookup,"
    about = "bind: { amount: '$.id' } }] } }] }"
    told = [judged.new and judged.new.reason for judged in replayed(calls, compiled(bound + about))]
    assert told == ["evidence_missing", "evidence_missing"]


def test_labels_follow_from_the_calls_that_go_through(directory: Path) -> None:
    policy = compiled(
        "{ rules: [{ name: reads, match: { tool: lookup }, action: allow, labels: [seen] },"
        " { name: tainted, match: { tool: pay, session: { labels: [seen] } }, action: deny }] }"
    )
    calls = record(directory, EVERYTHING, [pay(), lookup(), pay()])
    assert kinds(replayed(calls, policy)) == ["unchanged", "unchanged", "narrowed"]


def test_annotations_are_those_that_the_tool_had_then(directory: Path) -> None:
    writes = "{ rules: [{ match: { annotations: { readOnlyHint: false } }, action: deny }] }"
    calls = record(directory, EVERYTHING, [pay(), lookup()])
    assert kinds(replayed(calls, compiled(writes))) == ["narrowed", "unchanged"]


def test_calls_of_tools_that_nobody_listed_can_be_denied(directory: Path) -> None:
    calls = record(directory, EVERYTHING, [Step("other"), lookup()])
    first, second = replayed(calls, compiled("{ unknown_tools: deny }"))
    assert (first.kind, first.new and first.new.reason) == ("narrowed", "unknown_tool")
    assert second.kind == "unchanged"


def test_the_environment_is_that_of_the_call(directory: Path) -> None:
    rule = "{ rules: [{ match: { environment: production }, action: deny }] }"
    calls = record(directory, EVERYTHING, [pay()], environment="production")
    calls += record(directory / "test", EVERYTHING, [pay()], environment="test")

    def in_environment(label: str | None) -> Any:
        return compiled(rule, environment=label)

    replay = Replay(Candidate(in_environment))
    assert [judged.kind for call in calls if (judged := replay.take(call))] == [
        "narrowed",
        "unchanged",
    ]


def test_dry_runs_are_changes_as_well(directory: Path) -> None:
    calls = record(directory, EVERYTHING, [pay()])
    (judged,) = replayed(calls, compiled("{ dry_run: true }"))
    assert (judged.kind, judged.new) == ("narrowed", ("dry_run", None, None))
    calls = record(directory / "dry", compiled("{ dry_run: true }"), [pay()])
    assert kinds(replayed(calls, EVERYTHING)) == ["widened"]


# before the period


def test_what_came_before_counts_as_it_went(directory: Path) -> None:
    calls = record(directory, EVERYTHING, [pay(after=1) for _ in range(6)])
    since = FIRST + timedelta(seconds=4)
    found = replayed(calls, compiled(RATE.format(2, "3s")), since)
    # Three went through in the three seconds before, more than the policy has room for.
    assert [judged.call.id for judged in found] == ["c4", "c5", "c6"]
    assert kinds(found) == ["narrowed", "unchanged", "unchanged"]


def test_sessions_are_known_from_before(directory: Path) -> None:
    calls = record(directory, EVERYTHING, [lookup(after=0), pay(after=10)])
    since = FIRST + timedelta(seconds=5)
    assert kinds(replayed(calls, compiled(SEEN), since)) == ["unchanged"]


def test_pots_are_filled_from_before(directory: Path) -> None:
    pot = (
        "[{ name: pot, limit: 2, currency: CALLS, window: session, idle_ttl: 1m, on_exceed: deny,"
        " contributors: [{ match: { tool: pay }, amount: 1 }] }]"
    )
    calls = record(directory, EVERYTHING, [pay(after=5) for _ in range(4)])
    since = FIRST + timedelta(seconds=14)
    found = replayed(calls, compiled("{ default: allow }", pot), since)
    assert kinds(found) == ["narrowed", "narrowed"]


# Helio's own guards


def test_drift_is_no_matter_of_the_policy(directory: Path) -> None:
    changed = [tool | {"description": "changed"} for tool in TOOLS]
    calls = record(directory, EVERYTHING, [pay(60)], tools=changed)
    (judged,) = replayed(calls, compiled(CAP))
    assert (judged.kind, judged.why) == ("guarded", "tool_definition_drift")
    (judged,) = replayed(calls, compiled("{ on_tool_drift: log }"))
    assert (judged.kind, judged.new) == ("widened", ("allow", None, None))


def test_what_was_refused_or_overtaken_is_reported_as_such(directory: Path) -> None:
    (call,) = record(directory, EVERYTHING, [pay()])
    refused = call._replace(decision="rejected", reason="duplicate_key", tool=None, arguments=None)
    overtaken = call._replace(
        decision="deny", reason="tool_definition_drift", outcome="not_forwarded"
    )
    unavailable = call._replace(decision="deny", reason="state_unavailable", outcome=None)
    found = replayed([refused, overtaken, unavailable], EVERYTHING)
    assert [(judged.kind, judged.why) for judged in found] == [
        ("guarded", "duplicate_key"),
        ("guarded", "tool_definition_drift"),
        ("guarded", "state_unavailable"),
    ]


# money


def worth(judged: Any) -> dict[str, str]:
    return {currency: str(amount) for currency, amount in judged.money.items()}


def test_money_is_told_by_limits_whatever_rule_decides(directory: Path) -> None:
    calls = record(directory, EVERYTHING, [pay(60.5)])
    cap = CAP.removesuffix("] }")
    both = f"{cap}, {SPEND.format(1000).removeprefix('{ rules: [')}"
    (judged,) = replayed(calls, compiled(both))
    assert judged.new == ("deny", "policy_denied", "cap")
    assert worth(judged) == {"GBP": "60.5"}


def test_money_is_told_by_budgets_of_then(directory: Path) -> None:
    calls = record(directory, compiled("{ default: allow }", BUDGET.format(1000)), [pay(60)])
    (judged,) = replayed(calls, compiled(CAP))
    assert worth(judged) == {"EUR": "60"}


def test_one_amount_that_several_count_is_told_once(directory: Path) -> None:
    budget = BUDGET.format(30).replace("EUR", "GBP")
    calls = record(directory, EVERYTHING, [pay(60)])
    (judged,) = replayed(calls, compiled(SPEND.format(50), budget))
    assert worth(judged) == {"GBP": "60"}


# people

ASK = "{ rules: [{ name: ask, match: { tool: pay }, action: require_approval }] }"


def test_a_call_that_nobody_was_asked_about_would_ask(directory: Path) -> None:
    calls = record(directory, EVERYTHING, [pay()])
    (judged,) = replayed(calls, compiled(ASK))
    assert judged.kind == "narrowed"
    assert judged.new == ("require_approval", "approval_pending", "ask")


@pytest.mark.parametrize(
    ("status", "decision", "new"),
    [
        ("approved", "allow", ("allow", None, "ask")),
        ("break_glass", "allow", ("allow", None, "ask")),
        ("denied", "require_approval", ("require_approval", "approval_denied", "ask")),
        ("timeout", "require_approval", ("require_approval", "approval_timeout", "ask")),
    ],
)
def test_people_say_the_same_again(
    directory: Path, status: str, decision: str, new: tuple[str, str | None, str]
) -> None:
    (call,) = record(directory, EVERYTHING, [pay()])
    asked = call._replace(approval_status=status, decision=decision)
    (judged,) = replayed([asked], compiled(ASK))
    assert judged.new == new


def test_a_call_that_waited_and_would_not_have_to_is_widened(directory: Path) -> None:
    (call,) = record(directory, EVERYTHING, [pay()])
    waited = call._replace(
        approval_status="pending",
        decision="require_approval",
        reason="approval_pending",
        outcome=None,
    )
    assert kinds(replayed([waited], EVERYTHING)) == ["widened"]
    assert kinds(replayed([waited], compiled(ASK))) == ["unchanged"]
