"""How each condition of each rule comes out for one call.

Above: `explainer`, `helio.simulation.testing`. Below: `helio.evaluator`, the rule graph. Pure. The
evaluator says what decided; to learn of every condition, a graph is made of the same nodes in which
each condition is a shadow rule of its own: shadow rules report what matched and what could not be
judged, and never end the search. A condition of several operators is also asked operator by
operator, to tell which of them failed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from helio.diagnostics import Span
from helio.evaluator import Decision, Evaluator
from helio.policy.described import described, described_member, described_test
from helio.policy.graph import CompiledPolicy, canonical

Truth = Literal["true", "false", "indeterminate"]

_SHADOW: Final[dict[str, Any]] = {
    "node": "rule",
    "action": "deny",
    "until": False,
    "limits": [],
    "evidence": [],
    "requires": [],
    "requires_success": False,
    "labels": [],
    "approval": None,
    "shadow": True,
    "name": None,
    "feedback": None,
    "digest": "sha256:" + "0" * 64,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of the rule at `rule`.

    `node` is its place in the graph, `kind` the node's type, `path` the normalised path that it
    looks at, if any. `text` is as people write it; `span` where it stands, or the rule where the
    condition is written like one of an earlier rule; None when the graph came without its source.
    `folded`: the environment decided it when the policy was compiled. `parts` are its operators as
    conditions of their own, where there are several.
    """

    rule: int
    node: int
    kind: str
    text: str
    span: Span | None
    folded: bool
    path: str | None = None
    hint: str | None = None
    parts: tuple[tuple[int, str], ...] = ()

    @property
    def key(self) -> tuple[int, str]:
        """The same in every environment that the policy is compiled for."""
        return self.rule, self.text


class Probe:
    """Looks at the conditions of one policy."""

    def __init__(self, policy: CompiledPolicy) -> None:
        graph = orjson.loads(policy.graph)
        self._nodes: list[dict[str, Any]] = graph["nodes"]
        self.is_install = policy.is_install
        self._described = described_member if policy.is_install else described
        self._spans = graph.pop("source", {}).get("spans")
        self._parts: dict[int, tuple[tuple[int, str], ...]] = {}
        rules = [(self._nodes[at], self._span(at)) for at in graph["rules"]]
        ends = [None if span is None else span.line for _, span in rules[1:]]
        self.by_rule: dict[int, tuple[Condition, ...]] = {
            rule["index"]: tuple(
                self._condition(rule["index"], node, span, end)
                for node in dict.fromkeys(rule["conditions"])
            )
            for (rule, span), end in zip(rules, [*ends, None], strict=False)
        }
        each = [condition for found in self.by_rule.values() for condition in found]
        distinct = sorted(
            {condition.node for condition in each}
            | {node for condition in each for node, _ in condition.parts}
        )
        self._places = {node: index for index, node in enumerate(distinct)}
        first = len(self._nodes)
        nodes = self._nodes + [
            {**_SHADOW, "index": index, "conditions": [node]} for index, node in enumerate(distinct)
        ]
        graph.pop("budgets", None)
        asked = {**graph, "nodes": nodes, "rules": list(range(first, len(nodes)))}
        self._evaluator = Evaluator(canonical(asked))

    def look(self, decide: Callable[[Evaluator], Decision]) -> dict[int, Truth]:
        """How every condition came out, by its node. `decide` asks an evaluator about the call."""
        decision = decide(self._evaluator)
        matched = {index for index, _ in decision.shadow}
        unjudged = {index for index, _, _ in decision.indeterminate}
        return {
            node: "indeterminate" if at in unjudged else "true" if at in matched else "false"
            for node, at in self._places.items()
        }

    def _condition(self, rule: int, at: int, rule_span: Span | None, end: int | None) -> Condition:
        """The condition at a node. `end` is the line where the next rule begins."""
        node = self._nodes[at]
        span = self._span(at)
        if span and rule_span and not _stands_in(span, rule_span, end):
            span = rule_span
        if at not in self._parts:
            self._parts[at] = self._split(node, at)
        return Condition(
            rule,
            at,
            node["node"],
            self._described(node, self._nodes),
            span,
            node["node"] == "constant",
            self._nodes[node["path"]]["path"] if "path" in node else None,
            node.get("hint"),
            self._parts[at],
        )

    def _split(self, node: dict[str, Any], at: int) -> tuple[tuple[int, str], ...]:
        """Each of several operators as a condition of its own, with its text."""
        tests = node.get("tests", ())
        if len(tests) < 2:
            return ()
        found = []
        for test in tests:
            self._nodes.append({**node, "tests": [test]})
            if self._spans is not None:
                self._spans.append(self._spans[at])
            found.append((len(self._nodes) - 1, described_test(test, self._nodes)))
        return tuple(found)

    def _span(self, at: int) -> Span | None:
        return None if self._spans is None else Span(*self._spans[at][1:])


def _stands_in(span: Span, rule: Span, end: int | None) -> bool:
    """Whether a place is one of a rule, of which only the beginning is known."""
    return span >= rule and (end is None or span.line <= end)
