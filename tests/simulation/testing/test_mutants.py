"""A mutant lives when no case notices it, and only then."""

from pathlib import Path

from simulation.testing.suite import unnoticed

POLICY = """
policies:
  default: deny
  rules:
    - name: large
      match: { tool: pay, input: { amount: { gt: 10 } } }
      action: require_approval
    - name: pay
      match: { tool: pay }
      evidence: { requires: [lookup] }
      requires: [login]
      limits: { max_calls: 2, window: 1h, key: global }
    - name: other
      match: { tool: ['lookup', 'login'] }
      action: allow
      labels: [seen]
    - name: never
      match: { tool: 'delete_*' }
      action: deny
budgets:
  - { name: day, limit: 20, currency: EUR, window: 24h, key: global, on_exceed: deny,
      contributors: [{ match: { tool: pay }, field: amount }] }
"""
NOTHING = "cases: [{ name: one, steps: [{ call: { tool: x }, expect: { decision: deny } }] }]"
EVERYTHING = """
fixtures:
  steps:
    ready:
      - { call: { tool: login }, expect: { labels: [seen], rule: other } }
      - { call: { tool: lookup } }
cases:
  - name: large
    steps:
      - { call: { tool: pay, arguments: { amount: 11 } }, expect: { reason: approval_pending } }
      - { call: { tool: note, arguments: { amount: 11 } }, expect: { rule: null, decision: deny } }
  - name: lookup
    session: s1
    steps:
      - { call: { tool: login } }
      - { call: { tool: pay, arguments: { amount: 1 } }, expect: { reason: evidence_missing } }
  - name: login
    session: s1
    steps:
      - { call: { tool: lookup } }
      - { call: { tool: pay, arguments: { amount: 1 } }, expect: { reason: dependency_missing } }
  - name: limit
    session: s1
    steps:
      - use: ready
      - { call: { tool: pay, arguments: { amount: 1 } }, times: 2, expect: { decision: allow } }
      - { call: { tool: pay, arguments: { amount: 1 } }, expect: { decision: rate_limited } }
  - name: budget
    steps:
      - call: { tool: pay, arguments: { amount: 21 } }
        approval: approve
        expect: { decision: budget_exceeded }
  - name: never
    steps: [{ call: { tool: delete_it }, expect: { decision: deny, rule: never } }]
"""


def test_without_tests_nothing_is_noticed_but_the_default(tmp_path: Path) -> None:
    assert unnoticed(tmp_path, POLICY, NOTHING) == [
        "large: deleted",
        "large: condition `tool: pay` dropped",
        "large: condition `input $.amount: { gt: 10 }` dropped",
        "large: require_approval turned into allow",
        "pay: deleted",
        "pay: condition `tool: pay` dropped",
        "pay: max_calls 2 doubled",
        "pay: evidence dropped",
        "pay: requires dropped",
        "other: deleted",
        "other: labels dropped",
        "never: deleted",
        "never: condition `tool: delete_*` dropped",
        "never: deny turned into allow",
        "budget day: limit 20 doubled",
    ]


def test_thorough_tests_leave_nothing(tmp_path: Path) -> None:
    assert unnoticed(tmp_path, POLICY, EVERYTHING) == []


def test_a_denial_until_something_loses_what_lifts_it(tmp_path: Path) -> None:
    policy = """
    policies:
      rules:
        - name: until
          match: { tool: pay }
          action: deny
          evidence: { requires: [lookup] }
    """
    denied = "{ call: { tool: pay }, session: s1, expect: { decision: deny } }"
    case = f"cases: [{{ name: one, steps: [{denied}] }}]"
    assert unnoticed(tmp_path, policy, case) == [
        "until: condition `tool: pay` dropped",
        "until: evidence dropped",
    ]
