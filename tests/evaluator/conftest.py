"""A builder of rule graphs, so that each test writes only what it is about."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from helio.evaluator import Decision, Evaluator, Message, tool_call

SETTINGS: dict[str, Any] = {
    "default": "allow",
    "flag_destructive": "log",
    "on_tool_drift": "block",
    "unknown_tools": "allow",
    "dry_run": False,
    "shadow": False,
    "blocked_as": "tool_result",
    "environment": None,
}


class Policy:
    """A graph being written: conditions and limits are nodes, rules stand in file order."""

    def __init__(self, **settings: Any) -> None:
        self.settings = SETTINGS | settings
        self.nodes: list[dict[str, Any]] = []
        self.rules: list[int] = []
        self.budgets: list[int] = []

    def add(self, node: str, **fields: Any) -> int:
        self.nodes.append({"node": node, **fields})
        return len(self.nodes) - 1

    def globs(self, node: str, *patterns: str) -> int:
        return self.add(node, globs=[self.add("glob", pattern=pattern) for pattern in patterns])

    def tool(self, *patterns: str) -> int:
        return self.globs("tool", *patterns)

    def annotation(self, hint: str, value: bool) -> int:
        return self.add("annotation", hint=hint, value=value)

    def input(
        self, path: str, tests: Mapping[str, object], quantifier: str = "some", node: str = "input"
    ) -> int:
        place = self.add("path", path=path)
        compiled = [
            {"operator": operator, "value": self.add("value", json=json.dumps(operand))}
            for operator, operand in tests.items()
        ]
        return self.add(node, path=place, quantifier=quantifier, tests=compiled)

    def rate(self, limit: str, maximum: int, key: Sequence[str] = ("tool",)) -> int:
        return self.add(
            "limit", id=limit, kind="rate", maximum=str(maximum), window_ms=60_000, key=list(key)
        )

    def spend(self, limit: str, path: str, maximum: str, key: Sequence[str] = ("tool",)) -> int:
        return self.add(
            "limit",
            id=limit,
            kind="spend",
            maximum=maximum,
            window_ms=60_000,
            key=list(key),
            path=self.add("path", path=path),
            currency="GBP",
        )

    def rule(self, action: str, *conditions: int, **fields: Any) -> None:
        rule = {
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
            "digest": "sha256:" + "0" * 64,
        }
        self.rules.append(self.add("rule", **(rule | fields)))

    def contributor(self, price: str, *conditions: int) -> int:
        """What a budget counts: a fixed price, or one at a path."""
        worth: dict[str, Any] = {"amount": price}
        if price.startswith("$"):
            worth = {"path": self.add("path", path=price)}
        return self.add("contributor", conditions=list(conditions), **worth)

    def budget(self, name: str, *contributors: int, **fields: Any) -> None:
        budget = {
            "id": f"budget:{name}",
            "name": name,
            "maximum": "100",
            "currency": "GBP",
            "window_ms": 1000,
            "idle_ttl_ms": None,
            "key": ["global"],
            "on_exceed": "deny",
            "approval": None,
            "contributors": list(contributors),
        }
        self.budgets.append(self.add("budget", **(budget | fields)))

    def document(self) -> dict[str, Any]:
        return {
            "helio_graph": 1,
            "settings": self.settings,
            "nodes": self.nodes,
            "rules": self.rules,
            "budgets": self.budgets,
        }

    def text(self) -> bytes:
        return json.dumps(self.document()).encode()

    def evaluator(self) -> Evaluator:
        return Evaluator(self.text())

    def decide(
        self,
        tool: str = "pay",
        arguments: object = None,
        upstream: str = "default",
        hints: int = 0,
        **facts: Any,
    ) -> Decision:
        return self.evaluator().decide(call(tool, arguments), upstream, hints, **facts)


def call(tool: str = "pay", arguments: object = None) -> Message:
    """A `tools/call` message; bytes are taken as the arguments' JSON as it is."""
    raw = arguments if isinstance(arguments, bytes) else json.dumps(arguments).encode()
    return tool_call(tool, raw)


@pytest.fixture
def policy() -> Policy:
    """An empty policy whose default is `allow`."""
    return Policy()


@pytest.fixture
def strict_policy() -> Policy:
    """An empty policy whose default is `deny`."""
    return Policy(default="deny")


@pytest.fixture
def make_call() -> Any:
    """`make_call(tool, arguments)` gives a `Message`."""
    return call
