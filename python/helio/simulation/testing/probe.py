"""How each condition of each rule came out for one call.

Above: `running`, `coverage`, `explanation`. Below: `helio.evaluator`, the rule graph. Pure. The
evaluator says what decided; to learn of every condition, a graph is made of the same nodes in which
each condition is a shadow rule of its own: shadow rules report what matched and what could not be
judged, and never end the search.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from helio.diagnostics import Span
from helio.evaluator import Evaluator
from helio.governance.evidence import SessionFacts
from helio.pipeline.events import CallReceived
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
    """One condition of the rule at `rule`. `node` is its place in the graph; `text` as people write
    it; `span` where it stands, or the first that is written alike. `folded`: the environment
    decided it when the policy was compiled."""

    rule: int
    node: int
    text: str
    span: Span
    folded: bool

    @property
    def key(self) -> tuple[int, str]:
        """The same in every environment that the policy is compiled for."""
        return self.rule, self.text


class Probe:
    """Looks at the conditions of one policy."""

    def __init__(self, policy: CompiledPolicy) -> None:
        graph = orjson.loads(policy.graph)
        nodes = graph["nodes"]
        spans = graph["source"]["spans"]
        self.by_rule: dict[int, tuple[Condition, ...]] = {}
        for at in graph["rules"]:
            rule = nodes[at]
            self.by_rule[rule["index"]] = tuple(
                Condition(
                    rule["index"],
                    each,
                    described(nodes[each], nodes),
                    Span(*spans[each][1:]),
                    nodes[each]["node"] == "constant",
                )
                for each in dict.fromkeys(rule["conditions"])
            )
        distinct = sorted({each.node for found in self.by_rule.values() for each in found})
        self._places = {node: index for index, node in enumerate(distinct)}
        first = len(nodes)
        nodes += [
            {**_SHADOW, "index": index, "conditions": [node]} for index, node in enumerate(distinct)
        ]
        graph["rules"] = list(range(first, first + len(distinct)))
        graph.pop("source")
        graph.pop("budgets", None)
        self._evaluator = Evaluator(canonical(graph))

    def look(
        self, received: CallReceived, hints: int, facts: SessionFacts | None
    ) -> dict[int, Truth]:
        """How every condition came out, by its node. `facts` is what is known of the session."""
        decision = self._evaluator.decide(
            received.message,
            received.upstream,
            hints,
            agent=received.agent,
            session=received.session.key(received.agent),
            labels=None if facts is None else facts.labels,
            called=None if facts is None else facts.called,
        )
        matched = {index for index, _ in decision.shadow}
        unjudged = {index for index, _, _ in decision.indeterminate}
        return {
            node: "indeterminate" if at in unjudged else "true" if at in matched else "false"
            for node, at in self._places.items()
        }


def described(node: dict[str, Any], nodes: list[dict[str, Any]]) -> str:
    """A condition as people write it: `input $['amount']: { gt: 1000 }`."""
    kind = node["node"]
    match kind:
        case "constant":
            return str(node["text"])
        case "tool" | "upstream" | "agent":
            globs = [nodes[each]["pattern"] for each in node["globs"]]
            return f"{kind}: {globs[0] if len(globs) == 1 else '[' + ', '.join(globs) + ']'}"
        case "annotation":
            return f"{node['hint']}: {str(node['value']).lower()}"
        case "input" | "metadata":
            tests = (
                f"{each['operator']}: {nodes[each['value']]['json']}" for each in node["tests"]
            )
            asked = "{ " + ", ".join(tests) + " }"
            if node["quantifier"] == "every":
                asked = f"{{ every: {asked} }}"
            return f"{kind} {_path(nodes[node['path']]['path'])}: {asked}"
        case _:
            return f"session {kind}: [{', '.join(node['names'])}]"


def _path(normal: str) -> str:
    """`$['order']['id']` as `$.order.id`, where the names allow it."""
    text = normal
    for part in normal.split("['")[1:]:
        name, closed, _ = part.partition("']")
        if closed and name.isidentifier():
            text = text.replace(f"['{name}']", f".{name}", 1)
    return text
