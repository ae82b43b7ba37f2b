"""What a condition looked at in a call, in words. Pure.

Above: `explainer`. Below: `helio.evaluator`, by whose paths values are selected.
"""

from typing import Final

from helio.evaluator import select
from helio.pipeline.explaining.probe import Condition
from helio.pipeline.explaining.stated import StatedCall, StatedSession

_MOST_VALUES: Final = 5
_MOST_CHARACTERS: Final = 80


def found(condition: Condition, call: StatedCall, upstream: str) -> str:
    """What of the call the condition is about: `500`, `nothing`, `3 values: 1, 2, 3`."""
    match condition.kind:
        case "tool":
            there = call.tool
        case "upstream":
            there = call.upstream or upstream
        case "agent":
            there = call.agent or "no agent"
        case "annotation":
            there = _annotation(condition.hint or "", call)
        case "input":
            there = _selected(condition, call.message.arguments)
        case "metadata":
            there = "no metadata" if call.metadata is None else _selected(condition, call.metadata)
        case "labels" | "called" | "not_called":
            there = _session(condition.kind, call.session)
        case _:
            there = condition.text
    return there


def _annotation(hint: str, call: StatedCall) -> str:
    stated = call.annotations.get(hint)
    if hint == "destructiveHint" and call.annotations.get("readOnlyHint") is True:
        return "false, because readOnlyHint is true"
    if stated is not None:
        return str(stated).lower()
    default = hint in ("destructiveHint", "openWorldHint")
    return f"not stated, so MCP's default: {str(default).lower()}"


def _selected(condition: Condition, document: bytes) -> str:
    """The values at the condition's path."""
    values = [_short(value) for value in select(condition.path or "$", document)]
    if not values:
        return "nothing"
    if len(values) == 1:
        return values[0]
    shown = ", ".join(values[:_MOST_VALUES])
    return f"{len(values)} values: {shown}{', …' if len(values) > _MOST_VALUES else ''}"


def _session(kind: str, session: StatedSession | None) -> str:
    if session is None:
        return "no session"
    names = session.labels if kind == "labels" else session.called
    none = "no labels" if kind == "labels" else "no calls"
    return ", ".join(names) or none


def _short(value: bytes) -> str:
    text = value.decode("utf-8", "replace")
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"
