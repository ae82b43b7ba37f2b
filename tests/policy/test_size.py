"""Policies of many rules: what they cost, and where they end."""

import time

import pytest

from helio.policy import compile_text
from policy.tools import known, tool

HEAD = "version: '1'\nupstream: { url: 'http://localhost/mcp' }\n"
RULE = """\
    - name: rule-{index}
      match:
        tool: ['tool_{index}', 'group_{group}_*']
        input: {{ '$.amount': {{ gt: {index} }}, '$.currency': {{ in: [GBP, EUR] }} }}
      action: rate_limit
      limits: {{ max_calls: 10, window: 1h, key: [tool, session] }}
      feedback: {{ message: 'Too many calls', suggestion: 'Try again later' }}
"""
TWO_INTERVALS = """\
    - match:
        tool: pay
        input: {{ amount: {{ gt: {index}, lt: {high} }}, fee: {{ gte: {index}, lte: {high} }} }}
      action: deny
"""
KNOWN = """\
    - match: {{ tool: tool_{group}, input: {{ amount: {{ gt: {index}, lt: {high} }} }} }}
      action: deny
"""
KINDS = {"many parts": RULE, "two intervals": TWO_INTERVALS, "with a lock": KNOWN}
LOCK = known({"default": [tool(f"tool_{n}", {"amount": {"type": "number"}}) for n in range(100)]})


MOST_SECONDS = 20


def policy_of(rules: int, rule: str = RULE) -> str:
    texts = (rule.format(index=index, group=index % 100, high=index + 50) for index in range(rules))
    return HEAD + "policies:\n  rules:\n" + "".join(texts)


def seconds_for(kind: str, rules: int) -> float:
    text = policy_of(rules, KINDS[kind])
    began = time.process_time()
    compiled = compile_text(text, tools=LOCK if kind == "with a lock" else None)
    took = time.process_time() - began
    assert compiled.policy is not None
    assert len(compiled.policy.rules) == rules
    # Of each rule it was found out whether calls reach it.
    assert "HL431" not in {each.code for each in compiled.diagnostics}
    return took


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_cost_grows_with_the_rules_and_no_faster(kind: str) -> None:
    few = min(seconds_for(kind, 500) for _ in range(3))
    many = seconds_for(kind, 4_000)
    # Linear would be 8 times as much; squared 64 times.
    assert many < 24 * few
    # Three seconds on a very busy machine: only a great step back is caught here.
    assert many < MOST_SECONDS


def seconds_for_chain(rules: int) -> float:
    """Each tool requires the next one."""
    texts = (
        f"    - {{ match: {{ tool: ['t_{each}', 'of_{each}_*'] }}, requires: [t_{each + 1}] }}\n"
        for each in range(rules)
    )
    text = HEAD + "policies:\n  rules:\n" + "".join(texts)
    began = time.process_time()
    assert compile_text(text).policy is not None
    return time.process_time() - began


@pytest.mark.slow
def test_cost_of_requirements_grows_no_faster_either() -> None:
    few = min(seconds_for_chain(500) for _ in range(3))
    assert seconds_for_chain(4_000) < 24 * few


def test_faults_of_many_rules_are_all_told() -> None:
    compiled = compile_text(policy_of(300).replace("window: 1h", "window: 1 h"))
    assert compiled.diagnostics.count("error") == 300


def test_a_graph_larger_than_the_evaluator_takes() -> None:
    text = "x" * 1_000_000
    rules = "".join(f"    - {{ action: allow, feedback: *said, name: r{i} }}\n" for i in range(17))
    compiled = compile_text(
        f"{HEAD}x-said: &said {{ message: {text} }}\npolicies:\n  rules:\n{rules}"
    )
    (fault,) = (each for each in compiled.diagnostics if each.severity == "error")
    assert (fault.code, fault.path) == ("HL419", "policies.rules")
    assert (fault.span.line, fault.span.column) == (6, 5)
    assert compiled.policy is None
    assert compiled.config is None


def test_limits_never_share_an_id() -> None:
    """A currency that could end an id early is refused, so that two rules cannot mean one limit."""
    rule = (
        '    - name: "{name}"\n      action: allow\n      limits: {{ max_spend: '
        '{{ field: {field}, limit: 1, currency: "{currency}", window: 1s }} }}\n'
    )
    rules = rule.format(name="r", field="a", currency="X:tool:1000:$['b']:Y") + rule.format(
        name="r:tool:1000:$['a']:X", field="b", currency="Y"
    )
    compiled = compile_text(f"{HEAD}policies:\n  rules:\n{rules}")
    assert [each.code for each in compiled.diagnostics if each.severity == "error"] == ["HL105"]
