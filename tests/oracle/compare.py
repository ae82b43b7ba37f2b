"""Three-valued comparison of JSON values: the oracle's reading of "The three values".

Above it `graph`; below it `jsonpath` and `numbers`. Pure.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from enum import Enum
from typing import TypeVar

from oracle import numbers
from oracle.numbers import Number
from oracle.strict_json import Json

Place = TypeVar("Place", bound=Hashable)


class Truth(Enum):
    """What a condition is."""

    FALSE = "false"
    INDETERMINATE = "indeterminate"
    TRUE = "true"


def truth(value: bool) -> Truth:
    return Truth.TRUE if value else Truth.FALSE


def negation(value: Truth) -> Truth:
    return {Truth.TRUE: Truth.FALSE, Truth.FALSE: Truth.TRUE}.get(value, value)


def every(values: Iterable[Truth]) -> Truth:
    """Join by and: any false, else any indeterminate, else true."""
    seen = set(values)
    for value in (Truth.FALSE, Truth.INDETERMINATE):
        if value in seen:
            return value
    return Truth.TRUE


def some(values: Iterable[Truth]) -> Truth:
    """Join by or: any true, else any indeterminate, else false."""
    seen = set(values)
    for value in (Truth.TRUE, Truth.INDETERMINATE):
        if value in seen:
            return value
    return Truth.FALSE


def equal(left: Json, right: Json) -> Truth:
    """Compare two values: across types indeterminate, inside arrays and objects the same way."""
    if type(left) is not type(right):
        return Truth.INDETERMINATE
    if isinstance(left, Number) and isinstance(right, Number):
        return truth(left.value() == right.value())
    if isinstance(left, list) and isinstance(right, list):
        return equal_members(dict(enumerate(left)), dict(enumerate(right)))
    if isinstance(left, dict) and isinstance(right, dict):
        return equal_members(left, right)
    return truth(left == right)


def equal_members(left: Mapping[Place, Json], right: Mapping[Place, Json]) -> Truth:
    """Compare what stands at each place; other places or keys are simply not equal."""
    if left.keys() != right.keys():
        return Truth.FALSE
    return every(equal(left[place], right[place]) for place in left)


def searches(text: str, pattern: str) -> bool:
    """Search a pattern of the syntax that Python and Rust share; `$` is the very end in Rust."""
    return re.search(re.sub(r"(?<!\\)\$", r"\\Z", pattern), text) is not None


def judge(operator: str, operand: Json, value: Json) -> Truth:
    """Judge one value that is there by one operator."""
    return OPERATORS[operator](value, operand)


def one_of(value: Json, operand: Json) -> Truth:
    """Judge `in`: equal to some element of the operand."""
    assert isinstance(operand, list)
    return some(equal(value, one) for one in operand)


def ordered(value: Json, operand: Json, holds: Callable[[int], bool]) -> Truth:
    """Judge an order of two numbers."""
    if isinstance(value, Number) and isinstance(operand, Number):
        return truth(holds(numbers.compare(value, operand)))
    return Truth.INDETERMINATE


def textual(value: Json, operand: Json, holds: Callable[[str, str], bool]) -> Truth:
    """Judge a text by an operator on texts."""
    if isinstance(value, str) and isinstance(operand, str):
        return truth(holds(value, operand))
    return Truth.INDETERMINATE


def contains(value: Json, operand: Json) -> Truth:
    """Judge `contains`: a substring of a text, or an element of an array."""
    if isinstance(value, str) and isinstance(operand, str):
        return truth(operand in value)
    if isinstance(value, list):
        return some(equal(element, operand) for element in value)
    return Truth.INDETERMINATE


OPERATORS: dict[str, Callable[[Json, Json], Truth]] = {
    "exists": lambda _, operand: truth(operand is True),
    "eq": equal,
    "neq": lambda value, operand: negation(equal(value, operand)),
    "in": one_of,
    "not_in": lambda value, operand: negation(one_of(value, operand)),
    "contains": contains,
    "gt": lambda value, operand: ordered(value, operand, lambda order: order > 0),
    "gte": lambda value, operand: ordered(value, operand, lambda order: order >= 0),
    "lt": lambda value, operand: ordered(value, operand, lambda order: order < 0),
    "lte": lambda value, operand: ordered(value, operand, lambda order: order <= 0),
    "regex": lambda value, operand: textual(value, operand, searches),
    "starts_with": lambda value, operand: textual(value, operand, str.startswith),
    "ends_with": lambda value, operand: textual(value, operand, str.endswith),
}


def absent(operator: str, operand: Json) -> Truth:
    """Judge an operator where the path selects nothing."""
    if operator == "exists":
        return truth(operand is False)
    return Truth.INDETERMINATE if operator in ("neq", "not_in") else Truth.FALSE


def judge_selection(quantifier: str, tests: list[tuple[str, Json]], values: list[Json]) -> Truth:
    """Judge all operators of one map over the values that its path selects."""
    if not values:
        if quantifier == "every":
            return Truth.FALSE
        return every(absent(operator, operand) for operator, operand in tests)
    each = [every(judge(operator, operand, v) for operator, operand in tests) for v in values]
    return every(each) if quantifier == "every" else some(each)
