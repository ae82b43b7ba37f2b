"""A plain interpreter of the rule graph: the oracle for the evaluator in Rust.

It reads the graph of docs/architecture.md ("The rule graph") as JSON and walks the rules from the
first to the last, judging every condition anew. Above it the tests; below it `budgets`, `compare`,
`demands`, `globs` and `jsonpath`. Pure, slow and plain.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from oracle import budgets, globs
from oracle.budgets import BudgetDemand, BudgetFault
from oracle.compare import Truth, every, judge_selection, truth
from oracle.demands import Caller, Demand, Fault, Limit, demand_of
from oracle.jsonpath import Segment, parse_path, select
from oracle.strict_json import Json, parse

HINTS = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")
DEFAULT_HINTS = {
    "readOnlyHint": False,
    "destructiveHint": True,
    "idempotentHint": False,
    "openWorldHint": True,
}


@dataclass(frozen=True)
class Facts:
    """What is known about a call besides its bytes; None is unknown.

    `hints` holds the annotations that are known. `labels` and `called` are known with the session.
    """

    caller: Caller
    arguments: dict[str, Json]
    hints: Mapping[str, bool] = field(default_factory=dict)
    labels: frozenset[str] | None = None
    called: frozenset[str] | None = None
    metadata: Json = None
    has_metadata: bool = False


@dataclass
class Decision:
    """What the rules say; fields as in `helio._core.Decision`.

    `indeterminate` holds the rule's index once for each of its conditions that could not be judged.
    """

    rule: int
    action: str
    restricting: list[int]
    indeterminate: list[int]
    shadow: list[tuple[int, str]]
    assumed_hints: list[str] = field(default_factory=list)
    demands: list[Demand] = field(default_factory=list)
    fault: Fault | None = None
    shadow_faults: list[Fault] = field(default_factory=list)
    budgets: list[BudgetDemand] = field(default_factory=list)
    budget_fault: BudgetFault | None = None


class Graph:
    """A rule graph that can decide."""

    def __init__(self, text: str | bytes) -> None:
        self.document: dict[str, Any] = json.loads(text)
        self.nodes: list[dict[str, Any]] = self.document["nodes"]
        self.rules = [self.nodes[index] for index in self.document["rules"]]
        self.budgets = [self.nodes[index] for index in self.document.get("budgets", [])]
        self.settings: dict[str, Any] = self.document["settings"]
        self.rules_by_index = {rule["index"]: rule for rule in self.rules}
        self.paths: dict[int, list[Segment]] = {}

    def digest(self) -> str:
        """Return the sha256 of the canonical text without the source."""
        kept = {key: value for key, value in self.document.items() if key != "source"}
        text = json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"

    def decide(self, facts: Facts) -> Decision:
        """Walk the rules in file order (the table under "The three values")."""
        decision = Decision(-1, self.settings["default"], [], [], [])
        applying: list[dict[str, Any]] = []
        shadows: list[dict[str, Any]] = []
        for rule in self.rules:
            judged = [self.condition(index, facts) for index in rule["conditions"]]
            result = every(judged)
            if result is Truth.FALSE:
                continue
            decision.indeterminate += [rule["index"]] * judged.count(Truth.INDETERMINATE)
            if rule["shadow"]:
                decision.shadow.append((rule["index"], rule["action"]))
                shadows.append(rule)
            elif result is Truth.TRUE or rule["action"] in ("deny", "dry_run"):
                decision.rule, decision.action = rule["index"], rule["action"]
                applying.append(rule)
                break
            elif not passed_over(rule):
                decision.restricting.append(rule["index"])
                applying.append(rule)
        decision.assumed_hints = self.assumed(applying, facts)
        self.demand(decision, applying + shadows, facts)
        decides = self.rules_by_index[decision.rule] if decision.rule >= 0 else {"until": False}
        if decision.action != "deny" or decides["until"]:
            self.spend(decision, facts)
        return decision

    def spend(self, decision: Decision, facts: Facts) -> None:
        """Add what the call takes from budgets, or why the first of them cannot be known."""
        for budget in self.budgets:
            taken = budgets.demand_of(
                budget,
                self.nodes,
                lambda index: self.condition(index, facts),
                facts.caller,
                facts.arguments,
            )
            if isinstance(taken, BudgetDemand):
                decision.budgets.append(taken)
            elif taken is not None and decision.budget_fault is None:
                decision.budget_fault = taken

    def demand(self, decision: Decision, rules: list[dict[str, Any]], facts: Facts) -> None:
        """Add what the limits of the given rules demand, in rule order, or why it is not known."""
        for rule in sorted(rules, key=lambda rule: int(rule["index"])):
            if rule["action"] == "deny" and not rule["until"]:
                continue
            for index in rule["limits"]:
                found = demand_of(self.limit(index), rule, facts.caller, facts.arguments)
                if isinstance(found, Demand):
                    decision.demands.append(found)
                elif rule["shadow"]:
                    decision.shadow_faults.append(found)
                elif decision.fault is None:
                    decision.fault = found

    def limit(self, index: int) -> Limit:
        """Return a limit with its path read."""
        node = self.nodes[index]
        path = node.get("path")
        return Limit(
            id=node["id"],
            kind=node["kind"],
            maximum=node["maximum"],
            window_ms=node["window_ms"],
            key=node["key"],
            currency=node.get("currency"),
            field=None if path is None else self.nodes[path]["path"],
            path=None if path is None else self.path(path),
        )

    def path(self, index: int) -> list[Segment]:
        if index not in self.paths:
            self.paths[index] = parse_path(self.nodes[index]["path"])
        return self.paths[index]

    def condition(self, index: int, facts: Facts) -> Truth:
        """Judge one condition node."""
        node = self.nodes[index]
        match node["node"]:
            case "constant":
                result = truth(node["value"])
            case "tool":
                result = self.any_glob(node, facts.caller.tool)
            case "upstream":
                result = self.any_glob(node, facts.caller.upstream)
            case "agent":
                result = self.any_glob(node, facts.caller.agent)
            case "annotation":
                result = truth(effective_hint(node["hint"], facts.hints) == node["value"])
            case "labels":
                result = holds(facts.labels, lambda labels: set(node["names"]) <= labels)
            case "called":
                result = holds(facts.called, lambda called: set(node["names"]) <= called)
            case "not_called":
                result = holds(facts.called, lambda called: not set(node["names"]) & called)
            case _:
                result = self.selection(node, facts)
        return result

    def any_glob(self, node: dict[str, Any], name: str | None) -> Truth:
        if name is None:
            return Truth.INDETERMINATE
        patterns = [self.nodes[index]["pattern"] for index in node["globs"]]
        return truth(any(globs.matches(pattern, name) for pattern in patterns))

    def selection(self, node: dict[str, Any], facts: Facts) -> Truth:
        """Judge an `input` or a `metadata` node."""
        values: list[Json] = []
        if node["node"] == "input":
            values = select(self.path(node["path"]), facts.arguments)
        elif facts.has_metadata:
            values = select(self.path(node["path"]), facts.metadata)
        tests = [
            (test["operator"], parse(self.nodes[test["value"]]["json"].encode()))
            for test in node["tests"]
        ]
        return judge_selection(node["quantifier"], tests, values)

    def assumed(self, rules: list[dict[str, Any]], facts: Facts) -> list[str]:
        """Return the hints whose default the given rules rest on, in MCP's order."""
        judged = {
            self.nodes[index]["hint"]
            for rule in rules
            for index in rule["conditions"]
            if self.nodes[index]["node"] == "annotation"
        }
        assumed = {hint for hint in judged if hint not in facts.hints}
        if facts.hints.get("readOnlyHint") is True:
            # Nothing that only reads is destructive: that rests on no default.
            assumed.discard("destructiveHint")
        return [hint for hint in HINTS if hint in assumed]


def holds(known: frozenset[str] | None, test: Any) -> Truth:
    """Judge a fact of the session, indeterminate when there is none."""
    return Truth.INDETERMINATE if known is None else truth(test(known))


def effective_hint(hint: str, hints: Mapping[str, bool]) -> bool:
    """Return a hint or its default; nothing that only reads is destructive."""
    if hint == "destructiveHint" and hints.get("readOnlyHint", False):
        return False
    return hints.get(hint, DEFAULT_HINTS[hint])


def passed_over(rule: dict[str, Any]) -> bool:
    """Tell whether an indeterminate rule only widens, and so has no effect."""
    restricts = rule["evidence"] or rule["requires"] or rule["limits"]
    return rule["action"] == "allow" and not restricts
