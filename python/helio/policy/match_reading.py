"""Reads `match`: the conditions of a rule, and of a budget's contributor.

Above: `rule_reading`, `compiler`. Below: `reading`, `document`. Pure.
"""

from collections.abc import Mapping as Mapped
from functools import partial
from types import MappingProxyType

from helio.diagnostics import (
    Entry,
    Mapping,
    Node,
    Scalar,
    Sequence,
    child_path,
    near_miss,
    only_typo,
    quoted,
)
from helio.evaluator import HINTS
from helio.policy import codes
from helio.policy.document import AnnotationTest, Match, Operation, Selection, Text
from helio.policy.operands import MEANT, SIGNS, told_of_operator
from helio.policy.reading import Parts, Reader

MATCH_KEYS = (
    "tool",
    "upstream",
    "annotations",
    "input",
    "environment",
    "agent",
    "metadata",
    "session",
)
OPERATORS = (
    "eq",
    "neq",
    "gt",
    "gte",
    "lt",
    "lte",
    "in",
    "not_in",
    "contains",
    "regex",
    "starts_with",
    "ends_with",
    "exists",
)
QUANTIFIERS = ("every", "some")
SESSION_KEYS = ("labels", "called", "not_called")
_CONDITIONS = frozenset(MATCH_KEYS)
_QUANTIFIERS = frozenset(QUANTIFIERS)
_ASKING = frozenset((*OPERATORS, *QUANTIFIERS, *MEANT))


def read_match(
    reader: Reader,
    node: Node,
    path: str,
    known: tuple[str, ...] = MATCH_KEYS,
    outside: Mapped[str, str] = MappingProxyType({}),
) -> Match:
    """The conditions of a `match` mapping; `known` are the keys that it may have, `outside` those
    that stand beside it."""
    part = Parts(reader, node, path, known, homes=_arguments(node, known), outside=outside)
    session = part.inner("session", SESSION_KEYS)
    return Match(
        is_given=not isinstance(node, Mapping) or bool(node.entries),
        tool=part.texts("tool"),
        upstream=part.texts("upstream"),
        agent=part.texts("agent"),
        environment=part.texts("environment"),
        annotations=part.read("annotations", partial(_annotations, reader)) or (),
        input=part.read("input", partial(_selections, reader)) or (),
        metadata=part.read("metadata", partial(_selections, reader)) or (),
        labels=() if session is None else session.texts("labels"),
        called=() if session is None else session.texts("called"),
        not_called=() if session is None else session.texts("not_called"),
    )


def _arguments(node: Node, known: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The keys that are arguments of calls: operators stand under them."""
    if not isinstance(node, Mapping) or node.entries.keys() <= _CONDITIONS:
        return {}
    return {
        key: ("input",)
        for key, entry in node.entries.items()
        if key not in known and isinstance(entry.value, Mapping) and _asks(entry.value)
    }


def _asks(node: Mapping) -> bool:
    return bool(node.entries) and node.entries.keys() <= _ASKING


def _annotations(reader: Reader, node: Node, path: str) -> tuple[AnnotationTest, ...]:
    tests = []
    for hint, entry in reader.fields(node, path, HINTS).items():
        value = reader.boolean(entry.value, child_path(path, hint))
        if value is not None:
            tests.append(AnnotationTest(hint, value, entry.value.span))
    return tuple(tests)


def _selections(reader: Reader, node: Node, path: str) -> tuple[Selection, ...]:
    selections: list[Selection] = []
    for key, entry in reader.fields(node, path).items():
        at = child_path(path, key)
        selector = Text(key, entry.key, at)
        selections.extend(_tests(reader, selector, entry.value, at))
    return tuple(selections)


def _tests(reader: Reader, selector: Text, node: Node, path: str) -> list[Selection]:
    """What is asked of one path: up to one selection without a wrapper and one for each wrapper."""
    if isinstance(node, Scalar):
        return [Selection(selector, "some", (Operation("eq", node, path),))]
    if isinstance(node, Sequence):
        message = "a list is no test"
        hint = "write `{ in: […] }` for any of these values, `{ eq: […] }` for the whole list"
        reader.fault(codes.NOT_A_TEST, message, node, path, hint)
        return []
    if not node.entries:
        reader.fault(codes.NOT_A_TEST, "expected at least one operator", node, path)
    if node.entries.keys().isdisjoint(_QUANTIFIERS):
        asked = _operations(reader, node.entries, path, allow_quantifiers=True)
        return [Selection(selector, "some", asked)] if asked else []
    bare = {key: entry for key, entry in node.entries.items() if key not in QUANTIFIERS}
    found = [("some", _operations(reader, bare, path, allow_quantifiers=True), False)]
    for quantifier in QUANTIFIERS:
        inner = node.get(quantifier)
        if inner is None:
            continue
        at = child_path(path, quantifier)
        if not isinstance(inner, Mapping) or not inner.entries:
            message = f"{quoted(quantifier)} takes a mapping of operators"
            reader.fault(codes.NOT_A_TEST, message, inner, at)
            continue
        operations = _operations(reader, inner.entries, at, allow_quantifiers=False)
        found.append((quantifier, operations, True))
    return [
        Selection(selector, quantifier, operations, is_said)
        for quantifier, operations, is_said in found
        if operations
    ]


def _operations(
    reader: Reader, entries: dict[str, Entry], path: str, *, allow_quantifiers: bool
) -> tuple[Operation, ...]:
    operations = []
    for key, entry in entries.items():
        at = child_path(path, key)
        if key in OPERATORS:
            operations.append(Operation(key, entry.value, at))
            continue
        words = (*OPERATORS, *QUANTIFIERS) if allow_quantifiers else OPERATORS
        told = told_of_operator(key.removeprefix("$"))
        same = MEANT.get(key.removeprefix("$"))
        near = (same if same in words else None) or near_miss(key, words)
        hint = f"did you mean `{near}`?" if near else "to compare with an object: `{ eq: { … } }`"
        message = f"unknown operator {quoted(key)}"
        meant = SIGNS.get(key) or (None if same else only_typo(key, words))
        fix = None if told or meant in entries else meant
        place = entry.key.span
        reader.diagnostics.add(codes.UNKNOWN_OPERATOR, message, place, at, told or hint, fix=fix)
    return tuple(operations)


__all__ = ["MATCH_KEYS", "OPERATORS", "QUANTIFIERS", "read_match"]
