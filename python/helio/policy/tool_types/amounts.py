"""Findings about the amounts that limits and budgets take from arguments.

Above: `findings`. Below: `schemas`, `wording`. Pure. A call whose amount is missing or is no number
is blocked, so each tool is judged on its own.
"""

from collections.abc import Iterable
from typing import Literal

from helio.diagnostics import Diagnostics, quoted
from helio.policy import tool_codes as codes
from helio.policy.document import Match, Text
from helio.policy.patterns import normal_path
from helio.policy.tool_types.known import KnownTool
from helio.policy.tool_types.wording import of_tools, type_words

_Fault = Literal["absent", "type", "optional"]


def check_amount(
    field: Text, match: Match | None, tools: Iterable[KnownTool], diagnostics: Diagnostics
) -> None:
    """Adds which of the tools have no amount there. Where the rule itself asks about the path, what
    it says counts."""
    path = normal_path(field.value)
    if match is not None and any(normal_path(each.selector.value) == path for each in match.input):
        return
    faulty: dict[_Fault, list[KnownTool]] = {}
    for tool in tools:
        fault = _fault(tool, path)
        if fault is not None:
            faulty.setdefault(fault, []).append(tool)
    shown = quoted(field.value)
    if "absent" in faulty:
        message = f"calls of {of_tools(faulty['absent'])} have no {shown}, and are all blocked"
        diagnostics.add(codes.NO_AMOUNT, message, field.span, field.path)
    if "type" in faulty:
        found = faulty["type"]
        readings = [reading for tool in found if (reading := tool.schema.reading(path))]
        words = type_words(values for reading in readings for values in reading.values)
        message = f"{shown} is {words} in {of_tools(found)}: all these calls are blocked"
        hint = "an amount is a JSON number; have the tool take one" if "string" in words else None
        diagnostics.add(codes.NO_AMOUNT, message, field.span, field.path, hint)
    if "optional" in faulty:
        message = f"{shown} is optional in {of_tools(faulty['optional'])}"
        diagnostics.add(codes.OPTIONAL_AMOUNT, message, field.span, field.path)


def _fault(tool: KnownTool, path: str) -> _Fault | None:
    reading = tool.schema.reading(path)
    if reading is None:
        return None
    if not reading.values:
        return "absent" if reading.absent is not None else None
    if not any("number" in values.types for values in reading.values):
        return "type"
    return "optional" if reading.is_optional else None
