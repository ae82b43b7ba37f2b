"""Attempts that come again after pauses that grow.

Above: `journal`. Lives on the event loop.
"""

import asyncio
from collections.abc import Callable
from typing import Final

_FIRST: Final = 0.2
_LAST: Final = 2.0
"""Seconds between two attempts; the pause doubles."""


class Retry:
    """At most one attempt that waits for its time."""

    def __init__(self) -> None:
        self._pause = _FIRST
        self._waiting: asyncio.TimerHandle | None = None

    @property
    def waits(self) -> bool:
        """Whether an attempt is still to come."""
        return self._waiting is not None

    def later(self, attempt: Callable[[], None], *, at_once: bool = False) -> None:
        """Makes the attempt after the next pause, or as soon as the loop comes to it, in place of
        one that waits."""
        self.cancel()
        pause = 0 if at_once else self._pause
        self._waiting = asyncio.get_running_loop().call_later(pause, self._make, attempt)
        self._pause = min(2 * self._pause, _LAST)

    def cancel(self) -> bool:
        """Gives up the attempt that waits; whether there was one."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.cancel()
        return waiting is not None

    def reset(self) -> None:
        """All is well: the next pause is the first one again."""
        self._pause = _FIRST

    def _make(self, attempt: Callable[[], None]) -> None:
        self._waiting = None
        attempt()
