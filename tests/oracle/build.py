"""Builds rule graphs by hand: nodes in, canonical JSON out (see docs/architecture.md).

Equal nodes stand once and children before parents, as the compiler writes them. Above it the tests
of the oracle and the properties. Pure.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

SETTINGS = {
    "default": "allow",
    "flag_destructive": "log",
    "on_tool_drift": "block",
    "unknown_tools": "allow",
    "dry_run": False,
    "shadow": False,
    "blocked_as": "tool_result",
    "environment": None,
}


def canonical(value: Any) -> str:
    """Return the canonical JSON text: keys sorted, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class GraphBuilder:
    """Collects nodes; each method that adds one returns its index."""

    def __init__(self, **settings: Any) -> None:
        self.settings = SETTINGS | settings
        self.nodes: list[dict[str, Any]] = []
        self.rules: list[int] = []
        self.budgets: list[int] = []
        self.indices: dict[str, int] = {}

    def add(self, node: str, **fields: Any) -> int:
        """Add a node, or find the equal one that is there."""
        content = {"node": node, **fields}
        key = canonical(content)
        if key not in self.indices:
            self.indices[key] = len(self.nodes)
            self.nodes.append(content)
        return self.indices[key]

    def named(self, node: str, patterns: Iterable[str]) -> int:
        """Add a `tool`, `upstream` or `agent` node."""
        return self.add(node, globs=[self.add("glob", pattern=p) for p in patterns])

    def selecting(
        self,
        node: str,
        path: str,
        tests: Sequence[tuple[str, str]],
        quantifier: str = "some",
    ) -> int:
        """Add an `input` or `metadata` node; `tests` are operators with the JSON of operands."""
        return self.add(
            node,
            path=self.add("path", path=path),
            quantifier=quantifier,
            tests=[{"operator": o, "value": self.add("value", json=v)} for o, v in tests],
        )

    def annotation(self, hint: str, value: bool) -> int:
        return self.add("annotation", hint=hint, value=value)

    def names(self, node: str, names: Iterable[str]) -> int:
        """Add a `labels`, `called` or `not_called` node."""
        return self.add(node, names=list(names))

    def rate(
        self, identity: str, maximum: str, window_ms: int, key: Sequence[str] = ("tool",)
    ) -> int:
        return self.add(
            "limit",
            id=identity,
            kind="rate",
            maximum=maximum,
            window_ms=window_ms,
            key=list(key),
        )

    def spend(
        self,
        identity: str,
        maximum: str,
        window_ms: int,
        path: str,
        *,
        key: Sequence[str] = ("tool",),
        currency: str = "GBP",
    ) -> int:
        return self.add(
            "limit",
            id=identity,
            kind="spend",
            maximum=maximum,
            window_ms=window_ms,
            key=list(key),
            path=self.add("path", path=path),
            currency=currency,
        )

    def rule(self, conditions: Iterable[int] = (), action: str = "allow", **fields: Any) -> int:
        """Add the next rule in file order; `fields` replace the defaults of a rule's fields."""
        content: dict[str, Any] = {
            "index": len(self.rules),
            "name": None,
            "conditions": list(conditions),
            "action": action,
            "until": False,
            "limits": [],
            "evidence": [],
            "requires": [],
            "requires_success": False,
            "labels": [],
            "approval": None,
            "feedback": None,
            "shadow": False,
        } | fields
        meaning = hashlib.sha256(canonical(self.written_out(content)).encode()).hexdigest()
        index = self.add("rule", **content, digest=f"sha256:{meaning}")
        self.rules.append(index)
        return index

    def contributor(self, conditions: Iterable[int], price: str) -> int:
        """Add what a budget counts: a fixed price, or one at a path."""
        worth: dict[str, Any] = {"amount": price}
        if price.startswith("$"):
            worth = {"path": self.add("path", path=price)}
        return self.add("contributor", conditions=list(conditions), **worth)

    def budget(self, name: str, contributors: Iterable[int], **fields: Any) -> int:
        """Add the next budget in file order; `fields` replace the defaults of its fields."""
        content: dict[str, Any] = {
            "id": f"budget:{name}",
            "name": name,
            "maximum": "5",
            "currency": "GBP",
            "window_ms": 1000,
            "idle_ttl_ms": None,
            "key": ["global"],
            "on_exceed": "deny",
            "approval": None,
            "contributors": list(contributors),
        } | fields
        self.budgets.append(self.add("budget", **content))
        return self.budgets[-1]

    def written_out(self, rule: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a rule means: without name, index and feedback, its nodes written out."""
        meaning = {k: v for k, v in rule.items() if k not in ("name", "index", "feedback")}
        meaning["conditions"] = [self.nodes[index] for index in rule["conditions"]]
        meaning["limits"] = [self.nodes[index] for index in rule["limits"]]
        return meaning

    def text(self) -> bytes:
        """Return the graph with a source whose spans are all the first character."""
        document: dict[str, Any] = {
            "helio_graph": 1,
            "settings": self.settings,
            "nodes": self.nodes,
            "rules": self.rules,
            "source": {"files": ["helio.yaml"], "spans": [[0, 1, 1, 1, 2] for _ in self.nodes]},
        }
        if self.budgets:
            document["budgets"] = self.budgets
        return canonical(document).encode()
