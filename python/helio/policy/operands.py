"""Operands of operators: whether they fit, and their JSON text.

Above: `check`, `lower`. Below: `document`, `helio.config.scalars`. Pure.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import orjson

from helio.config.scalars import UnfitValue, read_boolean, read_number, read_text
from helio.diagnostics import (
    Interpolated,
    Mapping,
    Node,
    Number,
    Scalar,
    Sequence,
    described,
    near_miss,
)
from helio.policy.document import Operation

ORDERING = frozenset({"gt", "gte", "lt", "lte"})
TEXTUAL = frozenset({"regex", "starts_with", "ends_with"})
MEMBERSHIP = frozenset({"in", "not_in"})
SIGNS = {"=": "eq", "==": "eq", "!=": "neq", ">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
"""What other languages call some of the operators."""
MEANT = {
    **SIGNS,
    **dict.fromkeys(("equals", "equal", "is"), "eq"),
    **dict.fromkeys(("ne", "not", "not_eq", "notEquals", "not_equals", "isNot", "is_not"), "neq"),
    **dict.fromkeys(("one_of", "oneOf", "any_of", "anyOf", "is_in"), "in"),
    **dict.fromkeys(("nin", "notIn", "notin", "none_of", "noneOf"), "not_in"),
    **dict.fromkeys(("greater_than", "greaterThan", "more_than", "above", "over"), "gt"),
    **dict.fromkeys(("less_than", "lessThan", "below", "under"), "lt"),
    **dict.fromkeys(("ge", "min", "minimum", "at_least", "atLeast"), "gte"),
    **dict.fromkeys(("le", "max", "maximum", "at_most", "atMost"), "lte"),
    **dict.fromkeys(("includes", "include", "has"), "contains"),
    **dict.fromkeys(("present", "is_set", "defined"), "exists"),
    **dict.fromkeys(("match", "matches", "pattern", "=~", "~"), "regex"),
    **dict.fromkeys(("startsWith", "prefix"), "starts_with"),
    **dict.fromkeys(("endsWith", "suffix"), "ends_with"),
    "all": "every",
    "any": "some",
}
"""Operators by what others call them, without a `$` before it: for hints, not for corrections."""
_NEGATED = re.compile(r"(?:does_?not|do_?not|is_?not|not|no)_?(.+)$", re.IGNORECASE)
_NEGATABLE = ("contains", "regex", "starts_with", "ends_with", "exists")
_TOLD = {
    "between": "write both bounds: `{ gte: …, lte: … }`",
    "range": "write both bounds: `{ gte: …, lte: … }`",
    **dict.fromkeys(
        ("like", "glob"),
        "write `starts_with`, `ends_with`, `contains` or `regex`; globs are for names",
    ),
}
"""What there is no operator for."""


def told_of_operator(key: str) -> str | None:
    """What to write in place of an operator that does not exist: the negation of one, among others,
    for which the operator itself would say the contrary."""
    told = _TOLD.get(key)
    if told is not None or key in MEANT:
        return told
    negated = _NEGATED.match(key)
    near = None if negated is None else near_miss(MEANT.get(negated[1], negated[1]), _NEGATABLE)
    if near == "exists":
        return "write `exists: false`"
    if near is None:
        return None
    return f"nothing negates `{near}`: write a rule with `{near}` above, for the calls that have it"


class OperandFault(NamedTuple):
    """What is wrong with an operand, what to do about it, and what to write instead where only that
    can have been meant."""

    message: str
    hint: str | None = None
    fix: str | None = None


def operand_fault(operation: Operation) -> OperandFault | None:
    """What is wrong with an operand; None when it fits its operator."""
    operator, operand = operation.operator, operation.operand
    if operator in MEMBERSHIP:
        if not isinstance(operand, Sequence):
            hint = "write a list: `[…]`" if isinstance(operand, Scalar) else None
            message = f"`{operator}` takes a list, found {described(operand)}"
            return OperandFault(message, hint, _alone(operand))
        if not operand.items:
            return OperandFault(f"`{operator}` takes at least one value")
    try:
        _read(operation)
    except UnfitValue as error:
        return OperandFault(f"`{operator}`: {error.message}", error.hint, error.fix)
    return _alike_keys(operand)


def _alone(operand: Node) -> str | None:
    """A list of one text, as it is written."""
    value = operand.value if isinstance(operand, Scalar) else None
    if not isinstance(value, str) or isinstance(value, Interpolated) or not value.isprintable():
        return None
    return "['" + value.replace("'", "''") + "']"


def operand_json(operation: Operation) -> str:
    """The JSON text of an operand that fits: numbers keep their digits, the keys of objects are
    sorted.
    """
    operand = operation.operand
    if isinstance(operand, Scalar):
        value: object = operand.value
        if isinstance(value, Interpolated):
            value = _read(operation)
        return value.text if isinstance(value, Number) else _json(value)
    return json_text(operand)


def _read(operation: Operation) -> object:
    """The operand as what its operator takes. Raises `UnfitValue`."""
    operator, operand = operation.operator, operation.operand
    value: object = operand.value if isinstance(operand, Scalar) else _stand_in(operand)
    if operator in ORDERING:
        return Number(read_number(value))
    if operator in TEXTUAL:
        return read_text(value)
    if operator == "exists":
        return read_boolean(value)
    return value


def _stand_in(node: Node) -> object:
    return {} if isinstance(node, Mapping) else ()


def json_text(node: Node) -> str:
    """A value of the file as JSON: keys sorted, numbers with all their digits."""
    if isinstance(node, Scalar):
        value = node.value
        return value.text if isinstance(value, Number) else _json(value)
    if isinstance(node, Sequence):
        return "[" + ",".join([json_text(item) for item in node.items]) + "]"
    entries = node.entries
    pairs = [f"{_json(key)}:{json_text(entries[key].value)}" for key in sorted(entries)]
    return "{" + ",".join(pairs) + "}"


def _json(value: object) -> str:
    return _text_json(str(value)) if isinstance(value, str) else orjson.dumps(value).decode()


@lru_cache(maxsize=4096)
def _text_json(text: str) -> str:
    return orjson.dumps(text).decode()


def _alike_keys(node: Node) -> OperandFault | None:
    """Keys that differ only in case are refused in calls too, so nothing would ever be equal."""
    for mapping in _mappings(node):
        folded = {key.upper().lower() for key in mapping.entries}
        if len(folded) < len(mapping.entries):
            message = "two keys of an object differ only in case"
            return OperandFault(message, "no call can hold such an object")
    return None


def _mappings(node: Node) -> Iterator[Mapping]:
    match node:
        case Sequence(items=items):
            for item in items:
                yield from _mappings(item)
        case Mapping(entries=entries):
            yield node
            for entry in entries.values():
                yield from _mappings(entry.value)
