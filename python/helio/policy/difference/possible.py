"""Which boxes may hold a call, though their dimensions are taken to be independent.

Above: `finding`. Below: `grid`. Pure. Only what surely holds no call is left
out.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

from helio.policy.difference.grid import Grid
from helio.policy.reach.boxes import Box
from helio.policy.reach.spaces import Dimension

_MOST = 5_000


def possible_boxes(grid: Grid, boxes: Iterable[Box]) -> Iterator[Box]:
    """Those among the first ones that may hold a call."""
    return (box for box in islice(boxes, _MOST) if _may_hold(grid, box))


def _may_hold(grid: Grid, box: Box) -> bool:
    named = [(grid.dimensions[place], atoms) for place, atoms in box.items()]
    return _is_one_session(named) and _is_one_document(named)


def _is_one_session(named: list[tuple[Dimension, int]]) -> bool:
    """A session is known or not, whatever is asked of it."""
    facts = [each for each in named if each[0].subject[0] in ("labels", "called")]
    unknown = all(_examples(*each, is_none=True) for each in facts)
    known = all(_examples(*each, is_none=False) for each in facts)
    return unknown or known


def _examples(dimension: Dimension, atoms: int, *, is_none: bool) -> bool:
    return any(
        (atom.example is None) == is_none
        for place, atom in enumerate(dimension.atoms)
        if atoms >> place & 1
    )


def _is_one_document(named: list[tuple[Dimension, int]]) -> bool:
    """What is inside a value is there only where the value holds something."""
    paths = [each for each in named if each[0].subject[0] in ("input", "metadata")]
    return not any(
        _is_inside(inner[0].subject, outer[0].subject)
        and not _may_be_absent(*inner)
        and not _may_hold_something(*outer)
        for inner in paths
        for outer in paths
        if inner is not outer
    )


def _is_inside(inner: tuple[str, ...], outer: tuple[str, ...]) -> bool:
    return inner[0] == outer[0] and inner[1].startswith(f"{outer[1]}[")


def _may_be_absent(dimension: Dimension, atoms: int) -> bool:
    return any(
        atom.example in ((), None) or not atom.is_known
        for place, atom in enumerate(dimension.atoms)
        if atoms >> place & 1
    )


def _may_hold_something(dimension: Dimension, atoms: int) -> bool:
    """Unknown, or the example is an object or an array: texts and numbers hold nothing."""
    return any(
        not atom.is_known or any(text.startswith(("{", "[")) for text in atom.example)
        for place, atom in enumerate(dimension.atoms)
        if atoms >> place & 1
    )
