"""Which earlier rules may decide about calls of a rule, found by the tools that they name.

Above: `covering`, `redundancy`. Below: `helio.evaluator`. Pure.
"""

import re
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Final

from helio.evaluator import glob_matches

MOST: Final = 60
"""So many are looked at; the ones for more tools come first."""

_SPECIAL: Final = re.compile(r"[*?\[{\\]")


class Candidates:
    """The rules so far, by the literal beginnings of their globs."""

    def __init__(self) -> None:
        self._by_beginning: dict[str, list[tuple[str, int]]] = {}
        self._beginnings: list[str] = []
        self._lengths: list[int] = []
        self._rules: dict[str, int] = {}
        """How many rules have a glob."""

    def add(self, place: int, globs: Iterable[str]) -> None:
        """The next rule, in file order."""
        for glob in dict.fromkeys(globs):
            self._rules[glob] = self._rules.get(glob, 0) + 1
            start = beginning(glob)
            known = self._by_beginning.get(start)
            if known is None:
                known = self._by_beginning[start] = []
                insort(self._beginnings, start)
                if len(start) not in self._lengths:
                    insort(self._lengths, len(start))
            known.append((glob, place))

    def of(self, globs: Iterable[str], most: int | None = MOST) -> list[int]:
        """Rules that may share a tool with the globs, in file order; at most `most`, if given."""
        found: dict[int, None] = {}
        for glob in globs:
            near = self._near(glob)
            for other, place in islice(near, None if most is None else 20 * most):
                if most is not None and len(found) >= most:
                    break
                if place not in found and _may_meet(glob, other):
                    found[place] = None
        return sorted(found)

    def all_of(self, globs: Iterable[str]) -> list[int] | None:
        """All rules that may share a tool with the globs, in file order; None where they are more
        than `MOST`, or too many to look through.
        """
        found: dict[int, None] = {}
        for glob in globs:
            if self._rules.get(glob, 0) > MOST:
                return None
            near = self._near(glob)
            for other, place in islice(near, 20 * MOST):
                if place not in found and _may_meet(glob, other):
                    found[place] = None
                if len(found) > MOST:
                    return None
            if next(near, None) is not None:
                return None
        return sorted(found)

    def any_of(self, globs: Iterable[str]) -> bool:
        """Whether any rule may share a tool with the globs; often true, and quickly found out."""
        for glob in globs:
            for seen, (other, _) in enumerate(self._near(glob)):
                if seen == MOST or _may_meet(glob, other):
                    return True
        return False

    def _near(self, glob: str) -> Iterator[tuple[str, int]]:
        """Globs that begin like this one, as far as both are literal."""
        start = beginning(glob)
        for length in self._lengths:
            if length > len(start):
                break
            yield from self._by_beginning.get(start[:length], ())
        if start == glob:
            return
        for place in range(bisect_left(self._beginnings, start), len(self._beginnings)):
            longer = self._beginnings[place]
            if not longer.startswith(start):
                return
            if longer != start:
                yield from self._by_beginning[longer]


@lru_cache(maxsize=4096)
def beginning(glob: str) -> str:
    """The characters that all names of a glob begin with."""
    special = _SPECIAL.search(glob)
    return glob if special is None else glob[: special.start()]


def _may_meet(left: str, right: str) -> bool:
    """False only where no name matches both."""
    if left == right:
        return True
    if _is_name(left):
        return glob_matches(right, left)
    return not _is_name(right) or glob_matches(left, right)


def _is_name(glob: str) -> bool:
    """Whether it describes one name, itself."""
    return beginning(glob) == glob
