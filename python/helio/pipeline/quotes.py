"""What Helio's own words quote of a call's arguments, kept out of its records. Pure.

Above: `judgement`, `record`, `shadow`. Below: `helio.evaluator`. The agent is told in full what it
sent; a record is not, where something in these arguments must not be written.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from helio.evaluator import Decision, Redactor
from helio.pipeline.events import CallReceived

_NUMBER: Final = re.compile(r"-?[0-9][0-9.eE+-]*…?")
_FOUND: Final = "found "

Hidden = Mapping[str, str]
"""Quotes, each with what stands for it in records."""


def hidden_quotes(decision: Decision, received: CallReceived, redactor: Redactor) -> Hidden:
    """The quotes that a decision's texts hold; none when nothing in the arguments is hidden."""
    quotes = {quote: _kind(quote) for quote in _quotes(decision)}
    hidden = {quote: f"{kind} (redacted)" for quote, kind in quotes.items() if kind is not None}
    if not hidden:
        return {}
    arguments, tool = received.message.arguments, received.message.tool or ""
    return {} if redactor.arguments(tool, arguments) is arguments else hidden


def without(value: Any, hidden: Hidden) -> Any:
    """Texts, or lists and mappings of them, with nothing quoted that is hidden."""
    if not hidden:
        return value
    match value:
        case str():
            for quote in sorted(hidden, key=len, reverse=True):
                value = value.replace(quote, hidden[quote])
            return value
        case Mapping():
            return {key: without(member, hidden) for key, member in value.items()}
        case list() | tuple():
            return [without(item, hidden) for item in value]
        case _:
            return value


def _quotes(decision: Decision) -> Iterator[str]:
    for _, _, detail in decision.indeterminate:
        if detail.startswith(_FOUND):
            yield detail.removeprefix(_FOUND)
    faults = (decision.fault, decision.budget_fault, *decision.shadow_faults)
    yield from (fault[3] for fault in faults if fault is not None)


def _kind(quote: str) -> str | None:
    """What is quoted; None for what says only of what kind it is."""
    if quote.startswith("string "):
        return "a string"
    return "a number" if _NUMBER.fullmatch(quote) else None
