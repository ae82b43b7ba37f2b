"""What is part of a policy's meaning, and so of its digest, and what is not."""

import random
from collections.abc import Callable
from itertools import pairwise

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helio.evaluator import Evaluator, graph_digest
from helio.policy import CompiledPolicy, compile_text
from policy.documents import Document, as_block, as_flow, documents, shuffled


def compiled(text: str, file: str = "helio.yaml") -> CompiledPolicy:
    result = compile_text(text, file)
    assert result.policy is not None, [each.message for each in result.diagnostics]
    return result.policy


@given(documents(), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_form_and_order_of_keys_mean_nothing(document: Document, chance: random.Random) -> None:
    policy = compiled(as_block(document))
    other = compiled(as_flow(shuffled(document, chance)), "another/name.yaml")
    assert policy.digest == other.digest
    assert [rule.digest for rule in policy.rules] == [rule.digest for rule in other.rules]
    assert [rule.limits for rule in policy.rules] == [rule.limits for rule in other.rules]
    assert [each.id for each in policy.budgets] == [each.id for each in other.budgets]


@given(documents())
@settings(max_examples=30, deadline=None)
def test_the_same_text_gives_the_same_bytes(document: Document) -> None:
    text = as_block(document)
    assert compiled(text).graph == compiled(text).graph
    assert compiled(text).graph == compiled(text, "elsewhere/helio.yaml").graph


@given(documents())
@settings(max_examples=30, deadline=None)
def test_graphs_are_canonical_and_load(document: Document) -> None:
    policy = compiled(as_block(document))
    graph = orjson.loads(policy.graph)
    assert orjson.dumps(graph, option=orjson.OPT_SORT_KEYS) == policy.graph
    evaluator = Evaluator(policy.graph)
    assert evaluator.digest == graph_digest(policy.graph) == policy.digest
    assert evaluator.rule_count == len(policy.rules) == len(document["policies"]["rules"])
    assert evaluator.has_budgets == bool(policy.budgets)
    assert len(policy.budgets) == len(document["budgets"])
    without_source = {name: value for name, value in graph.items() if name != "source"}
    assert CompiledPolicy.from_graph(orjson.dumps(without_source)).digest == policy.digest


@given(documents())
@settings(max_examples=30, deadline=None)
def test_nodes_stand_once_and_after_their_children(document: Document) -> None:
    graph = orjson.loads(compiled(as_block(document)).graph)
    nodes = graph["nodes"]
    texts = [orjson.dumps(node, option=orjson.OPT_SORT_KEYS) for node in nodes]
    assert len(set(texts)) == len(texts)
    for index, node in enumerate(nodes):
        assert all(child < index for child in children(node))
    used = {child for node in nodes for child in children(node)} | set(graph["rules"])
    used |= set(graph.get("budgets", ()))
    assert used == set(range(len(nodes)))
    assert all(before < after for before, after in pairwise(graph["rules"]))
    assert len(graph["source"]["spans"]) == len(nodes)


def children(node: dict[str, object]) -> list[int]:
    """The indices that a node refers to ("The rule graph" in docs/architecture.md)."""
    found: list[int] = []
    for name in ("globs", "conditions", "limits", "contributors"):
        found.extend(node.get(name, ()))  # type: ignore[arg-type]
    if isinstance(node.get("path"), int):
        found.append(node["path"])  # type: ignore[arg-type]
    found.extend(test["value"] for test in node.get("tests", ()))  # type: ignore[attr-defined]
    for required in node.get("evidence", ()):  # type: ignore[attr-defined]
        found.extend(end for pair in required["bind"] for end in pair)
    return found


BASE = """\
version: '1'
upstream: { url: 'http://localhost/mcp' }
environment: production
policies:
  default: allow
  rules:
    - name: payments
      match: { tool: pay, input: { amount: { gt: 10, lt: 20 } }, environment: production }
      action: spend_limit
      limits: { max_calls: 5, window: 1h, max_spend: { field: amount, limit: 50, currency: GBP } }
      feedback: { message: No., suggestion: Later. }
"""
Change = Callable[[str], str]


def replacing(old: str, new: str) -> Change:
    def change(text: str) -> str:
        assert text.count(old) == 1
        return text.replace(old, new)

    return change


NOTHING = {
    "a comment": replacing("default: allow", "default: allow # as ever"),
    "quotes": replacing("tool: pay", "tool: 'pay'"),
    "a list of one": replacing("tool: pay", "tool: [pay]"),
    "the same path": replacing("field: amount", "field: '$.amount'"),
    "the same window": replacing("window: 1h", "window: 60m"),
    "the same amount": replacing("limit: 50", "limit: 50.00"),
    "the default key": replacing("window: 1h", "window: 1h, key: tool"),
    "a setting's default": replacing("default: allow", "default: allow\n  dry_run: false"),
    "the rule's default": replacing(
        "action: spend_limit", "action: spend_limit\n      shadow: false"
    ),
    "another glob of the same environment": replacing(
        "environment: production }", "environment: 'prod*' }"
    ),
    "a name from a holder": replacing("version: '1'", "version: '1'\nx-tool: &tool pay"),
    "other sections": replacing("policies:", "listen: { port: 8000 }\npolicies:"),
}


@pytest.mark.parametrize("change", NOTHING.values(), ids=list(NOTHING))
def test_what_means_nothing(change: Change) -> None:
    assert compiled(change(BASE)).digest == compiled(BASE).digest


FOR_THE_POLICY = {
    "the name": replacing("name: payments", "name: spending"),
    "the feedback": replacing("No.", "Never."),
    "the default": replacing("default: allow", "default: deny"),
    "dry run": replacing("default: allow", "default: allow\n  dry_run: true"),
    "shadow": replacing("default: allow", "default: allow\n  shadow: true"),
    "the form of blocks": replacing("default: allow", "default: allow\n  blocked_as: error"),
    "unknown tools": replacing("default: allow", "default: allow\n  unknown_tools: deny"),
}
FOR_THE_RULE = {
    "the tool": replacing("tool: pay", "tool: payout"),
    "one more tool": replacing("tool: pay", "tool: [pay, payout]"),
    "the operator": replacing("gt: 10", "gte: 10"),
    "the operand": replacing("gt: 10", "gt: 11"),
    "the operand's type": replacing("gt: 10", "eq: '10'"),
    "the quantifier": replacing("{ gt: 10, lt: 20 }", "{ every: { gt: 10, lt: 20 } }"),
    "the path": replacing("input: { amount:", "input: { total:"),
    "the action": replacing("action: spend_limit", "action: allow"),
    "the calls": replacing("max_calls: 5", "max_calls: 6"),
    "the window": replacing("window: 1h", "window: 2h"),
    "the key": replacing("window: 1h", "window: 1h, key: session"),
    "the maximum": replacing("limit: 50", "limit: 51"),
    "the currency": replacing("GBP", "EUR"),
    "the field": replacing("field: amount", "field: total"),
    "a requirement": replacing(
        "action: spend_limit", "requires: [login]\n      action: spend_limit"
    ),
    "shadow": replacing("action: spend_limit", "shadow: true\n      action: spend_limit"),
    "another environment": replacing("environment: production }", "environment: test }"),
}


@pytest.mark.parametrize("change", FOR_THE_POLICY.values(), ids=list(FOR_THE_POLICY))
def test_what_the_policy_means_but_not_the_rule(change: Change) -> None:
    before, after = compiled(BASE), compiled(change(BASE))
    assert before.digest != after.digest
    assert before.rules[0].digest == after.rules[0].digest


@pytest.mark.parametrize("change", FOR_THE_RULE.values(), ids=list(FOR_THE_RULE))
def test_what_the_rule_means(change: Change) -> None:
    before, after = compiled(BASE), compiled(change(BASE))
    assert before.digest != after.digest
    assert before.rules[0].digest != after.rules[0].digest


def test_the_place_of_a_rule_is_not_its_meaning() -> None:
    above = BASE.replace("  rules:\n", "  rules:\n    - { match: { tool: x }, action: deny }\n")
    assert compiled(above).rules[1].digest == compiled(BASE).rules[0].digest
