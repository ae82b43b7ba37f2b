"""What a policy looks at when it decides about calls of a tool. Pure.

Above: `replay` (asks when something about a recorded call is not known). Below: `helio.policy`.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

import orjson

from helio.evaluator import glob_matches
from helio.policy.graph import CompiledPolicy

_DEFAULT: Final = -1
_NEVER: Final = 1 << 32

Node = Mapping[str, Any]


class Attention:
    """Which of a policy's rules look at arguments, and which at annotations."""

    def __init__(self, compiled: CompiledPolicy) -> None:
        graph = orjson.loads(compiled.graph)
        self._nodes: list[Node] = graph["nodes"]
        self._rules = [self._nodes[at] for at in graph["rules"] if not self._nodes[at]["shadow"]]
        self._contributors = [
            self._nodes[at]
            for budget in graph.get("budgets", ())
            for at in self._nodes[budget]["contributors"]
        ]
        self._asks_of_destructive = compiled.settings.flag_destructive == "require_approval"
        self.first_by_arguments = lru_cache(4096)(self._first(self._by_arguments))
        self.first_by_annotations = lru_cache(4096)(self._first(self._by_annotations))
        self.priced_by_arguments = lru_cache(4096)(self._priced_by_arguments)

    def rests_on_arguments(self, tool: str, rule: int) -> bool:
        """Whether another text of the arguments could have led to another decision than that of
        `rule` (-1 for the default)."""
        return self.first_by_arguments(tool) <= _place(rule)

    def rests_on_annotations(self, tool: str, rule: int) -> bool:
        """The same for the tool's annotations."""
        if rule == _DEFAULT and self._asks_of_destructive:
            return True
        return self.first_by_annotations(tool) <= _place(rule)

    def _first(self, looks: Callable[[Node], bool]) -> Callable[[str], int]:
        """The index of the first rule for a tool that `looks`."""
        looking = [rule for rule in self._rules if looks(rule)]

        def first(tool: str) -> int:
            found = (int(rule["index"]) for rule in looking if self._concerns(rule, tool))
            return next(found, _NEVER)

        return first

    def _by_arguments(self, rule: Node) -> bool:
        limits = [self._nodes[at] for at in rule["limits"]]
        return (
            any(node["node"] == "input" for node in self._conditions(rule))
            or any(limit["kind"] == "spend" or "call" in limit["key"] for limit in limits)
            or any(each["bind"] for each in rule["evidence"])
        )

    def _by_annotations(self, rule: Node) -> bool:
        return any(node["node"] == "annotation" for node in self._conditions(rule))

    def _priced_by_arguments(self, tool: str) -> bool:
        """Whether what a call of the tool takes from a budget depends on its arguments."""
        return any(
            "path" in each or any(node["node"] == "input" for node in self._conditions(each))
            for each in self._contributors
            if self._concerns(each, tool)
        )

    def _concerns(self, node: Node, tool: str) -> bool:
        """Whether what a rule or contributor says of tools' names holds for this one."""
        return all(
            any(glob_matches(self._nodes[at]["pattern"], tool) for at in condition["globs"])
            for condition in self._conditions(node)
            if condition["node"] == "tool"
        )

    def _conditions(self, node: Node) -> Iterator[Node]:
        return (self._nodes[at] for at in node["conditions"])


def _place(rule: int) -> int:
    """A rule's place in the walk; the default comes last."""
    return _NEVER - 1 if rule == _DEFAULT else rule
