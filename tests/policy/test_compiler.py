"""From text to graph: what the nodes hold, which limits are the same, what blocks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from helio.diagnostics import Span
from helio.evaluator import Evaluator, GraphError, tool_call
from helio.policy import Compiled, CompiledPolicy, compile_file, compile_text
from helio.policy.graph import Asking, Requirement

HEAD = "version: '1'\nupstream: { url: 'http://localhost:8080/mcp' }\n"


def compiled(rules: str, head: str = "", **environment: str) -> Compiled:
    text = f"{HEAD}{head}policies:\n  rules:\n"
    text += "\n".join(f"    {line}" for line in rules.strip().splitlines()) + "\n"
    return compile_text(text, environment=environment)


def policy(rules: str, head: str = "", **environment: str) -> CompiledPolicy:
    result = compiled(rules, head, **environment)
    assert result.policy is not None, [each.message for each in result.diagnostics]
    return result.policy


def nodes(found: CompiledPolicy, kind: str) -> list[dict[str, Any]]:
    return [node for node in orjson.loads(found.graph)["nodes"] if node["node"] == kind]


def operands(test: str, **environment: str) -> list[str]:
    found = policy(f"- {{ match: {{ input: {{ a: {test} }} }}, action: deny }}", **environment)
    return [node["json"] for node in nodes(found, "value")]


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("5", ["5"]),
        ("1.50", ["1.50"]),
        ("~", ["null"]),
        ("true", ["true"]),
        ("'5'", ['"5"']),
        ("yes", ['"yes"']),
        ("{ eq: { b: [1, { z: 1e2, a: ~ }], a: é } }", ['{"a":"é","b":[1,{"a":null,"z":1e2}]}']),
        ("{ in: [GBP, 5, ~, 0.10] }", ['["GBP",5,null,0.10]']),
        ('{ contains: "a\\n\\"b" }', ['"a\\n\\"b"']),
        ("{ exists: false }", ["false"]),
        ("{ gt: 12345678901234567890.5 }", ["12345678901234567890.5"]),
    ],
)
def test_operands(test: str, expected: list[str]) -> None:
    assert operands(test) == expected


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("{ gt: '${N}' }", ["10.0"]),
        ("{ eq: '${N}' }", ['"10.0"']),
        ("'${N}'", ['"10.0"']),
        ("{ exists: '${B}' }", ["true"]),
        ("{ starts_with: '${N}' }", ['"10.0"']),
        ("{ in: ['${N}', 5] }", ['["10.0",5]']),
        ("{ regex: '^${N}$' }", ['"^10.0$"']),
    ],
)
def test_operands_from_the_environment(test: str, expected: list[str]) -> None:
    assert operands(test, N="10.0", B="true") == expected


def test_operators_beside_a_wrapper_make_conditions_of_their_own() -> None:
    test = "{ lt: 9, gt: 1, every: { neq: 5 }, some: { eq: 3 } }"
    found = policy(f"- {{ match: {{ input: {{ a: {test} }} }}, action: deny }}")
    shapes = [
        (node["quantifier"], [test["operator"] for test in node["tests"]])
        for node in nodes(found, "input")
    ]
    assert sorted(shapes) == [("every", ["neq"]), ("some", ["eq"]), ("some", ["gt", "lt"])]


@pytest.mark.parametrize("path", ["amount", "$.amount", "$['amount']", '$["amount"]'])
def test_paths_are_normalised(path: str) -> None:
    found = policy(f"- match: {{ input: {{ {orjson.dumps(path).decode()}: 5 }} }}\n  action: deny")
    assert [node["path"] for node in nodes(found, "path")] == ["$['amount']"]


def test_a_key_of_metadata_is_a_name_unless_it_begins_with_the_root() -> None:
    found = policy("- { match: { metadata: { 'channel id': C1, '$.user.id': U1 } }, action: deny }")
    assert sorted(node["path"] for node in nodes(found, "path")) == [
        "$['channel id']",
        "$['user']['id']",
    ]


def limits(rules: str) -> list[str]:
    return [limit for rule in policy(rules).rules for limit in rule.limits]


def test_ids_of_named_limits() -> None:
    assert limits(
        """
- { name: a, match: { tool: x }, limits: { max_calls: 5, window: 1h } }
- { name: b, match: { tool: x }, limits: { max_calls: 5, window: 1m, key: [session, tool] } }
- name: c
  limits:
    max_calls: 5
    window: 1h
    key: agent
    max_spend: { field: amount, limit: 5, currency: GBP, window: 1d, key: global }
- name: d
  limits: { window: 1h, key: agent, max_spend: { field: amount, limit: 5, currency: GBP } }
"""
    ) == [
        "rate:a:tool:3600000",
        "rate:b:session+tool:60000",
        "rate:c:agent:3600000",
        "spend:c:global:86400000:$['amount']:GBP",
        "spend:d:agent:3600000:$['amount']:GBP",
    ]


def test_the_maximum_is_no_part_of_a_limits_id() -> None:
    rule = "- {{ match: {{ tool: x }}, limits: {{ max_calls: {0}, window: 1h }} }}"
    assert limits(rule.format(5)) == limits(rule.format(6))


def test_limits_of_unnamed_rules_are_known_by_their_conditions() -> None:
    limited = "- {{ match: {{ tool: {0} }}, limits: {{ max_calls: 5, window: 1h }} }}\n"
    one, other, again = limits(limited.format("a") + limited.format("b") + limited.format("a"))
    assert one != other
    first, digits, *rest = one.split(":")
    assert (first, rest) == ("rate", ["tool", "3600000"])
    assert digits.startswith("#")
    assert len(digits) == 17
    assert again == one.replace(digits, f"{digits}.2")
    moved = limits(
        limited.format("b") + "- { match: { tool: c }, action: deny }\n" + limited.format("a")
    )
    assert moved == [other, one]


def test_rules_without_limits_do_not_number_those_that_have_them() -> None:
    limited = "- { match: { tool: a }, limits: { max_calls: 5, window: 1h } }\n"
    unlimited = "- { match: { tool: a }, action: allow, shadow: true }\n"
    assert limits(unlimited + limited) == limits(limited)


@pytest.mark.parametrize(
    ("environment", "asked", "holds"),
    [
        ("production", "production", True),
        ("production", "prod*", True),
        ("production", "[staging, '{prod,production}']", True),
        ("production", "staging", False),
        ("production", "Production", False),
    ],
)
def test_the_environment_is_folded(environment: str, asked: str, holds: bool) -> None:
    found = policy(
        f"- {{ match: {{ environment: {asked} }}, action: deny }}",
        f"environment: {environment}\n",
    )
    decision = Evaluator(found.graph).decide(tool_call("a", b"{}"), "default")
    assert decision.action == ("deny" if holds else "allow")
    assert len(nodes(found, "constant")) == (0 if holds else 1)
    assert found.settings.environment == environment


def test_actions_left_out() -> None:
    found = policy(
        """
- { match: { tool: a }, requires: [x, y] }
- { match: { tool: b }, evidence: { requires: [x] } }
- { match: { tool: c }, limits: { max_calls: 1, window: 1s } }
- { match: { tool: d }, action: deny, evidence: { requires: [x] } }
- { match: { tool: e }, action: deny }
"""
    )
    shapes = [(rule.action, rule.until) for rule in found.rules]
    assert shapes == [
        ("allow", False),
        ("allow", False),
        ("allow", False),
        ("deny", True),
        ("deny", False),
    ]
    requires = [(node["requires"], node["requires_success"]) for node in nodes(found, "rule")]
    assert requires[:2] == [(["x", "y"], True), ([], False)]


def test_how_people_are_asked() -> None:
    found = policy(
        """
- { match: { tool: a }, action: require_approval, approval: { timeout: 30s, escalation_after: 5s } }
- { match: { tool: b }, action: require_approval }
- match: { tool: c }
  action: require_approval
  approval: { channel: dashboard, delegates: [dashboard] }
"""
    )
    assert [rule.approval for rule in found.rules] == [
        Asking(None, 30_000, 5_000, ()),
        Asking(),
        Asking("dashboard", None, None, ("dashboard",)),
    ]


def test_summaries() -> None:
    found = policy(
        """
- name: refunds
  match: { tool: a }
  action: deny
  evidence: { requires: [x, { tool: z, bind: { 'a.b': '$.c' } }] }
  requires: [y]
  requires_success: false
  labels: [seen]
  feedback: { message: 'No.', suggestion: 'Ask.' }
- { match: { tool: b, session: { called: [p], not_called: [q] } }, action: deny, shadow: true }
"""
    )
    (named, unnamed) = found.rules
    assert (named.index, named.name, named.label) == (0, "refunds", "refunds")
    assert (named.message, named.suggestion) == ("No.", "Ask.")
    bound = Requirement("z", (("$['a']['b']", "$['c']"),))
    assert named.evidence == (Requirement("x"), bound)
    assert (named.requires, named.requires_success) == (("y",), False)
    assert (named.labels, unnamed.labels) == (("seen",), ())
    assert found.asked_tools == {"p", "q"}
    assert named.span == Span(5, 7, 5, 8)
    assert (unnamed.index, unnamed.name, unnamed.label) == (1, None, "rules[1]")
    assert (unnamed.message, unnamed.suggestion, unnamed.shadow) == (None, None, True)


def test_settings() -> None:
    text = HEAD + (
        "environment: e\npolicies: { default: deny, flag_destructive: off, unknown_tools: deny, "
        "dry_run: true, shadow: true, blocked_as: error }\n"
    )
    found = compile_text(text).policy
    assert found is not None
    assert orjson.loads(found.graph)["settings"] == {
        "default": "deny",
        "flag_destructive": "off",
        "on_tool_drift": "block",
        "unknown_tools": "deny",
        "dry_run": True,
        "shadow": True,
        "blocked_as": "error",
        "environment": "e",
    }
    assert found.settings.default == "deny"
    assert found.rules == ()


def test_a_graph_comes_back_as_it_was_compiled() -> None:
    found = policy("- { name: a, match: { tool: a }, action: deny }")
    assert CompiledPolicy.from_graph(found.graph) == replace(found, install=None)


def test_a_graph_without_its_source_has_no_places() -> None:
    found = policy("- { name: a, match: { tool: a }, action: deny }")
    graph = orjson.loads(found.graph)
    del graph["source"]
    (rule,) = CompiledPolicy.from_graph(orjson.dumps(graph)).rules
    assert rule.span is None


@pytest.mark.parametrize("graph", [b"", b"[]", b"{}", b'{"helio_graph":1}', b"\xff"])
def test_what_is_no_graph(graph: bytes) -> None:
    with pytest.raises(GraphError):
        CompiledPolicy.from_graph(graph)


def test_the_file_is_known_by_its_name_alone(tmp_path: Path) -> None:
    file = tmp_path / "helio.yaml"
    file.write_text(HEAD)
    found = compile_file(file, {}, "run").policy
    assert found is not None
    assert orjson.loads(found.graph)["source"]["files"] == ["helio.yaml"]


def test_faults_of_configuration_and_rules_come_together() -> None:
    result = compile_text(
        "version: '1'\nlisten: { port: x }\n"
        "policies: { rules: [{ match: { tool: '[' }, acton: a }] }\n"
    )
    assert [each.code for each in result.diagnostics] == ["HL101", "HL103", "HL403", "HL102"]
    assert (result.config, result.policy) == (None, None)


def test_rules_from_anchors() -> None:
    found = policy(
        "- &base { match: &m { tool: a }, action: deny }\n- { <<: *base, name: b }\n"
        "- { match: *m, action: allow }\n"
    )
    assert [(rule.name, rule.action) for rule in found.rules] == [
        (None, "deny"),
        ("b", "deny"),
        (None, "allow"),
    ]
    assert len(nodes(found, "tool")) == 1
