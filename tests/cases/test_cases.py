"""The corpus of cases: a policy, a call, and the outcome on both sides after compilation.

Each `*.yaml` beside this file is a list of cases {name, environment?, policies, calls}; a call is
{name?, tool (pay), arguments (JSON text, {}), known?, expect}. `expect` is the whole outcome: what
it does not name is empty. Rules are written by name or index.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from helio import evaluator
from helio.policy import compile_file
from oracle.demands import Caller, Demand, Fault
from oracle.graph import Decision, Facts, Graph
from oracle.strict_json import parse
from properties.test_decisions import as_oracle

OUTCOME = {"rule", "action", "until", "restricting", "indeterminate", "shadow", "assumed"}
OUTCOME |= {"demands", "fault", "shadow_faults"}
COMPILED: dict[str, bytes] = {}


def graph_of(configuration: str, folder: Path) -> bytes:
    """Compile a configuration once."""
    if configuration not in COMPILED:
        file = folder / "helio.yaml"
        file.write_text(configuration, "utf-8")
        compiled = compile_file(file, environment={}, purpose="compile")
        assert compiled.policy is not None, [d.message for d in compiled.diagnostics]
        COMPILED[configuration] = compiled.policy.graph
    return COMPILED[configuration]


def judged(
    graph: bytes, call: dict[str, Any]
) -> tuple[evaluator.Message, list[tuple[str, Decision]]]:
    """Decide one call on both sides."""
    known = dict(call.get("known", {}))
    upstream, hints = known.pop("upstream", "default"), known.pop("hints", {})
    metadata = known.pop("metadata", None)
    message = evaluator.tool_call(call.get("tool", "pay"), call.get("arguments", "{}").encode())
    native = evaluator.Evaluator(graph).decide(
        message,
        upstream,
        evaluator.pack_hints(hints),
        metadata=None if metadata is None else metadata.encode(),
        **known,
    )
    labels, called = known.pop("labels", None), known.pop("called", None)
    arguments = parse(message.arguments)
    assert isinstance(arguments, dict)
    facts = Facts(
        Caller(upstream, str(message.tool), message.arguments_hash(), **known),
        arguments,
        hints,
        labels=None if labels is None else frozenset(labels),
        called=None if called is None else frozenset(called),
        metadata=None if metadata is None else parse(metadata.encode()),
        has_metadata=metadata is not None,
    )
    return message, [("native", as_oracle(native)), ("oracle", Graph(graph).decide(facts))]


class Names:
    """Writes an outcome as the corpus does: rules by their names."""

    def __init__(self, graph: Graph) -> None:
        self.names = {rule["index"]: rule["name"] or rule["index"] for rule in graph.rules}
        self.names[-1] = "default"

    def demand(self, demand: Demand, arguments_hash: str) -> str:
        key = demand.key.replace(arguments_hash, "<hash>")
        currency = "" if demand.currency is None else f" {demand.currency}"
        return (
            f"{demand.kind} {self.names[demand.rule]} {key} {demand.amount} of "
            f"{demand.maximum}{currency} in {demand.window_ms}"
            f"{'' if demand.enforced else ', advisory'}"
        )

    def fault(self, fault: Fault | None) -> list[Any] | None:
        if fault is None:
            return None
        return [fault.kind, self.names[fault.rule], readable(fault), fault.found]

    def outcome(self, decision: Decision, arguments_hash: str) -> dict[str, Any]:
        return {
            "rule": self.names[decision.rule],
            "action": decision.action,
            "restricting": [self.names[rule] for rule in decision.restricting],
            "indeterminate": [self.names[rule] for rule in decision.indeterminate],
            "shadow": [[self.names[rule], action] for rule, action in decision.shadow],
            "assumed": decision.assumed_hints,
            "demands": [self.demand(demand, arguments_hash) for demand in decision.demands],
            "fault": self.fault(decision.fault),
            "shadow_faults": [self.fault(fault) for fault in decision.shadow_faults],
        }


def readable(fault: Fault) -> str:
    """Return what a fault names: a key as it is, a path in one spelling."""
    is_path = fault.kind == "invalid_amount"
    return evaluator.normalize_path(fault.field) if is_path else fault.field


def expected_of(expect: dict[str, Any]) -> dict[str, Any]:
    """Return the whole outcome that a case expects."""
    assert expect.keys() <= OUTCOME, expect.keys() - OUTCOME
    empty = ("restricting", "indeterminate", "shadow", "assumed", "demands", "shadow_faults")
    whole = {name: expect.get(name, []) for name in empty} | {"fault": expect.get("fault")}
    for fault in [whole["fault"], *whole["shadow_faults"]]:
        if fault is not None and fault[0] == "invalid_amount":
            fault[2] = evaluator.normalize_path(fault[2])
    return whole | {"rule": expect["rule"], "action": expect["action"]}


def test_the_outcome(case: Any, tmp_path: Path) -> None:
    graph = graph_of(case.configuration, tmp_path)
    plain = Graph(graph)
    message, decisions = judged(graph, case.call)
    expect = case.call["expect"]
    for side, decision in decisions:
        found = Names(plain).outcome(decision, message.arguments_hash())
        assert found == expected_of(expect), side
        if "until" in expect:
            decider = next(rule for rule in plain.rules if rule["index"] == decision.rule)
            assert decider["until"] is expect["until"]
    if case.distinct_limits is not None:
        ids = {node["id"] for node in json.loads(graph)["nodes"] if node["node"] == "limit"}
        assert len(ids) == case.distinct_limits


def test_a_case_that_expects_something_else_fails(tmp_path: Path) -> None:
    configuration = (
        "version: '1'\nupstream: { url: 'http://localhost:8080/mcp' }\n"
        "policies: { rules: [{ match: { tool: pay }, action: deny }] }\n"
    )
    graph = graph_of(configuration, tmp_path)
    _, decisions = judged(graph, {})
    for _, decision in decisions:
        found = Names(Graph(graph)).outcome(decision, "-")
        assert found == expected_of({"rule": 0, "action": "deny"})
        with pytest.raises(AssertionError):
            assert found == expected_of({"rule": "default", "action": "allow"})
