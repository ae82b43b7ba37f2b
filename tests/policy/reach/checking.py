"""What a finding claims, held against one call: by the evaluator and by the oracle."""

import re
from collections.abc import Mapping
from typing import Any

import orjson
import yaml

from helio.diagnostics import Diagnostic
from helio.evaluator import Decision, Evaluator, pack_hints, tool_call
from oracle.compare import Truth
from oracle.demands import Caller
from oracle.graph import Facts, Graph
from oracle.strict_json import parse


def text_of(rules: list[dict[str, Any]]) -> str:
    document = {
        "version": "1",
        "upstream": {"url": "http://localhost:8080/mcp"},
        "policies": {"rules": rules},
    }
    return yaml.safe_dump(document, sort_keys=False)


def decided(evaluator: Evaluator, call: Mapping[str, Any]) -> Decision:
    session = call.get("session")
    return evaluator.decide(
        tool_call(call["tool"], orjson.dumps(call["arguments"])),
        call.get("upstream", "default"),
        pack_hints(call.get("annotations")),
        agent=call.get("agent"),
        session=None if session is None else "s",
        labels=None if session is None else session["labels"],
        called=None if session is None else session["called"],
    )


def facts_of(call: Mapping[str, Any]) -> Facts:
    session = call.get("session")
    caller = Caller(call.get("upstream", "default"), call["tool"], "0", call.get("agent"))
    arguments = parse(orjson.dumps(call["arguments"]))
    assert isinstance(arguments, dict)
    return Facts(
        caller,
        arguments,
        call.get("annotations") or {},
        None if session is None else frozenset(session["labels"]),
        None if session is None else frozenset(session["called"]),
    )


def rule_of(found: Diagnostic) -> int:
    place = re.match(r"policies\.rules\[(\d+)\]", found.path)
    assert place is not None
    return int(place[1])


def truths(plain: Graph, rule: int, facts: Facts) -> list[Truth]:
    return [plain.condition(index, facts) for index in plain.rules[rule]["conditions"]]


def check_call(each: Diagnostic, decision: Decision, plain: Graph, facts: Facts) -> None:
    rule = rule_of(each)
    doubted = {place for place, _, _ in decision.indeterminate}
    reached = {decision.rule, *decision.restricting, *(place for place, _ in decision.shadow)}
    if "cannot judge" in each.message:
        assert rule not in reached - doubted
    elif each.code == "HL429":
        # Conditions on one subject exclude each other; the others may not be judged.
        assert rule not in reached
    else:
        assert rule not in reached | doubted
    if each.code == "HL429":
        assert any(truth is not Truth.TRUE for truth in truths(plain, rule, facts))


def check_witness(each: Diagnostic, fast: Evaluator, plain: Graph) -> None:
    assert isinstance(each.witness, dict)
    facts = facts_of(each.witness)
    rule = rule_of(each)
    assert set(truths(plain, rule, facts)) <= {Truth.TRUE}
    by = decided(fast, each.witness).rule
    assert by == plain.decide(facts).rule
    assert 0 <= by < rule
    if each.code == "HL428":
        assert plain.rules[by]["action"] == "allow"
        assert not plain.rules[by]["limits"]
