"""How much is looked at before a question is left open.

Above: the rest of the room. Below: nothing. Pure: work is counted, not timed, so that the same
policy always has the same findings.
"""

from collections.abc import Hashable
from typing import Any, Final

TOO_MUCH: Final = "there is too much to compare"
"""Why most questions are left open."""


class TooLarge(Exception):
    """One set is too large to be looked at; others may not be. Its text says why."""

    def __init__(self, why: str = TOO_MUCH) -> None:
        super().__init__(why)
        self.why = why


class Exhausted(Exception):
    """All the work that one question, or the whole policy, may take was done."""


class Effort:
    """The steps that one question may take, out of those that are left for all. `known` keeps what
    was found out for one question for the next ones; `doubts` are the sets that this question was
    too large for, and why.
    """

    def __init__(self, total: int, each: int) -> None:
        self._left = total
        self._each = each
        self._now = 0
        self.known: dict[Hashable, Any] = {}
        self.doubts: dict[str, None] = {}

    def begin(self) -> None:
        """The next question. Raises `Exhausted` when none may be asked any more."""
        self.doubts = {}
        if self._left <= 0:
            raise Exhausted
        self._now = min(self._each, self._left)

    def spend(self, steps: int) -> None:
        """Counts steps. Raises `Exhausted` when they were too many."""
        self._now -= steps
        self._left -= steps
        if self._now < 0:
            raise Exhausted

    def doubt(self, why: str) -> None:
        """Notes that a set could not be looked at."""
        self.doubts[why] = None
