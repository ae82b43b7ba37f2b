"""`policies.install`: what it says of scans, and what is said of its faults."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helio.evaluator import Evaluator, PatternError, check_glob, glob_matches, tool_call
from helio.policy import compile_text

HEAD = "version: '1'\nupstream: { url: 'http://localhost:8080/mcp' }\n"
RULES = """
default: deny
rules:
  - name: ours
    match: { kind: [package, mcp_server], name: ['@acme/*', 'helio-{a,b}'] }
    action: allow
  - { name: theirs, match: { publisher: 'evil*' }, action: deny }
  - { name: pinned, match: { name: left-pad, hash: 'sha256:[0-9]*' }, action: allow }
  - { name: looked-at, match: { source: 'https://git.example/*' }, action: require_approval }
  - { name: agents, match: { agent: 'ci-*', environment: testing }, action: allow }
"""


def compiled(section: str, more: str = "") -> Any:
    written = "\n".join(f"    {line}" for line in section.splitlines())
    return compile_text(f"{HEAD}{more}policies:\n  install:\n{written}\n")


def judge(graph: bytes, kind: str = "package", agent: str | None = None, **members: str) -> Any:
    keys = ("name", "version", "source", "publisher", "hash", "command")
    arguments = {"kind": kind} | {key: members.get(key) for key in keys}
    message = tool_call(f"install:{kind}", json.dumps(arguments).encode())
    return Evaluator(graph).decide(message, "adapter:a", agent=agent)


def decided(**members: Any) -> tuple[str, int]:
    decision = judge(
        compiled(RULES, "environment: testing\n").policy.install.graph,
        **{"publisher": "acme", "source": "", "hash": "", **members},
    )
    return decision.action, decision.rule


def test_the_first_rule_that_matches_decides() -> None:
    assert decided(name="@acme/tools/x") == ("allow", 0)
    assert decided(name="helio-b", kind="mcp_server") == ("allow", 0)
    assert decided(name="helio-b", kind="skill", agent="alone") == ("deny", -1)
    assert decided(name="x", publisher="evil corp", agent="ci-1") == ("deny", 1)
    assert decided(name="left-pad", hash="sha256:1") == ("allow", 2)
    assert decided(name="left-pads", hash="sha256:1", agent="me") == ("deny", -1)
    asked = decided(name="x", source="https://git.example/x", agent="ci-1")
    assert asked == ("require_approval", 3)
    assert decided(name="x", agent="ci-1") == ("allow", 4)


def test_what_nobody_said_never_widens() -> None:
    graph = compiled(RULES, "environment: testing\n").policy.install.graph
    assert judge(graph, name="x", agent="ci-1").rule == 1
    known = {"name": "left-pad", "publisher": "acme", "source": ""}
    assert judge(graph, **known, agent="me").rule == -1
    unsaid = {"name": "x", "publisher": "acme", "agent": "ci-1"}
    decision = judge(graph, **unsaid)
    assert (decision.rule, decision.restricting) == (4, [3])


@pytest.mark.parametrize("section", ["", "default: deny", "rules: []"])
def test_without_a_rule_nothing_may_be_installed(section: str) -> None:
    text = compiled(section) if section else compile_text(HEAD)
    assert judge(text.policy.install.graph, name="x").action == "deny"
    open_ = compiled("default: allow").policy.install.graph
    assert judge(open_, name="x").action == "allow"


def test_the_rules_of_calls_and_of_installations_are_told_apart() -> None:
    both = compiled("rules: [{ name: a, match: { name: x }, action: deny }]")
    none = compile_text(HEAD)
    assert both.policy.digest == none.policy.digest
    assert both.policy.graphs != none.policy.graphs
    assert both.policy.install.rules[0].label == "a"


@pytest.mark.parametrize(
    ("section", "found"),
    [
        ("defaul: deny", [("HL102", 5, 5)]),
        ("default: maybe", [("HL104", 5, 14)]),
        ("rules: 5", [("HL103", 5, 12)]),
        ("[]", [("HL103", 5, 5)]),
        ("rules: [{ match: { name: x } }]", [("HL401", 5, 15)]),
        ("rules: [{ match: { name: x }, action: dry_run }]", [("HL104", 5, 43)]),
        ("rules: [{ match: { kind: packge }, action: deny }]", [("HL104", 5, 30)]),
        ("rules: [{ match: { nam: x }, action: deny }]", [("HL102", 5, 24)]),
        ("rules: [{ match: { name: 'a[' }, action: deny }]", [("HL403", 5, 32)]),
        ("rules: [{ kind: package, action: deny }]", [("HL102", 5, 15)]),
        ("rules: [{ match: { tool: x }, action: deny }]", [("HL102", 5, 24)]),
        ("rules: [{ match: { environment: x }, action: deny }]", [("HL411", 5, 37)]),
        (
            "rules: [{ name: a, match: { name: x }, action: deny }, { name: a, action: deny }]",
            [("HL409", 5, 68)],
        ),
        (
            "rules: [{ match: { name: x }, action: require_approval, approval: { channel: no } }]",
            [("HL412", 5, 82)],
        ),
        (
            "rules: [{ match: { name: x }, action: deny, approval: { timeout: 30s } }]",
            [("HL414", 5, 49)],
        ),
    ],
)
def test_faults_are_told_with_their_place(section: str, found: list[tuple[str, int, int]]) -> None:
    told = [(each.code, each.span.line, each.span.column) for each in compiled(section).diagnostics]
    assert [each for each in told if each[0] != "HL425"] == found


GLOBS = st.lists(
    st.sampled_from(["*", "?", "[a-c]", "[!a-c]", "[-.]", "[\\]a]", "[a\\-c]", "{a,b*}", "{,.}"])
    | st.sampled_from([*"abc.-\\+^|()&~ é\n", "$b", "\\*", "\\{", ",", "}"]),
    max_size=6,
).map("".join)


@settings(deadline=None, max_examples=200)
@given(glob=GLOBS, text=st.text("abc.-\\+^$|()&~ é\n*{,}", max_size=5))
def test_an_expression_matches_what_its_glob_matches(glob: str, text: str) -> None:
    try:
        check_glob(glob)
    except PatternError:
        return
    rule = f"{{ match: {{ name: {json.dumps(glob)} }}, action: allow }}"
    graph = compiled(f"rules: [{rule}]").policy.install.graph
    assert (judge(graph, name=text).action == "allow") == glob_matches(glob, text)
