"""`requires` that lead round in a circle: found exactly where no call could ever be the first."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helio.evaluator import Evaluator, tool_call
from helio.policy import compile_text

HEAD = "version: '1'\nupstream: { url: 'http://localhost:8080/mcp' }\npolicies:\n  rules:\n"


def circles(*rules: str) -> list[str]:
    """What is said of circles: the tools' names in their order."""
    result = compile_text(HEAD + "".join(f"    - {rule}\n" for rule in rules))
    told = [each.message for each in result.diagnostics if each.code == "HL420"]
    assert (result.policy is None) == bool(told)
    return [" ".join(re.findall("`(.*?)`", message)) for message in told]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (["{ match: { tool: a }, requires: [b] }"], []),
        (["{ match: { tool: a }, requires: [a] }"], ["a a"]),
        (["{ match: { tool: 'a*' }, action: allow, requires: [ab] }"], ["ab ab"]),
        (["{ requires: [a] }"], ["a a"]),
        (
            ["{ match: { tool: a }, requires: [b] }", "{ match: { tool: b }, requires: [c, a] }"],
            ["a b a"],
        ),
        (
            [
                "{ match: { tool: a }, requires: [b] }",
                "{ match: { tool: [c, b] }, requires: [d, c] }",
                "{ match: { tool: e }, requires: [e] }",
            ],
            ["c c", "e e"],
        ),
    ],
)
def test_circles(rules: list[str], expected: list[str]) -> None:
    assert circles(*rules) == expected


@pytest.mark.parametrize(
    "above",
    [
        "{ match: { tool: a }, action: allow }",
        "{ match: { tool: a, input: { small: true } }, action: allow }",
        "{ match: { tool: a, agent: ops }, requires: [c] }",
    ],
)
def test_a_way_around_is_no_circle(above: str) -> None:
    circle = ["{ match: { tool: a }, requires: [b] }", "{ match: { tool: b }, requires: [a] }"]
    assert circles(*circle) == ["a b a"]
    assert circles(above, *circle) == []


@pytest.mark.parametrize(
    "rule",
    [
        "{ match: { tool: a, input: { n: 1 } }, requires: [a] }",
        "{ match: { tool: a, session: { not_called: b } }, requires: [a] }",
        "{ match: { tool: a }, requires: [a], shadow: true }",
    ],
)
def test_what_may_not_hold_is_no_circle(rule: str) -> None:
    assert circles(rule) == []


NAMES = ("a", "b", "ab", "c")
RULES = st.lists(
    st.tuples(
        st.sampled_from((*NAMES, "*", "a*", "{a,c}", "?b", "[bc]")),
        st.lists(st.sampled_from(NAMES), max_size=2, unique=True),
    ),
    min_size=1,
    max_size=6,
)


@given(RULES)
@settings(max_examples=150, deadline=None)
def test_a_circle_is_where_an_agent_never_gets(rules: list[tuple[str, list[str]]]) -> None:
    written = [
        f"{{ match: {{ tool: '{glob}' }}, action: allow{f', requires: {needs}' if needs else ''} }}"
        for glob, needs in rules
    ]
    # The same rules without what they require: what decides, the evaluator knows.
    plain = [f"{{ match: {{ tool: '{glob}' }}, action: allow }}" for glob, _ in rules]
    policy = compile_text(HEAD + "".join(f"    - {rule}\n" for rule in plain)).policy
    assert policy is not None
    evaluator = Evaluator(policy.graph)
    deciding = {name: evaluator.decide(tool_call(name, b"{}"), "u").rule for name in NAMES}
    done: set[str] = set()
    for _ in NAMES:
        done |= {
            name for name, rule in deciding.items() if rule == -1 or done.issuperset(rules[rule][1])
        }
    required = {need for _, needs in rules for need in needs}
    assert bool(circles(*written)) == bool(required - done)
