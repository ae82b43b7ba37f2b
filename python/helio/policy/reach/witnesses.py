"""Calls that show a finding, as JSON values, and what the evaluator says of them.

Above: `findings`. Below: `conditions`, `helio.evaluator`. Pure. A call that cannot be written, or
of which the evaluator says something else, is no witness: nothing is shown that was not run.
"""

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple

from helio.diagnostics.exact_json import json_bytes
from helio.evaluator import Decision, Evaluator, MalformedMessage, pack_hints, tool_call
from helio.policy.reach.conditions import Subject
from helio.policy.reach.scans import KIND, members_of, scan_of

Witness = dict[str, Any]
"""`tool` and `arguments`; `upstream`, `agent`, `annotations`, `session` with `labels` and `called`,
and `metadata` where the rules ask about them. That of a scan has its `record_kind`, too."""

_FACTS: Final = frozenset({"labels", "called"})
_PLAIN: Final = ("tool", "arguments")
"""What every witness has."""
_SEGMENT: Final = re.compile(r"(?:\.\.)?(?:\['((?:[^'\\]|\\['\\])*)'\]|\[(\d{1,2})\]|\[(\*)\])")
_SHORT_INTEGER: Final = re.compile(r"-?\d{1,15}")
_SAFE_INTEGER: Final = 2**53
_MISSING: Final = object()


class Reached(NamedTuple):
    """A call that gets to a rule, and what the evaluator says of it."""

    witness: Witness
    decision: Decision


class _Unwritable(Exception):
    """No call was found that has these values at these paths."""


def witness_of(examples: Mapping[Subject, Any]) -> Witness | None:
    """The call that has these examples of its subjects; None when it cannot be written."""
    if KIND in examples:
        return scan_of(examples) | _named(examples, "agent")
    asked_about = {subject[0] for subject in examples}
    witness: Witness = {"tool": examples.get(("tool",), "any_tool")}
    try:
        witness["arguments"] = _document(examples, "input")
        if "metadata" in asked_about:
            witness["metadata"] = _document(examples, "metadata")
    except _Unwritable:
        return None
    witness |= _named(examples, "upstream", "agent", "annotations")
    if not asked_about.isdisjoint(_FACTS):
        facts: dict[Subject, Any] = {
            subject: found for subject, found in examples.items() if subject[0] in _FACTS
        }
        asked = list(facts.values())
        known = {name: _there(facts, name) for name in ("labels", "called")}
        if len({is_there is None for is_there in asked}) == 2:
            return None
        witness["session"] = None if asked[0] is None else known
    return witness


def judged(
    evaluator: Evaluator,
    witness: Witness,
    *,
    below: int | None = None,
    session_falls_back: bool = False,
) -> Decision | None:
    """What the evaluator says of the call, or what the rules below one say; None when it takes no
    such call.
    """
    try:
        message = tool_call(witness["tool"], json_bytes(members_of(witness)))
    except MalformedMessage:
        return None
    if len(witness) == len(_PLAIN):
        return evaluator.decide(
            message, "default", session_falls_back=session_falls_back, below=below
        )
    session = witness.get("session") or {}
    has_session = "session" in witness and witness["session"] is not None
    metadata = witness.get("metadata")
    return evaluator.decide(
        message,
        witness.get("upstream", "default"),
        pack_hints(witness.get("annotations")),
        agent=witness.get("agent"),
        session="s" if has_session else None,
        session_falls_back=session_falls_back,
        labels=session.get("labels", ()),
        called=session.get("called", ()),
        metadata=None if metadata is None else json_bytes(metadata),
        below=below,
    )


def _named(examples: Mapping[Subject, Any], *names: str) -> Witness:
    return {name: examples[name,] for name in names if (name,) in examples}


def _there(facts: Mapping[Subject, Any], kind: str) -> list[str]:
    return [subject[1] for subject, is_there in facts.items() if subject[0] == kind and is_there]


def _document(examples: Mapping[Subject, Any], kind: str) -> dict[str, Any]:
    document: Any = {}
    for subject, values in examples.items():
        if subject[0] == kind and values:
            segments = _segments(subject[1])
            document = _placed(document, segments, [_value(text) for text in values])
    if not isinstance(document, dict):
        raise _Unwritable
    return document


@lru_cache(maxsize=4096)
def _segments(path: str) -> tuple[str | int | None, ...]:
    """Names, indices, and None for each wildcard."""
    found: list[str | int | None] = []
    at = 1
    while at < len(path):
        segment = _SEGMENT.match(path, at)
        if segment is None:
            raise _Unwritable
        name, index, _ = segment.groups()
        if name is not None:
            found.append(re.sub(r"\\(.)", r"\1", name))
        else:
            found.append(None if index is None else int(index))
        at = segment.end()
    return tuple(found)


def _value(text: str) -> Any:
    """The value of a JSON text; a number that not every reader reads alike is a decimal."""
    if _SHORT_INTEGER.fullmatch(text):
        return int(text)
    return _text(text) if text.startswith('"') else _VALUES.decode(text)


def _number(text: str) -> int | float | Decimal:
    number = float(text) if "." in text else int(text)
    is_read_alike = abs(number) <= _SAFE_INTEGER and Decimal(repr(number)) == Decimal(text)
    return number if is_read_alike else Decimal(text)


_VALUES: Final = json.JSONDecoder(parse_int=_number, parse_float=_number)


@lru_cache(maxsize=4096)
def _text(text: str) -> Any:
    """The value of a JSON text that is a string."""
    return _VALUES.decode(text)


def _placed(container: Any, segments: Sequence[str | int | None], values: list[Any]) -> Any:
    """The container with the values at the segments; a wildcard spreads them over elements."""
    if not segments:
        if len(values) != 1 or container not in (_MISSING, values[0]):
            raise _Unwritable
        return values[0]
    head, rest = segments[0], segments[1:]
    if isinstance(head, str):
        members = {} if container is _MISSING else container
        if not isinstance(members, dict):
            raise _Unwritable
        return {**members, head: _placed(members.get(head, _MISSING), rest, values)}
    elements = [] if container is _MISSING else container
    if not isinstance(elements, list):
        raise _Unwritable
    elements = list(elements)
    spread = [(head, values)] if head is not None else [(n, [v]) for n, v in enumerate(values)]
    for place, inner in spread:
        elements += [None] * (place - len(elements))
        known = elements[place] if place < len(elements) else _MISSING
        elements[place : place + 1] = [_placed(known, rest, inner)]
    return elements
