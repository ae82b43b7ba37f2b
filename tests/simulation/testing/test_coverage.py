"""Coverage counts rules that decided and both sides of conditions, where the search came."""

from pathlib import Path

from simulation.testing.suite import played

POLICY = """
policies:
  rules:
    - name: large
      match: { tool: pay, input: { amount: { gt: 10 } } }
      action: deny
    - name: watched
      match: { tool: 'pay' }
      action: deny
      shadow: true
    - name: mail
      match: { session: { called: [read] } }
      action: deny
"""


def gaps(directory: Path, *calls: str) -> tuple[float, list[object]]:
    steps = "".join(f"\n      - {{ call: {call}, expect: {{}} }}" for call in calls)
    text = f"cases:\n  - name: one\n    session: s1\n    steps:{steps}\n"
    outcome = played(directory, POLICY, text.replace("expect: {}", "expect: { rule_index: 9 }"))
    return outcome.coverage.percent, [
        (each["rule"], each.get("condition"), each.get("never"))
        for each in (gap.as_object() for gap in outcome.coverage.gaps())
    ]


def test_what_decided_hides_what_comes_after_it(tmp_path: Path) -> None:
    percent, found = gaps(tmp_path, "{ tool: pay, arguments: { amount: 11 } }")
    assert found == [
        ("large", "input $.amount: { gt: 10 }", "false"),
        ("large", "tool: pay", "false"),
        ("watched", None, None),
        ("watched", "tool: pay", "false"),
        ("watched", "tool: pay", "true"),
        ("mail", None, None),
        ("mail", "session called: [read]", "false"),
        ("mail", "session called: [read]", "true"),
    ]
    assert percent == 27.2


def test_everything_can_be_covered(tmp_path: Path) -> None:
    calls = ["{ tool: pay, arguments: { amount: 11 } }", "{ tool: pay, arguments: { amount: 10 } }"]
    assert gaps(tmp_path, *calls, "{ tool: read }", "{ tool: note }") == (100.0, [])


def test_what_cannot_be_judged_covers_neither_side(tmp_path: Path) -> None:
    _, found = gaps(tmp_path, '{ tool: pay, arguments: { amount: "11" } }')
    assert ("large", None, None) not in found
    assert ("large", "input $.amount: { gt: 10 }", "true") in found
    assert ("large", "input $.amount: { gt: 10 }", "false") in found


def test_a_policy_without_rules_is_covered(tmp_path: Path) -> None:
    text = "cases: [{ name: one, steps: [{ call: { tool: x }, expect: { rule: null } }] }]"
    assert played(tmp_path, "policies: { default: deny }\n", text).coverage.percent == 100.0
