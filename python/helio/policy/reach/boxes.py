"""Sets of calls as boxes: in each dimension a set of atoms, as the bits of an integer.

Above: `findings`. Below: `effort`. Pure. A dimension that a box does not name is free in it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeAlias

from helio.policy.reach.effort import Effort, Exhausted

Box: TypeAlias = Mapping[int, int]
"""The atoms by dimension."""

_MOST_PIECES: Final = 400


def is_empty(box: Box) -> bool:
    """Whether no call is in it."""
    return not all(box.values())


def intersection(left: Box, right: Box) -> dict[int, int]:
    """What is in both."""
    both = dict(left)
    for dimension, atoms in right.items():
        both[dimension] = both[dimension] & atoms if dimension in both else atoms
    return both


def overlap(left: Box, right: Box) -> bool:
    """Whether some call is in both."""
    return all(left.get(dimension, atoms) & atoms for dimension, atoms in right.items())


def without(box: Box, other: Box, wholes: Mapping[int, int]) -> Iterator[Box]:
    """What is in `box` and not in `other`, in pieces that do not overlap. `wholes` are all atoms
    of each dimension.
    """
    if not overlap(box, other):
        yield box
        return
    rest = dict(box)
    for dimension, atoms in other.items():
        here = rest.get(dimension, wholes[dimension])
        outside = here & ~atoms
        if outside:
            yield {**rest, dimension: outside}
        rest[dimension] = here & atoms


def remainder(
    box: Box, others: Iterable[Box], wholes: Mapping[int, int], effort: Effort
) -> list[Box]:
    """What is in `box` and in none of the others. Raises `Exhausted`."""
    pieces = [box]
    for other in others:
        effort.spend(1 + len(pieces) * len(other))
        pieces = [left for piece in pieces for left in without(piece, other, wholes)]
        if len(pieces) > _MOST_PIECES:
            raise Exhausted
        if not pieces:
            break
    return pieces
