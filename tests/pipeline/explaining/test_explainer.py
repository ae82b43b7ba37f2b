"""What an explanation says of conditions, of what is asked, and of what becomes of the call."""

import json
import re
from typing import Any

import pytest

from helio.pipeline.explaining import Explainer, Explanation, UnfitCall, stated_call
from helio.policy import compile_text

HEAD = "version: '1'\nupstream: { url: 'http://localhost:8080/mcp' }\n"


def explained(policies: str, **call: Any) -> Explanation:
    compiled = compile_text(f"{HEAD}policies: {policies}\n")
    assert compiled.policy is not None, list(compiled.diagnostics)
    return Explainer(compiled.policy).explain(stated_call(json.dumps(call).encode()))


def found(match: str, **call: Any) -> tuple[str, str]:
    """How the one condition of a rule came out, and what it found."""
    rules = f"{{ rules: [{{ match: {match}, action: deny }}] }}"
    (condition,) = explained(rules, **{"tool": "x", **call}).rules[0].conditions
    return condition.result, condition.found


PAID = "{ '$.amount': { gt: 10 } }"


@pytest.mark.parametrize(
    ("match", "call", "expected"),
    [
        (f"{{ input: {PAID} }}", {"arguments": {"amount": 10}}, ("false", "10")),
        (f"{{ input: {PAID} }}", {"arguments": {"amount": "11"}}, ("indeterminate", '"11"')),
        (f"{{ input: {PAID} }}", {}, ("false", "nothing")),
        (
            "{ input: { '$.items[*]': { gt: 10 } } }",
            {"arguments": {"items": [1, 2, 11]}},
            ("true", "3 values: 1, 2, 11"),
        ),
        ("{ agent: 'a*' }", {}, ("indeterminate", "no agent")),
        ("{ agent: 'a*' }", {"agent": "b"}, ("false", "b")),
        ("{ upstream: other }", {}, ("false", "default")),
        ("{ session: { labels: [x] } }", {}, ("indeterminate", "no session")),
        ("{ session: { labels: [x] } }", {"session": "s"}, ("false", "no labels")),
        ("{ session: { labels: [x] } }", {"session": {"labels": ["x", "y"]}}, ("true", "x, y")),
        ("{ session: { not_called: [a] } }", {"session": {"called": ["a"]}}, ("false", "a")),
        (
            "{ annotations: { readOnlyHint: true } }",
            {},
            ("false", "not stated, so MCP's default: false"),
        ),
        (
            "{ annotations: { destructiveHint: true } }",
            {"annotations": {"readOnlyHint": True}},
            ("false", "false, because readOnlyHint is true"),
        ),
    ],
)
def test_what_a_condition_found(
    match: str, call: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert found(match, **call) == expected


def test_digits_are_those_of_the_call() -> None:
    rules = f"{{ rules: [{{ match: {{ input: {PAID} }}, action: deny }}] }}"
    policy = compile_text(f"{HEAD}policies: {rules}\n").policy
    assert policy is not None
    text = b'{"tool":"x","arguments":{"amount":10.000000000000000000001}}'
    (condition,) = Explainer(policy).explain(stated_call(text)).rules[0].conditions
    assert (condition.result, condition.found) == ("true", "10.000000000000000000001")


class TestWhatIsAsked:
    EVIDENCE = "{ rules: [{ evidence: { requires: [{ tool: look, bind: { '$.id': '$.id' } }] } }] }"

    @pytest.mark.parametrize(
        ("session", "met", "reason"),
        [
            (None, False, "session_unresolved"),
            ("s", False, "evidence_missing"),
            ({"evidence": ["look"]}, False, "evidence_missing"),
            ({"evidence": [{"key": "look", "data": {"id": 2}}]}, False, "evidence_missing"),
            ({"evidence": [{"key": "look", "data": {"id": 1}}]}, True, None),
        ],
    )
    def test_evidence(self, session: Any, met: bool, reason: str | None) -> None:
        explanation = explained(self.EVIDENCE, tool="x", arguments={"id": 1}, session=session)
        (asked,) = explanation.asks
        assert (asked.kind, asked.met, explanation.reason) == ("evidence", met, reason)
        assert asked.text == "evidence `look`, about the same thing ($.id = its $.id)"

    def test_requires_asks_for_success(self) -> None:
        rules = "{ rules: [{ match: { tool: x }, requires: [look] }] }"
        called = explained(rules, tool="x", session={"called": ["look"]})
        assert (called.asks[0].met, called.reason) == (False, "dependency_missing")
        succeeded = explained(rules, tool="x", session={"evidence": ["look"]})
        assert (succeeded.asks[0].met, succeeded.outcome) == (True, "allow")

    def test_people(self) -> None:
        rules = "{ rules: [{ action: require_approval, approval: { timeout: 600s } }] }"
        explanation = explained(rules, tool="x")
        assert explanation.outcome == "require_approval"
        assert [each.text for each in explanation.asks] == ["a person's approval within 10m"]

    def test_people_about_what_no_rule_decides(self) -> None:
        policies = "{ flag_destructive: require_approval }"
        assert explained(policies, tool="x").outcome == "require_approval"
        read = explained(policies, tool="x", annotations={"readOnlyHint": True})
        assert (read.outcome, read.asks) == ("allow", ())

    def test_an_amount_that_is_none(self) -> None:
        spend = "max_spend: { field: '$.a', limit: 5, currency: EUR, window: 1h }"
        rules = f"{{ rules: [{{ action: spend_limit, limits: {{ {spend} }} }}] }}"
        explanation = explained(rules, tool="x", arguments={"a": "5"})
        assert (explanation.outcome, explanation.reason) == ("deny", "invalid_amount")
        assert 'the amount of a limit is at $.a, where the call has string "5"' in (
            explanation.notes
        )

    def test_shadow_and_dry_run_of_the_policy(self) -> None:
        denied = "default: deny"
        assert explained(f"{{ {denied}, shadow: true }}", tool="x").outcome == "allow"
        assert explained(f"{{ {denied}, dry_run: true }}", tool="x").outcome == "dry_run"


def test_places_are_those_of_each_rule() -> None:
    text = f"""{HEAD}policies:
  rules:
    - match:
        tool: x
        agent: a
      action: deny
    - match:
        tool: x
        agent: b
      action: deny
"""
    policy = compile_text(text).policy
    assert policy is not None
    explanation = Explainer(policy).explain(stated_call(b'{"tool":"x","agent":"c"}'))
    lines = [
        [each.span and each.span.line for each in rule.conditions] for rule in explanation.rules
    ]
    # `tool: x` of the second rule is the node of the first, so the rule stands for it.
    assert lines == [[6, 7], [9, 11]]


INSTALL = """{ default: deny, install: { rules: [
  { name: bad, match: { name: ['evil-*', worse] }, action: deny },
  { name: ours, match: { kind: package, source: 'npm:*' }, action: allow }] } }"""


def scanned(**members: str) -> Explanation:
    call = {"tool": "install:package", "arguments": members, "record_kind": "install_scan"}
    return explained(INSTALL, **call)


def test_a_scan_is_explained_by_the_rules_about_installations() -> None:
    blocked = scanned(name="evil-x")
    assert (blocked.rule, blocked.outcome) == ("bad", "deny")
    assert blocked.rules[0].conditions[0].text == "name: [evil-*, worse]"
    unsaid = scanned(name="x")
    assert [each.effect for each in unsaid.rules] == ["does not match", "passed over"]
    assert (unsaid.rule, unsaid.outcome) == (None, "deny")
    allowed = scanned(name="x", source="npm:x")
    assert (allowed.rule, allowed.outcome, allowed.notes) == ("ours", "allow", ())
    as_a_call = explained(INSTALL, tool="install:package", arguments={"name": "evil-x"})
    assert (as_a_call.rules, as_a_call.outcome) == ((), "deny")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"tool": "package"}, "the `tool` of a scan is `install:` and its kind"),
        ({"tool": "install:packge"}, "arguments: kind: is not one of mcp_server, package, "),
        ({"tool": "install:package"}, "arguments: name: is missing"),
        ({"tool": "install:package", "arguments": {"nam": "x"}}, "a scan has no `nam`"),
        (
            {"tool": "install:package", "arguments": {"kind": "skill", "name": "x"}},
            "the `tool` of a scan is `install:` and its kind",
        ),
        ({"tool": "x", "record_kind": "scan"}, "`record_kind` is `tool_call`, or `install_scan`"),
    ],
)
def test_what_is_no_scan_is_refused(call: dict[str, Any], message: str) -> None:
    with pytest.raises(UnfitCall, match=re.escape(message)):
        explained(INSTALL, **{"record_kind": "install_scan", **call})
