"""How much is looked at before a question is left open.

Above: the rest of the room. Below: nothing. Pure: work is counted, not timed, so that the same
policy always has the same findings.
"""

from collections.abc import Hashable
from typing import Any


class TooLarge(Exception):
    """One set is too large to be looked at; others may not be."""


class Exhausted(Exception):
    """All the work that one question, or the whole policy, may take was done."""


class Effort:
    """The steps that one question may take, out of those that are left for all. `known` keeps what
    was found out for one question for the next ones.
    """

    def __init__(self, total: int, each: int) -> None:
        self._left = total
        self._each = each
        self._now = 0
        self.known: dict[Hashable, Any] = {}

    def begin(self) -> None:
        """The next question. Raises `Exhausted` when none may be asked any more."""
        if self._left <= 0:
            raise Exhausted
        self._now = min(self._each, self._left)

    def spend(self, steps: int) -> None:
        """Counts steps. Raises `Exhausted` when they were too many."""
        self._now -= steps
        self._left -= steps
        if self._now < 0:
            raise Exhausted
