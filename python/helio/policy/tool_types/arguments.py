"""Findings about what rules ask of arguments: paths that no tool has, and tests that never hold.

Above: `findings`. Below: `fitting`, `schemas`, `wording`. Pure. Nothing is said of a path unless
the schema of every tool in question says it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from helio.diagnostics import (
    Code,
    Diagnostics,
    Interpolated,
    Node,
    Scalar,
    near_miss,
    opening,
    quoted,
)
from helio.diagnostics import Sequence as SequenceNode
from helio.policy import tool_codes as codes
from helio.policy.document import Operation, Selection, Text
from helio.policy.operands import MEMBERSHIP, json_text, operand_json
from helio.policy.patterns import normal_path
from helio.policy.reach.effort import TooLarge
from helio.policy.reach.values import read
from helio.policy.tool_types.fitting import Hindrance, hindrance, together
from helio.policy.tool_types.known import KnownTool
from helio.policy.tool_types.schemas import Reading, Values, type_of
from helio.policy.tool_types.wording import (
    bounds_shown,
    listed,
    members_of,
    of_tools,
    type_words,
    value_shown,
)

_MOST_NAMES: Final = 6
_CODES: Final[dict[Hindrance, Code]] = {
    "type": codes.NEVER_OF_THIS_TYPE,
    "enum": codes.NOT_AMONG_VALUES,
    "range": codes.OUT_OF_BOUNDS,
}
Tools = tuple[KnownTool, ...]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A path that a rule asks about, and what the schemas of all its tools say of it."""

    path: str
    tools: Tools
    readings: tuple[Reading, ...]
    values: tuple[Values, ...]
    """All shapes of values, of all tools."""

    @property
    def shown(self) -> str:
        """The path, as one writes it."""
        return quoted(_name_shown(self.path))


class Arguments:
    """Checks what rules ask of arguments. What was found out of a path is kept for other rules on
    the same tools."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics
        self._known: dict[tuple[Tools, str], _Asked] = {}

    def selection(self, selection: Selection, tools: Tools) -> None:
        """What is asked of one path, in calls of any of the tools."""
        asked = self.path(selection.selector, tools)
        if asked is None:
            return
        for operation in selection.operations:
            self._operation(operation, asked)

    def path(self, text: Text, tools: Tools) -> _Asked | None:
        """What the schemas say of a path; None where one of them does not say, or where none of
        them has it, which is told."""
        asked = self._asked(tools, normal_path(text.value))
        if not asked.readings:
            return None
        if asked.values:
            return asked
        first = asked.readings[0]
        if first.absent is not None:
            message = f"{quoted(text.value)} is no argument of {of_tools(tools)}"
            hint = _other_names(first)
            self._diagnostics.add(codes.NO_SUCH_ARGUMENT, message, text.span, text.path, hint)
        return None

    def _asked(self, tools: Tools, path: str) -> _Asked:
        """What each tool's schema says, in their order; nothing where one of them does not say."""
        key = (tools, path)
        found = self._known.get(key)
        if found is None:
            readings = _all_readings(tools, path)
            values = tuple(values for reading in readings for values in reading.values)
            found = self._known[key] = _Asked(path, tools, readings, values)
        return found

    def _operation(self, operation: Operation, asked: _Asked) -> None:
        try:
            operand = read(operand_json(operation))
        except TooLarge:
            return
        operator = operation.operator
        if operator not in ("eq", "in"):
            why = _hindrance(operator, operand, asked)
            if why is not None:
                self._never(why, operation, operation.operand, operand, asked)
                return
        if operator in ("eq", "neq", *MEMBERSHIP):
            for node, member in _members(operation):
                why = _hindrance("eq", member, asked)
                if why == "enum":
                    self._unlisted(operation, node, member, asked)
                elif why is not None and operator in ("eq", "in"):
                    self._never(why, operation, node, member, asked)

    def _unlisted(self, operation: Operation, node: Node, member: Any, asked: _Asked) -> None:
        """A value that no schema lists."""
        message = f"{asked.shown} is never {_value(node)} in {of_tools(asked.tools)}"
        hint = _other_member(node, member, asked.values)
        code = codes.NOT_AMONG_VALUES
        self._diagnostics.add(code, message, opening(node), operation.path, hint)

    def _never(
        self, why: Hindrance, operation: Operation, node: Node, operand: Any, asked: _Asked
    ) -> None:
        """A test that is true of no value that a schema allows."""
        hint = None
        match why:
            case "type":
                what = type_words(asked.values)
                hint = _other_type(operation, operand, asked.values)
            case "enum":
                listed_values = map(value_shown, members_of(asked.values)[:_MOST_NAMES])
                what = f"one of {', '.join(listed_values)}"
            case "range":
                what = bounds_shown(asked.values)
        message = f"`{operation.operator}` never holds: {asked.shown} is {what} in "
        message += of_tools(asked.tools)
        self._diagnostics.add(_CODES[why], message, opening(node), operation.path, hint)


def _hindrance(operator: str, operand: Any, asked: _Asked) -> Hindrance | None:
    found: list[Hindrance | None] = []
    for values in asked.values:
        why = hindrance(operator, operand, values)
        if why is None:
            return None
        found.append(why)
    return together(found)


def _all_readings(tools: Tools, path: str) -> tuple[Reading, ...]:
    found = []
    for tool in tools:
        reading = tool.schema.reading(path)
        if reading is None:
            return ()
        found.append(reading)
    return tuple(found)


def _members(operation: Operation) -> Iterator[tuple[Node, Any]]:
    """The values that an operand names, with their places."""
    operand = operation.operand
    items: Sequence[Node] = operand.items if isinstance(operand, SequenceNode) else [operand]
    if operation.operator not in MEMBERSHIP:
        items = [operand]
    for item in items:
        text = operand_json(operation) if item is operand else json_text(item)
        yield item, read(text)


def _name_shown(path: str) -> str:
    """A path as one writes it."""
    return path.replace("['", ".").replace("']", "") if path.count("'") % 2 == 0 else path


def _value(node: Node) -> str:
    if isinstance(node, Scalar):
        return quoted(node.value if isinstance(node.value, str) else json_text(node))
    return "this"


def _other_names(reading: Reading) -> str | None:
    if reading.absent is None:
        return None
    if not reading.names:
        return "there are no arguments in its place"
    near = near_miss(reading.absent, reading.names)
    if near is not None:
        return f"did you mean {quoted(near)}?"
    verb = "is" if len(reading.names) == 1 else "are"
    return f"there {verb} {listed(reading.names, _MOST_NAMES)}"


def _other_member(node: Node, operand: Any, values: Sequence[Values]) -> str:
    members = members_of(values)
    if isinstance(operand, str) and not (
        isinstance(node, Scalar) and isinstance(node.value, Interpolated)
    ):
        texts = [member for member in members if isinstance(member, str)]
        near = near_miss(operand, texts)
        if near is not None:
            return f"did you mean {quoted(near)}?"
    shown = [value_shown(member) for member in members[:_MOST_NAMES]]
    more = f" and {len(members) - _MOST_NAMES} more" if len(members) > _MOST_NAMES else ""
    return f"its schema lists {', '.join(shown)}{more}"


def _other_type(operation: Operation, operand: Any, values: Sequence[Values]) -> str | None:
    types = {name for each in values for name in each.types}
    if operation.operator == "neq" and operand is None:
        return "values are compared within their type: that there is one is `{ exists: true }`"
    if type_of(operand) == "number" and types == {"string"}:
        if operation.operator in ("eq", "neq"):
            return "quote the value: it is compared with text"
        return "text is not compared with numbers: use `eq`, `in` or `regex`"
    if type_of(operand) == "string" and types == {"number"} and operation.operator == "eq":
        return "write the number without quotes"
    if types == {"array"}:
        return "ask about its elements: end the path with `[*]`"
    return None
