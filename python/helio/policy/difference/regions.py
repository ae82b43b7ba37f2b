"""Sets of calls as few boxes, in words.

Above: `finding`. Below: `words`, `grid`. Pure.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from helio.policy.difference.grid import Grid
from helio.policy.difference.words import fails, holds, in_doubt, matches_none, subject_of
from helio.policy.installation import GLOBS
from helio.policy.reach.boxes import Box
from helio.policy.reach.conditions import Condition
from helio.policy.reach.spaces import Dimension, Space

_TRUE, _IN_DOUBT, _FALSE = range(3)
_NAMES: Final = tuple((name,) for name in ("tool", "upstream", "agent", "kind", *GLOBS))
_MOST_GLOBS: Final = 3
_MOST_CHOICES: Final = 3
"""So many ways to be in a box are told of one subject."""


def merged(boxes: Iterable[Box]) -> list[dict[int, int]]:
    """The same calls in fewer boxes: those that differ in one dimension become one."""
    found = [dict(box) for box in boxes]
    dimensions = sorted({dimension for box in found for dimension in box})
    count = 0
    while count != len(found):
        count = len(found)
        for dimension in dimensions:
            found = _merged_in(dimension, found)
    return found


def _merged_in(dimension: int, boxes: list[dict[int, int]]) -> list[dict[int, int]]:
    together: dict[tuple[tuple[int, int], ...], dict[int, int]] = {}
    for box in boxes:
        rest = tuple(sorted((each, atoms) for each, atoms in box.items() if each != dimension))
        known = together.setdefault(rest, dict(box))
        if dimension not in known or dimension not in box:
            known.pop(dimension, None)
        else:
            known[dimension] |= box[dimension]
    return list(together.values())


def described(grid: Grid | Space, box: Box) -> str:
    """`tool matches payments.* and amount > 1000 and <= 5000`; `any call` for all."""
    parts = [
        part
        for place, atoms in sorted(box.items())
        if atoms != grid.dimensions[place].whole
        for part in _told(grid.dimensions[place], atoms)
    ]
    return " and ".join(parts) or "any call"


def _told(dimension: Dimension, atoms: int) -> list[str]:
    """What all the atoms, and no others, have in common; or the ways to be one of them."""
    ways = [_said(way, dimension) for way in _ways(dimension, atoms)]
    if len(ways) == 1:
        return [" and ".join(f"{subject} {said}" for subject, said in ways[0].items())]
    shown = []
    known: str | None = None
    for way in ways[:_MOST_CHOICES]:
        parts = []
        for subject, said in way.items():
            parts.append(said if subject == known else f"{subject} {said}")
            known = subject
        shown.append(" and ".join(parts))
    if len(ways) > _MOST_CHOICES:
        shown.append(f"{len(ways) - _MOST_CHOICES} more")
    return [f"({' or '.join(shown)})"]


Literal = tuple[Condition, int]
"""A condition with the mask of the atoms for which it comes to the same."""


def _ways(dimension: Dimension, atoms: int) -> Iterator[list[Literal]]:
    """Conjunctions that together hold for exactly these atoms."""
    rest = atoms
    while rest:
        first = rest & -rest
        way = _literals(dimension, rest)
        if _meet(dimension, way) & ~atoms:
            way = _loosened(dimension, _literals(dimension, first), atoms)
        else:
            way = _loosened(dimension, way, atoms)
        yield way
        rest &= ~_meet(dimension, way)


def _literals(dimension: Dimension, atoms: int) -> list[Literal]:
    """Everything that is said alike of all the atoms, what fails last."""
    found = []
    for condition in dimension.masks:
        for mask in _kinds(dimension, condition):
            if not atoms & ~mask:
                found.append((condition, mask))
                break
    return sorted(found, key=lambda each: _rank(dimension, each))


def _kinds(dimension: Dimension, condition: Condition) -> tuple[int, int, int]:
    """The atoms for which it is true, indeterminate and false."""
    true, possible = dimension.masks[condition]
    return true, possible & ~true, dimension.whole & ~possible


def _rank(dimension: Dimension, literal: Literal) -> int:
    return _kinds(dimension, literal[0]).index(literal[1])


def _meet(dimension: Dimension, way: Sequence[Literal]) -> int:
    mask = dimension.whole
    for _, each in way:
        mask &= each
    return mask


def _loosened(dimension: Dimension, way: list[Literal], atoms: int) -> list[Literal]:
    """Without what need not be said, what fails being left out first."""
    kept = way
    for literal in reversed(way):
        fewer = [each for each in kept if each is not literal]
        if fewer and not _meet(dimension, fewer) & ~atoms:
            kept = fewer
    return kept


def _said(way: Sequence[Literal], dimension: Dimension) -> dict[str, str]:
    """What is said of each subject."""
    is_there = any(_tells_of_a_value(dimension, literal) for literal in way)
    told: dict[str, list[str]] = {}
    unmet: list[str] = []
    for condition, mask in way:
        kind = _rank(dimension, (condition, mask))
        if kind == _FALSE and condition.subject in _NAMES:
            unmet += condition.meaning
            continue
        words = (
            holds(condition),
            in_doubt(condition),
            fails(condition, is_there=is_there),
        )
        told.setdefault(subject_of(condition), []).append(words[kind])
    if unmet:
        told.setdefault(dimension.subject[0], []).append(matches_none(unmet, _MOST_GLOBS))
    return {subject: " and ".join(dict.fromkeys(said)) for subject, said in told.items()}


def _tells_of_a_value(dimension: Dimension, literal: Literal) -> bool:
    """Whether it excludes that a path selects nothing."""
    condition, kind = literal[0], _rank(dimension, literal)
    if condition.subject[0] not in ("input", "metadata"):
        return True
    quantifier, tests = condition.meaning
    if quantifier == "every":
        return kind != _FALSE
    return kind != max(_of_nothing(*test) for test in tests)


def _of_nothing(operator: str, operand: str) -> int:
    if operator == "exists":
        return _FALSE if operand == "true" else _TRUE
    return _IN_DOUBT if operator in ("neq", "not_in") else _FALSE


def summary(texts: Sequence[str], most: int) -> tuple[str, ...]:
    """At most so many; the rest by their number."""
    if len(texts) <= most:
        return tuple(texts)
    return (*texts[:most], f"{len(texts) - most} more such regions")
