"""Cases are played as Helio would judge their calls, on one clock and one state."""

from pathlib import Path

import pytest

from helio.governance.lock import ToolLock, accepted
from simulation.testing.suite import failures, played, reasons, unnoticed

EVIDENCE = """
policies:
  rules:
    - name: refunds
      match: { tool: refund }
      evidence: { requires: [lookup] }
"""


def test_calls_and_marks_are_evidence_for_as_long_as_they_count(tmp_path: Path) -> None:
    cases = """
    cases:
      - name: one
        session: s1
        steps:
          - { call: { tool: refund }, expect: { decision: deny, reason: evidence_missing } }
          - { call: { tool: lookup }, outcome: error }
          - { call: { tool: refund }, expect: { reason: evidence_missing } }
          - { call: { tool: lookup }, expect: { decision: allow, reason: null, rule: null } }
          - { at: +299s, call: { tool: refund }, expect: { decision: allow, rule: refunds } }
          - { at: +1s, call: { tool: refund }, expect: { reason: evidence_expired } }
          - evidence: { session: s1, key: lookup, ttl: 1m }
          - { at: +59s, call: { tool: refund }, expect: { decision: allow } }
          - { at: +1s, call: { tool: refund }, expect: { reason: evidence_expired } }
          - { call: { tool: refund }, session: s2, expect: { reason: evidence_missing } }
    """
    assert failures(played(tmp_path, EVIDENCE, cases)) == []


def test_cases_share_nothing(tmp_path: Path) -> None:
    cases = """
    cases:
      - name: one
        session: s1
        steps: [{ call: { tool: lookup }, expect: { decision: allow } }]
      - name: two
        session: s1
        steps: [{ call: { tool: refund }, expect: { reason: evidence_missing } }]
    """
    assert failures(played(tmp_path, EVIDENCE, cases)) == []


LIMITED = """
policies:
  rules:
    - name: payments
      match: { tool: pay }
      limits: { max_calls: 2, window: 1m, key: agent }
budgets:
  - { name: day, limit: 10, currency: EUR, window: 24h, key: global, on_exceed: require_approval,
      contributors: [{ match: { tool: pay }, field: amount }] }
"""


def test_windows_budgets_and_agents_count(tmp_path: Path) -> None:
    cases = """
    x-pay: &pay { tool: pay, arguments: { amount: 2.5 } }
    cases:
      - name: one
        steps:
          - { call: *pay, agent: ann, times: 2, expect: { decision: allow } }
          - call: *pay
            agent: ann
            expect: { decision: rate_limited, current_calls: 2, max_calls: 2.0 }
          - { call: *pay, agent: bob, expect: { decision: allow } }
          - call: { tool: pay, arguments: { amount: 2.51 } }
            agent: bob
            expect: { reason: approval_pending, budgets: [{ name: day, spent: 7.5 }] }
          - { call: *pay, agent: bob, expect: { decision: allow } }
          - at: +24h
            call: { tool: pay, arguments: { amount: 10 } }
            agent: ann
            expect: { decision: allow }
    """
    assert failures(played(tmp_path, LIMITED, cases)) == []


ASKING = """
approval: { timeout: 60s, grant_ttl: 5m }
policies:
  rules:
    - { name: asked, match: { tool: pay }, action: require_approval }
"""


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("approve", "decision: allow, reason: null"),
        ("deny", "decision: require_approval, reason: approval_denied"),
        ("timeout", "decision: require_approval, reason: approval_timeout"),
    ],
)
def test_people_answer_a_call_while_it_waits_or_later(
    tmp_path: Path, answer: str, expected: str
) -> None:
    cases = f"""
    cases:
      - name: at once
        session: s1
        steps:
          - {{ call: {{ tool: pay }}, approval: {answer}, expect: {{ {expected} }} }}
          - {{ call: {{ tool: pay }}, expect: {{ reason: approval_pending }} }}
      - name: later
        session: s1
        steps:
          - {{ call: {{ tool: pay }}, expect: {{ reason: approval_pending }} }}
          - {{ at: +59s, approval: {answer} }}
          - {{ call: {{ tool: pay }}, expect: {{ {expected} }} }}
          - {{ call: {{ tool: pay }}, expect: {{ reason: approval_pending }} }}
    """
    assert failures(played(tmp_path, ASKING, cases)) == []


def test_tickets_and_grants_do_not_last_for_ever(tmp_path: Path) -> None:
    cases = """
    cases:
      - name: the ticket
        session: s1
        steps:
          - { call: { tool: pay }, expect: { reason: approval_pending } }
          - { at: +60s, call: { tool: pay }, expect: { reason: approval_timeout } }
      - name: the grant
        session: s1
        steps:
          - { call: { tool: pay } }
          - approval: approve
          - { at: +5m, call: { tool: pay }, expect: { reason: approval_pending } }
      - name: another call
        session: s1
        steps:
          - { call: { tool: pay } }
          - approval: approve
          - { call: { tool: pay, arguments: { a: 1 } }, expect: { reason: approval_pending } }
    """
    assert failures(played(tmp_path, ASKING, cases)) == []


def test_answers_that_nobody_asked_for_are_failures(tmp_path: Path) -> None:
    cases = """
    cases:
      - name: one
        steps:
          - approval: approve
          - { call: { tool: note }, approval: approve, expect: { decision: allow } }
    """
    assert failures(played(tmp_path, ASKING, cases)) == [
        (1, "approval", "approve", "no ticket waits"),
        (2, "approval", "a person is asked", "nobody was asked"),
    ]


def test_environment_annotations_upstream_and_labels(tmp_path: Path) -> None:
    policy = """
    environment: staging
    policies:
      unknown_tools: deny
      rules:
        - { name: live, match: { environment: production }, action: deny }
        - { name: gone, match: { annotations: { destructiveHint: true } }, action: deny }
        - { name: other, match: { upstream: mail }, action: deny }
        - { name: read, match: { tool: read }, action: allow, labels: [seen] }
    """
    cases = """
    cases:
      - name: in production
        environment: production
        steps: [{ call: { tool: read }, expect: { rule: live } }]
      - name: in staging
        session: s1
        steps:
          - { call: { tool: read }, expect: { rule: gone } }
          - call: { tool: read, annotations: { readOnlyHint: true } }
            expect: { rule: read, labels: [seen] }
          - call: { tool: read, upstream: mail, annotations: { readOnlyHint: true } }
            expect: { rule: other }
          - { call: { tool: read, listed: false }, expect: { reason: unknown_tool } }
    """
    outcome = played(tmp_path, policy, cases)
    assert failures(outcome) == []
    (gap,) = outcome.coverage.gaps()
    assert (gap.rule, gap.condition, gap.missing) == ("read", "tool: read", "false")


def test_annotations_come_from_the_lock_unless_the_case_says_them(tmp_path: Path) -> None:
    definition = b'{"name":"read","annotations":{"readOnlyHint":true}}'
    locked = accepted(definition)
    assert locked is not None
    lock = ToolLock({"default": {"read": locked}})
    (tmp_path / "helio.tools.lock").write_bytes(lock.encode())
    policy = """
    policies:
      rules:
        - { name: gone, match: { annotations: { destructiveHint: true } }, action: deny }
        - { name: read, match: { tool: read }, action: allow }
    """
    cases = """
    cases:
      - name: as in service
        steps:
          - { call: { tool: read }, expect: { rule: read } }
          - { call: { tool: read, annotations: {} }, expect: { rule: gone } }
          - { call: { tool: read, upstream: mail }, expect: { rule: gone } }
          - { call: { tool: write }, expect: { rule: gone } }
    """
    assert failures(played(tmp_path, policy, cases)) == []


def test_dry_runs_tell_what_would_be(tmp_path: Path) -> None:
    policy = "policies: { dry_run: true, rules: [{ match: { tool: pay }, action: deny }] }\n"
    cases = """
    cases:
      - name: one
        steps:
          - call: { tool: pay }
            expect: { decision: dry_run, would_forward: false, reason: policy_denied }
          - { call: { tool: read }, expect: { decision: dry_run, would_forward: true } }
    """
    assert failures(played(tmp_path, policy, cases)) == []


def test_a_failure_says_what_was_found_and_why(tmp_path: Path) -> None:
    policy = """
    policies:
      rules:
        - { name: large, match: { tool: pay, input: { $.amount: { gt: 10 } } }, action: deny }
        - { name: small, match: { tool: pay }, action: allow }
    """
    cases = """
    cases:
      - name: one
        steps:
          - call: { tool: pay, arguments: { amount: 10 } }
            expect: { decision: deny, rule: large }
          - call: { tool: pay, arguments: { amount: "11" } }
            expect: { decision: allow }
          - { call: { tool: read }, expect: { rule: larg } }
    """
    outcome = played(tmp_path, policy, cases)
    assert failures(outcome) == [
        (1, "decision", "deny", "allow"),
        (1, "rule", "large", "small"),
        (2, "decision", "allow", "deny"),
        (3, "rule", "larg", "nothing"),
    ]
    place = str(tmp_path / "helio.yaml")
    assert reasons(outcome.results[0]) == [
        f"rule `small` ({place}:7) decides (allow): tool: pay",
        f"rule `large` ({place}:6) does not match: input $.amount: {{ gt: 10 }} is false",
        f"rule `large` ({place}:6) decides (deny), because input $.amount gt 10 cannot be judged: "
        'found string "11"',
        "the agent is told: Rule `large` restricts this call, because input $.amount gt 10 could "
        'not be judged: found string "11".',
        "no rule decides, so the default does: allow",
        "no rule is called `larg`: did you mean `large`?",
    ]


def test_numbers_compare_with_all_their_digits(tmp_path: Path) -> None:
    digits = "0.12345678901234567890123"
    policy = f"""
    policies:
      rules: [{{ name: exact, match: {{ input: {{ a: {{ eq: {digits} }} }} }}, action: deny }}]
    """
    cases = f"""
    cases:
      - name: one
        steps:
          - {{ call: {{ tool: x, arguments: {{ a: {digits} }} }}, expect: {{ rule: exact }} }}
          - {{ call: {{ tool: x, arguments: {{ a: {digits}4 }} }}, expect: {{ rule: null }} }}
    """
    assert failures(played(tmp_path, policy, cases)) == []


INSTALLS = """
policies:
  rules: [{ name: payments, match: { tool: pay }, limits: { max_calls: 1, window: 1m } }]
  install:
    rules:
      - { name: bad, match: { name: 'evil*' }, action: deny }
      - { name: ours, match: { kind: package, source: 'npm:*' }, action: allow }
      - { name: seen, match: { kind: skill }, action: require_approval }
"""


def test_scans_are_steps(tmp_path: Path) -> None:
    cases = """
    cases:
      - name: one
        agent: builder
        steps:
          - { install: { kind: package, name: evil-x, source: 'npm:x' }, expect: { rule: bad } }
          - { install: { kind: package, name: x, source: 'npm:x' }, expect: { rule: ours } }
          - { install: { kind: package, name: x, source: x }, expect: { decision: deny } }
          - { install: { kind: package, name: x }, expect: { rule: null, reason: policy_denied } }
          - { install: { kind: skill, name: x }, expect: { reason: approval_pending } }
          - approval: approve
          - { install: { kind: skill, name: x }, expect: { decision: allow, rule: seen } }
          - install: { kind: skill, name: y }
            approval: deny
            expect: { reason: approval_denied }
          - { call: { tool: 'install:package' }, expect: { decision: allow, rule: null } }
    """
    outcome = played(tmp_path, INSTALLS, cases)
    assert failures(outcome) == []
    assert outcome.coverage.rules == (3, 4)
    assert [(each.rule, each.condition, each.missing) for each in outcome.coverage.gaps()] == [
        ("payments", None, None),
        ("payments", "tool: pay", "true"),
    ]


def test_why_a_scan_was_decided_otherwise(tmp_path: Path) -> None:
    cases = """
    cases:
      - name: one
        steps: [{ install: { kind: package, name: x, source: 'git:x' }, expect: { rule: ours } }]
    """
    (result,) = played(tmp_path, INSTALLS, cases).results
    told = " ".join(reasons(result))
    assert "no rule decides, so the default does: deny" in told
    assert "does not match: source: npm:* is false" in told


def test_mutants_of_rules_about_installations(tmp_path: Path) -> None:
    cases = """
    cases:
      - name: one
        steps:
          - { install: { kind: package, name: evil, source: 'npm:x' }, expect: { decision: deny } }
          - { install: { kind: package, name: x, source: 'npm:x' }, expect: { decision: allow } }
          - { install: { kind: plugin, name: x, source: 'npm:x' }, expect: { decision: deny } }
          - { call: { tool: pay }, times: 2 }
    """
    found = unnoticed(tmp_path, INSTALLS, cases)
    assert "ours: condition `source: npm:*` dropped" in found
    assert "ours: condition `kind: package` dropped" not in found
    assert "bad: deny turned into allow" not in found
    assert "policies.install.default: deny turned into allow" not in found
    assert "seen: require_approval turned into allow" in found
