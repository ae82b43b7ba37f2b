"""Generated policies and calls: the same for the same seed, and distinct calls throughout.

Above: `helio.bench.evaluator`, `helio.bench.proxy`, the scripts in `benches/`. Below:
`helio.evaluator` (the packing of annotations). Pure.

A policy is a mix of first-match rules: 40 % name a tool exactly, 30 % by a glob, 15 % by a glob and
an annotation, 15 % compare a number that a JSONPath selects. `decide_plainly` reads such a policy
rule by rule, so that what is measured can be checked.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

import orjson

from helio.evaluator import pack_hints

CALLS = 2_000
"""Distinct calls of a workload."""
FIELDS = ("amount", "total", "quantity", "limit", "score")
"""Arguments that hold a number; each call has two of them."""
LOW, HIGH = 10_000, 1_000_000
"""Numbers in arguments are below `LOW`, but for one call in ten; thresholds of rules are above."""
DIGEST = "sha256:" + "0" * 64
"""Stands for a rule's digest, which does not count in a benchmark."""

Kind = Literal["exact", "glob", "annotation", "comparison"]
SHARES: tuple[tuple[float, Kind], ...] = (
    (0.40, "exact"),
    (0.70, "glob"),
    (0.85, "annotation"),
    (1.00, "comparison"),
)
"""The mix: up to which share of the rules each kind goes."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule in one of the four shapes; what is None is not asked. `above` belongs to `field`."""

    name: str
    kind: Kind
    tool: str | None = None
    destructive: bool | None = None
    field: str | None = None
    above: int = 0
    deny: bool = False


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as an upstream lists it; `destructive` is None where it has no annotation."""

    name: str
    destructive: bool | None

    @property
    def annotations(self) -> dict[str, bool]:
        """Its annotations in MCP's shape."""
        return {} if self.destructive is None else {"destructiveHint": self.destructive}


@dataclass(frozen=True, slots=True)
class Call:
    """A `tools/call` message of about 750 bytes, and what the plain reading needs of it."""

    body: bytes
    tool: Tool
    arguments: dict[str, object]
    hints: int


def make_rules(count: int, chance: random.Random) -> list[Rule]:
    """`count` rules with distinct names and patterns, in random order; about half of them deny."""
    rules = [_make_rule(number, count, chance) for number in range(count)]
    chance.shuffle(rules)
    return rules


def _make_rule(number: int, count: int, chance: random.Random) -> Rule:
    kind = next(kind for share, kind in SHARES if number / count < share)
    name, deny = f"{kind}-{number}", chance.random() < 0.5
    match kind:
        case "exact":
            return Rule(name, kind, tool=f"service{number}_operation{number % 7}", deny=deny)
        case "glob":
            pattern = (f"team{number}_*", f"*_job{number}")[number % 2]
            return Rule(name, kind, tool=pattern, deny=deny)
        case "annotation":
            tool = f"area{number}_*"
            return Rule(name, kind, tool=tool, destructive=number % 2 == 0, deny=deny)
        case "comparison":
            above = LOW + chance.randrange(HIGH)
            return Rule(name, kind, field=FIELDS[number % len(FIELDS)], above=above, deny=deny)


def make_tools(rules: Sequence[Rule], count: int, chance: random.Random) -> list[Tool]:
    """`count` tools, most of which some rule names. Those of exact rules may come repeatedly."""
    patterns = [rule.tool for rule in rules if rule.tool is not None]
    tools = []
    for number in range(count):
        named = bool(patterns) and chance.random() < 0.85
        pattern = chance.choice(patterns) if named else "other*"
        destructive = chance.choice([True, False, None])
        tools.append(Tool(pattern.replace("*", f"call{number}"), destructive))
    return tools


def make_call(number: int, tool: Tool, chance: random.Random) -> Call:
    """One call; those with other numbers differ from it. One in ten has a high number in it."""
    first, second = chance.sample(FIELDS, 2)
    high = chance.random() < 0.1
    arguments: dict[str, object] = {
        "customer": {"id": f"cus_{number:06}", "email": f"person{number}@example.test"},
        "currency": chance.choice(["GBP", "EUR", "USD"]),
        first: chance.randrange(LOW, HIGH) if high else chance.randrange(LOW),
        second: chance.randrange(LOW),
        "tags": [f"tag{chance.randrange(100)}" for _ in range(4)],
        "lines": [
            {"sku": f"sku-{number}-{line}", "count": line + 1, "price": chance.randrange(LOW)}
            for line in range(4)
        ],
        "note": "Please handle this one with care; it was asked for by telephone. " * 4,
    }
    return Call(call_body(number, tool.name, arguments), tool, arguments, _hints(tool))


def call_body(number: int, tool: str, arguments: dict[str, object]) -> bytes:
    """The message of a call with the id `number`."""
    params = {"name": tool, "arguments": arguments, "_meta": {"progressToken": number}}
    return orjson.dumps({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params})


def _hints(tool: Tool) -> int:
    return pack_hints(tool.annotations)


def make_calls(rules: Sequence[Rule], chance: random.Random, count: int = CALLS) -> list[Call]:
    """Distinct calls, each of a tool of its own: no cache of tool names helps them."""
    tools = make_tools(rules, count, chance)
    return [make_call(number, tool, chance) for number, tool in enumerate(tools)]


def seeded(seed: int) -> random.Random:
    """A source of chance that is the same for the same seed."""
    return random.Random(seed)  # noqa: S311 - a workload must repeat, and keeps no secret


def decide_plainly(rules: Sequence[Rule], call: Call) -> int:
    """The index of the first rule that holds, by the plainest reading; -1 for none."""
    return next((index for index, rule in enumerate(rules) if _holds(rule, call)), -1)


def _holds(rule: Rule, call: Call) -> bool:
    if rule.tool is not None and not fnmatchcase(call.tool.name, rule.tool):
        return False
    if rule.destructive is not None:
        # MCP's default for a tool that says nothing is that it may destroy.
        destructive = True if call.tool.destructive is None else call.tool.destructive
        if rule.destructive != destructive:
            return False
    if rule.field is not None:
        value = call.arguments.get(rule.field)
        return isinstance(value, int) and value > rule.above
    return True


def make_document(rules: Sequence[Rule]) -> list[dict[str, object]]:
    """The rules as `policies.rules` of helio.yaml."""
    return [_rule_document(rule) for rule in rules]


def _rule_document(rule: Rule) -> dict[str, object]:
    match: dict[str, object] = {}
    if rule.tool is not None:
        match["tool"] = rule.tool
    if rule.destructive is not None:
        match["annotations"] = {"destructiveHint": rule.destructive}
    if rule.field is not None:
        match["input"] = {f"$.{rule.field}": {"gt": rule.above}}
    return {"name": rule.name, "match": match, "action": "deny" if rule.deny else "allow"}


def make_graph(rules: Sequence[Rule]) -> bytes:
    """The rules as a rule graph ("The rule graph" in docs/architecture.md)."""
    nodes: list[dict[str, object]] = []
    places = [_add_rule(nodes, index, rule) for index, rule in enumerate(rules)]
    settings = {
        "default": "allow",
        "flag_destructive": "log",
        "on_tool_drift": "block",
        "unknown_tools": "allow",
        "dry_run": False,
        "shadow": False,
        "blocked_as": "tool_result",
        "environment": None,
    }
    graph = {"helio_graph": 1, "settings": settings, "nodes": nodes, "rules": places}
    return json.dumps(graph).encode()


def _add_rule(nodes: list[dict[str, object]], index: int, rule: Rule) -> int:
    """Adds a rule and what it refers to; returns its place among the nodes."""

    def add(node: str, **fields: object) -> int:
        nodes.append({"node": node, **fields})
        return len(nodes) - 1

    conditions = []
    if rule.tool is not None:
        conditions.append(add("tool", globs=[add("glob", pattern=rule.tool)]))
    if rule.destructive is not None:
        conditions.append(add("annotation", hint="destructiveHint", value=rule.destructive))
    if rule.field is not None:
        path = add("path", path=f"$['{rule.field}']")
        tests = [{"operator": "gt", "value": add("value", json=str(rule.above))}]
        conditions.append(add("input", path=path, quantifier="some", tests=tests))
    return add(
        "rule",
        index=index,
        name=rule.name,
        conditions=conditions,
        action="deny" if rule.deny else "allow",
        until=False,
        limits=[],
        evidence=[],
        requires=[],
        requires_success=False,
        labels=[],
        approval=None,
        feedback=None,
        shadow=False,
        digest=DIGEST,
    )
