"""Whether a test can be true of any value that a schema allows, and if not, why.

Above: `findings`. Below: `schemas`, `helio.policy.reach` (what tests come to). Pure. That it
cannot is certain; where it is not, a test fits. What tests come to: "The three values" in
docs/architecture.md.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, Literal

from helio.policy.operands import MEMBERSHIP, ORDERING, TEXTUAL
from helio.policy.reach.values import TRUE, judge
from helio.policy.tool_types.schemas import Values, type_of

Hindrance = Literal["type", "enum", "range"]
"""Why a test is never true: the type of the values, the list of them, or their bounds."""

_WEAKEST: Final[tuple[Hindrance, ...]] = ("range", "enum", "type")


def hindrance(operator: str, operand: Any, values: Values) -> Hindrance | None:
    """Why the test is true of none of the values; None where it may be true of one."""
    if operator == "in":
        return together([hindrance("eq", one, values) for one in operand])
    if not _fits_type(operator, operand, values.types):
        return "type"
    if values.members is not None:
        held = any(_may_hold(operator, operand, member) for member in values.members)
        return None if held else "enum"
    if isinstance(operand, Decimal) and _is_outside(operator, operand, values):
        return "range"
    return None


def together(each: list[Hindrance | None]) -> Hindrance | None:
    """Why all of some tests are never true; None where one of them may be."""
    found = [one for one in each if one is not None]
    if len(found) < len(each):
        return None
    return min(found, key=_WEAKEST.index, default=None)


def _fits_type(operator: str, operand: Any, types: frozenset[str]) -> bool:
    if operator == "exists":
        return True
    if operator in ORDERING:
        return "number" in types
    if operator in TEXTUAL:
        return "string" in types
    if operator == "contains":
        return "array" in types or ("string" in types and isinstance(operand, str))
    if operator == "eq":
        return type_of(operand) in types
    # Unequal to some value: of its type, and null equals null.
    wanted = {type_of(one) for one in (operand if operator in MEMBERSHIP else [operand])}
    return len(wanted) == 1 and wanted <= types - {"null"}


def _may_hold(operator: str, operand: Any, member: Any) -> bool:
    """Whether the test is true of one value; of a regular expression it is taken to be."""
    if isinstance(member, str) and isinstance(operand, str) and operator in _OF_TEXTS:
        return _OF_TEXTS[operator](member, operand)
    return judge(operator, operand, member) == TRUE


_OF_TEXTS: Final[dict[str, Callable[[str, str], bool]]] = {
    "contains": lambda member, operand: operand in member,
    "starts_with": str.startswith,
    "ends_with": str.endswith,
    "regex": lambda _member, _operand: True,
}


def _is_outside(operator: str, operand: Decimal, values: Values) -> bool:
    """Whether no number within the bounds passes."""
    low, high = values.low, values.high
    too_high = high is not None and (operand > high or (operand == high and values.is_high_open))
    too_low = low is not None and (operand < low or (operand == low and values.is_low_open))
    match operator:
        case "eq":
            return too_high or too_low
        case "gt":
            return high is not None and operand >= high
        case "gte":
            return too_high
        case "lt":
            return low is not None and operand <= low
        case "lte":
            return too_low
        case _:
            return False
