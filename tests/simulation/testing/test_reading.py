"""Test files are read strictly: what is wrong is said where it stands."""

import pytest

from helio.simulation.testing.reading import read_tests


def findings(text: str) -> list[tuple[str, int, int, str, str | None]]:
    read = read_tests(text, "cases.yaml")
    assert read.cases == () or not read.diagnostics.has_errors
    return [
        (each.code, each.span.line, each.span.column, each.message, each.hint)
        for each in read.diagnostics
    ]


BLOCKED_FOR = (
    *("policy_denied", "evidence_missing", "evidence_expired", "dependency_missing"),
    *("session_unresolved", "rate_limited", "spend_limited", "invalid_amount", "budget_exceeded"),
    *("approval_denied", "approval_timeout", "approval_pending", "client_disconnected"),
    *("shutdown_cancelled", "tool_definition_drift", "unknown_tool", "audit_unavailable"),
    "state_unavailable",
)
STEP = "{ call: { tool: x }, expect: { decision: deny } }"


@pytest.mark.parametrize(
    ("text", "code", "place", "message", "hint"),
    [
        ("", "HL103", (1, 1), "expected a mapping with `cases`, found nothing", None),
        ("case: []", "HL102", (1, 1), "unknown key `case`", "did you mean `cases`?"),
        ("cases: 1", "HL103", (1, 8), "expected a list, found a number", None),
        (
            "cases: [{ name: a, steps: [{ call: { tol: x } }] }]",
            "HL102",
            (1, 38),
            "unknown key `tol`",
            "did you mean `tool`?",
        ),
        (
            "cases: [{ name: a, steps: [{ call: { tool: x }, expect: { decision: block } }] }]",
            "HL104",
            (1, 69),
            "expected one of `allow`, `deny`, `require_approval`, `rate_limited`, `spend_limited`, "
            "`budget_exceeded`, `dry_run`",
            None,
        ),
        (
            "cases: [{ name: a, steps: [{ call: { tool: x }, expect: { reason: rate_limitd } }] }]",
            "HL104",
            (1, 67),
            "expected one of " + ", ".join(f"`{each}`" for each in BLOCKED_FOR),
            "did you mean `rate_limited`?",
        ),
        (
            "cases: [{ name: a, steps: [{ call: { tool: x } }] }]",
            "HL101",
            (1, 9),
            "no step of this case expects anything, so it could not fail",
            "write `expect: { decision: … }` beside a `call`",
        ),
        (
            f"cases: [{{ name: a, steps: [{STEP}] }}, {{ name: a, steps: [{STEP}] }}]",
            "HL106",
            (1, 82),
            "two cases are called `a`",
            None,
        ),
        (
            f"cases: [{{ name: a, steps: [{STEP}, {{ at: 10s, approval: deny }}] }}]",
            "HL105",
            (1, 85),
            "expected the time since the step before",
            "write `+10s`",
        ),
        (
            f"cases: [{{ name: a, steps: [{STEP}, {{ use: redy }}] }}]\n"
            "fixtures: { steps: { ready: [] } }",
            "HL104",
            (1, 86),
            "no fixture is called `redy`",
            "did you mean `ready`?",
        ),
        (
            f"cases: [{{ name: a, steps: [{STEP}, {{ evidence: {{ key: k }} }}] }}]",
            "HL101",
            (1, 91),
            "`session` is missing",
            None,
        ),
        (
            "cases: [{ name: a, steps: [{ call: { tool: x, arguments: { a: 1, A: 2 } }, "
            "expect: { rule: r } }] }]",
            "HL105",
            (1, 36),
            "no door would let this call in: ",
            None,
        ),
    ],
)
def test_faults(
    text: str, code: str, place: tuple[int, int], message: str, hint: str | None
) -> None:
    found = {each[:3]: each[3:] for each in findings(text)}
    assert (code, *place) in found, found
    said, advice = found[code, *place]
    assert said.startswith(message)
    if hint is not None:
        assert advice == hint


def test_every_fault_is_told_at_once() -> None:
    text = """
cases:
  - name: a
    steps:
      - { call: { tool: x }, evidence: {} }
      - { at: +1s }
      - { approval: yes }
      - { approval: deny, outcome: error }
      - { call: y, expect: {} }
"""
    assert [(found[0], found[1]) for found in findings(text)] == [
        ("HL101", 3),
        ("HL106", 5),
        ("HL106", 6),
        ("HL104", 7),
        ("HL106", 8),
        ("HL104", 9),
        ("HL101", 9),
    ]


def test_fixtures_are_checked_even_if_nothing_uses_them() -> None:
    text = f"""
fixtures:
  calls: {{ one: {{ tools: x }} }}
  steps: {{ two: [{{ use: two }}] }}
cases: [{{ name: a, steps: [{STEP}] }}]
"""
    assert {(found[0], found[1]) for found in findings(text)} == {
        ("HL102", 3),
        ("HL101", 3),
        ("HL106", 4),
    }


def test_a_fixture_s_steps_come_after_the_time_of_their_use() -> None:
    text = """
x-call: &call { tool: x, arguments: { b: 1.50, a: [null] } }
fixtures:
  steps: { two: [{ at: +1s, call: *call }, { at: +2s, call: *call }] }
cases:
  - name: a
    agent: ann
    steps: [{ use: two, at: +1m }, { call: *call, agent: bob, expect: { rule: r } }]
"""
    (case,) = read_tests(text, "cases.yaml").cases
    assert [(step.after_ms, step.agent) for step in case.steps] == [
        (61_000, "ann"),
        (2000, "ann"),
        (0, "bob"),
    ]
    assert case.steps[0].call is not None
    assert case.steps[0].call.arguments == '{"a":[null],"b":1.50}'


@pytest.mark.parametrize("reason", [*BLOCKED_FOR, "null"])
def test_every_reason_that_agents_are_told_can_be_expected(reason: str) -> None:
    step = STEP.replace("decision: deny", f"reason: {reason}")
    assert findings(f"cases: [{{ name: a, steps: [{step}] }}]") == []


@pytest.mark.parametrize(
    ("call", "code", "hint"),
    [
        ("{ tool: pay, upstream: strip }", "HL450", "did you mean `stripe`?"),
        ("{ tool: stripe__pay }", "HL433", "write `upstream: stripe` and `tool: pay`"),
        ("{ tool: pay, upstream: stripe }", None, None),
        ("{ tool: pay, upstream: 'adapter:langchain' }", None, None),
        ("{ tool: other__pay }", None, None),
    ],
)
def test_a_call_that_no_upstream_gets_is_told(
    call: str, code: str | None, hint: str | None
) -> None:
    """It would pass as denied whatever the rules say of the tool that was meant."""
    text = f"cases: [{{ name: a, steps: [{{ call: {call}, expect: {{ decision: deny }} }}] }}]"
    read = read_tests(text, "cases.yaml", ("stripe", "github"))
    assert len(read.cases) == 1
    assert [(each.code, each.hint) for each in read.diagnostics] == [(code, hint)] * (
        code is not None
    )
