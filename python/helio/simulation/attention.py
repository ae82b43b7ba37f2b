"""What a policy looks at when it decides about calls of a tool. Pure.

Above: `replay` (asks when something about a recorded call is not known). Below: `helio.policy`.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson

from helio.evaluator import glob_matches
from helio.policy.graph import CompiledPolicy

DEFAULT: Final = -1

Node = Mapping[str, Any]
Unseen = Callable[[str], bool]
"""Whether it is not known what a path (JSONPath) of the arguments selects."""
WHOLE: Final = "$"
"""The path of all arguments."""
SENDER: Final = "sender_id"
"""The member of an adapter's metadata that keys of limits and budgets may name."""


class _Rule(NamedTuple):
    """What one rule looks at: paths of the arguments, evidence about which calls, annotations, what
    adapters say beside a call."""

    place: int
    paths: tuple[str, ...]
    bound: tuple[str, ...]
    annotations: bool
    metadata: bool


class Attention:
    """Which of a policy's rules look at arguments, which at annotations and metadata, and where."""

    def __init__(self, compiled: CompiledPolicy) -> None:
        graph = orjson.loads(compiled.graph)
        self._nodes: list[Node] = graph["nodes"]
        self._rules = [self._nodes[at] for at in graph["rules"] if not self._nodes[at]["shadow"]]
        budgets = [self._nodes[at] for at in graph.get("budgets", ())]
        self._contributors = [self._nodes[at] for each in budgets for at in each["contributors"]]
        self._of_senders = [
            self._nodes[at]
            for each in budgets
            if SENDER in each["key"]
            for at in each["contributors"]
        ]
        self._asks_of_destructive = compiled.settings.flag_destructive == "require_approval"
        self._of_tool = lru_cache(4096)(self._looking)
        self._prices = lru_cache(4096)(self._pricing)

    def rests_on_arguments(self, tool: str, rule: int, unseen: Unseen) -> bool:
        """Whether what is `unseen` of the arguments could have led to another decision than that of
        `rule` (-1 for the default)."""
        return any(unseen(path) for each in self._until(tool, rule) for path in each.paths)

    def rests_on_evidence(self, tool: str, rule: int) -> tuple[str, ...]:
        """The evidence of which that decision asks what it was about."""
        return tuple(name for each in self._until(tool, rule) for name in each.bound)

    def rests_on_annotations(self, tool: str, rule: int) -> bool:
        """Whether other annotations of the tool could have led to another decision."""
        if rule == DEFAULT and self._asks_of_destructive:
            return True
        return any(each.annotations for each in self._until(tool, rule))

    def rests_on_metadata(self, tool: str, rule: int) -> bool:
        """Whether other metadata of an adapter's call could have led to another decision."""
        if any(self._concerns(each, tool) for each in self._of_senders):
            return True
        return any(each.metadata for each in self._until(tool, rule))

    def priced_by_arguments(self, tool: str, unseen: Unseen) -> bool:
        """Whether what a call of the tool takes from a budget depends on what is `unseen`."""
        return any(unseen(path) for path in self._prices(tool))

    def _until(self, tool: str, rule: int) -> Iterator[_Rule]:
        """What is looked at up to and with the rule that decides."""
        return (each for each in self._of_tool(tool) if rule == DEFAULT or each.place <= rule)

    def _looking(self, tool: str) -> tuple[_Rule, ...]:
        return tuple(
            _Rule(
                rule["index"],
                tuple(self._paths(rule)),
                tuple(each["tool"] for each in rule["evidence"] if each["bind"]),
                any(node["node"] == "annotation" for node in self._conditions(rule)),
                self._looks_at_metadata(rule),
            )
            for rule in self._rules
            if self._concerns(rule, tool)
        )

    def _looks_at_metadata(self, rule: Node) -> bool:
        keys = (self._nodes[at]["key"] for at in rule["limits"])
        return any(SENDER in key for key in keys) or any(
            node["node"] == "metadata" for node in self._conditions(rule)
        )

    def _paths(self, rule: Node) -> Iterator[str]:
        """The paths of a rule's conditions, of its limits, and of what evidence must be about."""
        yield from self._input_paths(rule)
        for limit in (self._nodes[at] for at in rule["limits"]):
            if limit["kind"] == "spend":
                yield self._nodes[limit["path"]]["path"]
            if "call" in limit["key"]:
                yield WHOLE
        for each in rule["evidence"]:
            yield from (self._nodes[here]["path"] for here, _ in each["bind"])

    def _pricing(self, tool: str) -> tuple[str, ...]:
        concerned = [each for each in self._contributors if self._concerns(each, tool)]
        paths = [path for each in concerned for path in self._input_paths(each)]
        return (
            *paths,
            *(self._nodes[each["path"]]["path"] for each in concerned if "path" in each),
        )

    def _input_paths(self, node: Node) -> Iterator[str]:
        for condition in self._conditions(node):
            if condition["node"] == "input":
                yield self._nodes[condition["path"]]["path"]

    def _concerns(self, node: Node, tool: str) -> bool:
        """Whether what a rule or contributor says of tools' names holds for this one."""
        return all(
            any(glob_matches(self._nodes[at]["pattern"], tool) for at in condition["globs"])
            for condition in self._conditions(node)
            if condition["node"] == "tool"
        )

    def _conditions(self, node: Node) -> Iterator[Node]:
        return (self._nodes[at] for at in node["conditions"])
