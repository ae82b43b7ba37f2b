"""How often something is tried that may fail for a moment, and how long in between.

Above: `webhook`, `slack`. Below: `helio.errors`, asyncio's clock.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from helio.errors import NotificationFailed

T = TypeVar("T")
Pause = Callable[[float], Awaitable[None]]
"""Waits so many seconds."""

MOST_ATTEMPTS: Final = 5
FIRST_SECONDS: Final = 0.5
LONGEST_SECONDS: Final = 30.0
"""How long is waited at most between two attempts, whatever the other side asks for."""


@dataclass(eq=False)
class Setback(Exception):
    """An attempt that failed, and may succeed later. `after`: seconds that the other side asked to
    be left alone; `why` tells it to people, without anything secret."""

    why: str
    after: float | None = None


class Attempts:
    """Tries a few times. A pause doubles from one to the next, and is somewhere between a half and
    the whole of that, so that what failed together does not come back together.
    """

    def __init__(self, pause: Pause = asyncio.sleep) -> None:
        self._pause = pause

    async def of(self, attempt: Callable[[], Awaitable[T]]) -> tuple[T, int]:
        """What it gave, and how many attempts that took. Raises `NotificationFailed` after
        `MOST_ATTEMPTS`, or when the other side is to be left alone for longer than
        `LONGEST_SECONDS`; whatever else `attempt` raises at once.
        """
        count = 1
        while True:
            try:
                return await attempt(), count
            except Setback as setback:
                wait = _seconds(count, setback.after)
                if count == MOST_ATTEMPTS or wait > LONGEST_SECONDS:
                    raise NotificationFailed(f"{setback.why}, {_times(count)}") from None
            await self._pause(wait)
            count += 1


def _seconds(count: int, after: float | None) -> float:
    """How long to wait after the `count`th attempt."""
    wait = FIRST_SECONDS * 2.0 ** (count - 1) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
    return wait if after is None else after + wait


def _times(count: int) -> str:
    return "at the first attempt" if count == 1 else f"{count} times"
