"""Sets of JSON values: the kinds of values that the tests of one path tell apart.

Above: `spaces`, `samples`. Below: `languages`. Pure. The truths are those of "The three values" in
docs/architecture.md, as integers: false < indeterminate < true, so that `and` is the least of them
and `or` the greatest.
"""

import json
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, Inexact
from functools import lru_cache
from itertools import chain, product
from operator import ge, gt, le, lt
from typing import Any, Final, NamedTuple, TypeAlias

from helio.policy.reach.effort import Effort, TooLarge
from helio.policy.reach.languages import Language, distinguish

FALSE: Final = 0
INDETERMINATE: Final = 1
TRUE: Final = 2

Test: TypeAlias = tuple[str, str]
"""An operator and the JSON text of its operand."""

_EXACT: Final = Context(prec=900, Emax=5000, Emin=-5000, traps=[Inexact])
_MOST_DIGITS: Final = 400
_MOST_COLLECTIONS: Final = 3
"""So many tests that look into arrays or objects; each may come to three values."""
_STEPS: Final = (Decimal(1), Decimal(1000))
"""How far the numbers below and above all others are from them."""
_ENOUGH: Final = 2
_NEGATIONS: Final = {"neq": "eq", "not_in": "in"}


class Kind(NamedTuple):
    """Values that the tests do not tell apart: what each test comes to, and one of them as JSON
    text, where one is known.
    """

    truths: tuple[int, ...]
    example: str | None


def read(operand: str) -> Any:
    """The value of a JSON text; numbers are decimals. Raises `TooLarge` for extreme ones."""
    if operand[0] in "-0123456789":
        return _number(operand)
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


def kinds(tests: Sequence[Test], effort: Effort) -> Iterator[Kind]:
    """All kinds of values that are there, some of them several times. Raises `TooLarge` and
    `Exhausted`.
    """
    operands = [(operator, read(operand)) for operator, operand in tests]
    steps = len(tests)
    for kind in _kinds(operands, effort):
        effort.spend(steps)
        yield kind


def _kinds(operands: Sequence[tuple[str, Any]], effort: Effort) -> Iterator[Kind]:
    yield from _numbers(operands)
    yield from _texts(operands, effort)
    for example, value in (("true", True), ("false", False), ("null", None)):
        yield Kind(_judged(operands, value), example)
    yield from _collections(operands, [], _array_samples(operands))
    yield from _collections(operands, {}, _object_samples(operands))


@lru_cache(maxsize=4096)
def _number(text: str) -> Decimal:
    number = Decimal(text)
    if abs(number.adjusted()) > _MOST_DIGITS or len(text) > _MOST_DIGITS:
        raise TooLarge
    return number


def _judged(operands: Sequence[tuple[str, Any]], value: Any) -> tuple[int, ...]:
    return tuple([judge(operator, operand, value) for operator, operand in operands])


def judge(operator: str, operand: Any, value: Any) -> int:
    """What one operator says of a value that is there and is no text."""
    order = _ORDERS.get(operator)
    if order is not None:
        if not isinstance(value, Decimal):
            return INDETERMINATE
        return TRUE if order(value, operand) else FALSE
    if operator in _NEGATIONS:
        return TRUE - judge(_NEGATIONS[operator], operand, value)
    if operator in _EQUALITIES:
        return _EQUALITIES[operator](value, operand)
    if isinstance(value, list) and operator == "contains":
        return max((_equal(element, operand) for element in value), default=FALSE)
    return INDETERMINATE


_ORDERS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "gt": gt,
    "gte": ge,
    "lt": lt,
    "lte": le,
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
    """Each number that a test names, and two of each interval between them."""
    named = sorted({each for each in _scalars(operands) if isinstance(each, Decimal)})
    for alike in chain(_beneath(named), _upwards(named)) if named else [(Decimal(1),)]:
        truths = _judged(operands, alike[0])
        for number in alike:
            yield Kind(truths, format(number, "f"))


def numbers_meeting(tests: Sequence[Test]) -> list[str]:
    """The first two numbers of `kinds` of which all tests are true, as JSON texts, fewer where
    there are fewer; none either unless each test is an order. Raises `TooLarge`.
    """
    asked: list[tuple[Callable[[Any, Any], bool], Decimal]] = []
    for operator, operand in tests:
        if operator not in _ORDERS:
            return []
        asked.append((_ORDERS[operator], _number(operand)))
    named = sorted({number for _, number in asked})
    lower = [number for order, number in asked if order in (gt, ge)]
    # Below the greatest lower bound nothing meets them all.
    points = (
        _upwards(named, bisect_left(named, max(lower)))
        if lower
        else chain(_beneath(named), _upwards(named))
    )
    found: list[str] = []
    for alike in points:
        if False not in [order(alike[0], operand) for order, operand in asked]:
            found += [format(number, "f") for number in alike]
        if len(found) >= _ENOUGH:
            break
    return found[:_ENOUGH]


def _beneath(named: Sequence[Decimal]) -> Iterator[tuple[Decimal, ...]]:
    """Two numbers below all named ones. Of each interval there are two: where rules overlap, they
    meet different ones.
    """
    yield tuple(_floor(_EXACT.subtract(named[0], each)) for each in _STEPS)


def _upwards(named: Sequence[Decimal], first: int = 0) -> Iterator[tuple[Decimal, ...]]:
    """The named numbers from one on, each with two of the interval above it."""
    for place in range(first, len(named)):
        low = named[place]
        yield (low,)
        if place + 1 < len(named):
            high = named[place + 1]
            yield _between(low, high), _below(low, high)
        else:
            yield tuple(_floor(_EXACT.add(low, each)) for each in _STEPS)


def _between(low: Decimal, high: Decimal) -> Decimal:
    """A number between them, a whole one where there is one."""
    whole = _floor(_EXACT.add(low, Decimal(1)))
    return whole if whole < high else _EXACT.multiply(_EXACT.add(low, high), Decimal("0.5"))


def _below(low: Decimal, high: Decimal) -> Decimal:
    """The last whole number between them, where there is one."""
    whole = _ceiling(_EXACT.subtract(high, Decimal(1)))
    return whole if whole > low else _between(low, high)


def _ceiling(number: Decimal) -> Decimal:
    return number.to_integral_value(ROUND_CEILING)


def _floor(number: Decimal) -> Decimal:
    return number.to_integral_value(ROUND_FLOOR)


def _scalars(operands: Sequence[tuple[str, Any]]) -> Iterator[Any]:
    for operator, operand in operands:
        if operator in ("in", "not_in"):
            yield from operand
        else:
            yield operand


_LANGUAGES: Final = {
    "eq": "exact",
    "contains": "contains",
    "starts_with": "starts_with",
    "ends_with": "ends_with",
    "regex": "regex",
}
"""The texts of which an operator with a text is true."""


def _texts(operands: Sequence[tuple[str, Any]], effort: Effort) -> Iterator[Kind]:
    """One text of each kind."""
    wanted = dict.fromkeys(
        language for operator, operand in operands for language in _languages(operator, operand)
    )
    found = distinguish([[each] for each in wanted], effort) if wanted else {(): "x"}
    for vector, text in found.items():
        is_in = dict(zip(wanted, vector, strict=True))
        truths = tuple(_of_text(operator, operand, is_in) for operator, operand in operands)
        yield Kind(truths, None if text is None else json.dumps(text, ensure_ascii=False))


def _languages(operator: str, operand: Any) -> Iterator[Language]:
    if operator in ("in", "not_in"):
        for one in operand:
            yield from _languages("eq", one)
    operator = _NEGATIONS.get(operator, operator)
    if operator in _LANGUAGES and isinstance(operand, str):
        yield _LANGUAGES[operator], operand


def _of_text(operator: str, operand: Any, is_in: Mapping[Language, bool]) -> int:
    """What one operator says of the texts that are in these languages and in no others."""
    if operator in _NEGATIONS:
        return TRUE - _of_text(_NEGATIONS[operator], operand, is_in)
    if operator == "in":
        return max(_of_text("eq", one, is_in) for one in operand)
    if operator == "exists":
        return _truth(operand is True)
    if operator in _LANGUAGES and isinstance(operand, str):
        return _truth(is_in[_LANGUAGES[operator], operand])
    return INDETERMINATE


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
