"""Sets of JSON values: the kinds of values that the tests of one path tell apart.

Above: `spaces`. Below: `languages`. Pure. The truths are those of "The three values" in
docs/architecture.md, as integers: false < indeterminate < true, so that `and` is the least of them
and `or` the greatest.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Context, Decimal, Inexact
from itertools import pairwise, product
from typing import Any, Final, TypeAlias

from helio.policy.reach.effort import Effort, TooLarge
from helio.policy.reach.languages import ANYTHING, Expression, Then, distinguish, literal

FALSE: Final = 0
INDETERMINATE: Final = 1
TRUE: Final = 2

Test: TypeAlias = tuple[str, str]
"""An operator and the JSON text of its operand."""

_EXACT: Final = Context(prec=900, Emax=5000, Emin=-5000, traps=[Inexact])
_MOST_DIGITS: Final = 400
_MOST_COLLECTIONS: Final = 3
"""So many tests that look into arrays or objects; each may come to three values."""
_NEGATIONS: Final = {"neq": "eq", "not_in": "in"}


@dataclass(frozen=True, slots=True)
class Kind:
    """Values that the tests do not tell apart: what each test comes to, and one of them as JSON
    text, where one is known.
    """

    truths: tuple[int, ...]
    example: str | None


def read(operand: str) -> Any:
    """The value of a JSON text; numbers are decimals. Raises `TooLarge` for extreme ones."""
    return json.loads(operand, parse_int=_number, parse_float=_number)


def absent(tests: Sequence[Test]) -> int:
    """What tests come to where the path selects nothing."""
    truths = []
    for operator, operand in tests:
        if operator == "exists":
            truths.append(FALSE if read(operand) else TRUE)
        else:
            truths.append(INDETERMINATE if operator in _NEGATIONS else FALSE)
    return min(truths)


def kinds(tests: Sequence[Test], effort: Effort) -> list[Kind]:
    """All kinds of values that are there. Raises `TooLarge` and `Exhausted`."""
    operands = [(operator, read(operand)) for operator, operand in tests]
    found = [*_numbers(operands), *_texts(operands, effort)]
    effort.spend(len(found) * len(tests))
    for example, value in (("true", True), ("false", False), ("null", None)):
        found.append(Kind(_judged(operands, value), example))
    found.extend(_collections(operands, [], _array_samples(operands)))
    found.extend(_collections(operands, {}, _object_samples(operands)))
    return found


def _number(text: str) -> Decimal:
    number = Decimal(text)
    if abs(number.adjusted()) > _MOST_DIGITS or len(text) > _MOST_DIGITS:
        raise TooLarge
    return number


def _judged(operands: Sequence[tuple[str, Any]], value: Any) -> tuple[int, ...]:
    return tuple(judge(operator, operand, value) for operator, operand in operands)


def judge(operator: str, operand: Any, value: Any) -> int:
    """What one operator says of a value that is there. A regex is taken to hold for any text."""
    if operator in _NEGATIONS:
        return TRUE - judge(_NEGATIONS[operator], operand, value)
    if operator in _EQUALITIES:
        return _EQUALITIES[operator](value, operand)
    if isinstance(value, list) and operator == "contains":
        return max((_equal(element, operand) for element in value), default=FALSE)
    kind = Decimal if operator in _ORDERS else str
    if not isinstance(value, kind) or not isinstance(operand, kind):
        return INDETERMINATE
    return _truth(_COMPARISONS[operator](value, operand))


_ORDERS: Final = frozenset({"gt", "gte", "lt", "lte"})
_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "gt": lambda value, operand: value > operand,
    "gte": lambda value, operand: value >= operand,
    "lt": lambda value, operand: value < operand,
    "lte": lambda value, operand: value <= operand,
    "contains": lambda value, operand: operand in value,
    "starts_with": str.startswith,
    "ends_with": str.endswith,
    # One of the two; `_texts` has both.
    "regex": lambda _value, _operand: True,
}


def _truth(value: bool) -> int:
    return TRUE if value else FALSE


def _equal(left: Any, right: Any) -> int:
    if type(left) is not type(right):
        return INDETERMINATE
    if isinstance(left, list):
        if len(left) != len(right):
            return FALSE
        return min(map(_equal, left, right), default=TRUE)
    if isinstance(left, dict):
        if left.keys() != right.keys():
            return FALSE
        return min((_equal(left[key], right[key]) for key in left), default=TRUE)
    return _truth(left == right)


_EQUALITIES: Final[dict[str, Callable[[Any, Any], int]]] = {
    "exists": lambda _value, operand: _truth(operand is True),
    "eq": _equal,
    "in": lambda value, operand: max(_equal(value, one) for one in operand),
}


def _numbers(operands: Sequence[tuple[str, Any]]) -> Iterator[Kind]:
    """Each number that a test names, and one of each interval between them."""
    named = sorted({each for each in _scalars(operands) if isinstance(each, Decimal)})
    samples = [Decimal(1)]
    if named:
        samples = [_floor(_EXACT.subtract(named[0], Decimal(1)))]
        for low, high in pairwise(named):
            samples += [low, _between(low, high)]
        samples += [named[-1], _floor(_EXACT.add(named[-1], Decimal(1)))]
    for sample in samples:
        yield Kind(_judged(operands, sample), format(sample, "f"))


def _between(low: Decimal, high: Decimal) -> Decimal:
    """A number between them, a whole one where there is one."""
    whole = _floor(_EXACT.add(low, Decimal(1)))
    return whole if whole < high else _EXACT.multiply(_EXACT.add(low, high), Decimal("0.5"))


def _floor(number: Decimal) -> Decimal:
    return number.to_integral_value(ROUND_FLOOR)


def _scalars(operands: Sequence[tuple[str, Any]]) -> Iterator[Any]:
    for operator, operand in operands:
        if operator in ("in", "not_in"):
            yield from operand
        else:
            yield operand


def _texts(operands: Sequence[tuple[str, Any]], effort: Effort) -> Iterator[Kind]:
    """One text of each kind. What a regex says is open: each kind stands for two."""
    wanted: dict[Expression, None] = {}
    for operator, operand in operands:
        members = operand if operator in ("in", "not_in") else [operand]
        for text in members:
            if isinstance(text, str) and operator != "regex":
                wanted[_expression(operator, text)] = None
    regexes = sorted({operand for operator, operand in operands if operator == "regex"})
    if len(regexes) > _MOST_COLLECTIONS:
        raise TooLarge
    for text in distinguish(list(wanted), effort).values() if wanted else ["x"]:
        truths = _judged(operands, text)
        example = json.dumps(text, ensure_ascii=False)
        for found in product((TRUE, FALSE), repeat=len(regexes)):
            says = dict(zip(regexes, found, strict=True))
            decided = tuple(
                says[operand] if operator == "regex" else known
                for (operator, operand), known in zip(operands, truths, strict=True)
            )
            yield Kind(decided, None if regexes else example)


def _expression(operator: str, text: str) -> Expression:
    match operator:
        case "contains":
            return Then((ANYTHING, literal(text), ANYTHING))
        case "starts_with":
            return Then((literal(text), ANYTHING))
        case "ends_with":
            return Then((ANYTHING, literal(text)))
        case _:
            return literal(text)


def _collections(
    operands: Sequence[tuple[str, Any]], empty: Any, samples: list[Any]
) -> Iterator[Kind]:
    """Arrays, or objects: a test that looks into them may come to any truth, whatever the others
    say; only a test and its negation always differ.
    """
    kind = type(empty)
    free = [
        (operator, operand)
        for operator, operand in operands
        if _looks_into(kind, operator, operand)
    ]
    names = sorted({_positive(operator, operand) for operator, operand in free})
    if len(names) > _MOST_COLLECTIONS:
        raise TooLarge
    examples = {_judged(operands, sample): sample for sample in reversed(samples)}
    fixed = _judged(operands, empty)
    for found in product((FALSE, INDETERMINATE, TRUE), repeat=len(names)):
        says = dict(zip(names, found, strict=True))
        truths = []
        for (operator, operand), known in zip(operands, fixed, strict=True):
            name = _positive(operator, operand)
            if not _looks_into(kind, operator, operand):
                truths.append(known)
            else:
                truths.append(TRUE - says[name] if operator in _NEGATIONS else says[name])
        sample = examples.get(tuple(truths))
        yield Kind(tuple(truths), None if sample is None else written(sample))


def _positive(operator: str, operand: Any) -> tuple[str, str]:
    return _NEGATIONS.get(operator, operator), written(operand)


def _looks_into(kind: type, operator: str, operand: Any) -> bool:
    if operator == "contains":
        return kind is list
    if operator in ("in", "not_in"):
        return any(isinstance(one, kind) for one in operand)
    return operator in ("eq", "neq") and isinstance(operand, kind)


def _array_samples(operands: Sequence[tuple[str, Any]]) -> list[Any]:
    scalars = list(_scalars(operands))
    whole = [operand for operand in scalars if isinstance(operand, list)]
    held = [operand for operator, operand in operands if operator == "contains"]
    return [[], [[]], *whole, *([one] for one in held), held]


def _object_samples(operands: Sequence[tuple[str, Any]]) -> list[Any]:
    return [{}, *(operand for operand in _scalars(operands) if isinstance(operand, dict))]


def written(value: Any) -> str:
    """The JSON text of a value."""
    match value:
        case Decimal():
            return format(value, "f")
        case list():
            return "[" + ",".join(map(written, value)) + "]"
        case dict():
            pairs = (f"{json.dumps(key)}:{written(inner)}" for key, inner in value.items())
            return "{" + ",".join(pairs) + "}"
        case _:
            return json.dumps(value)
