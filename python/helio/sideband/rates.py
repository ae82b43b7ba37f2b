"""How much may come, of each key, in a second.

Above: `access`, `marks`. Below: nothing. A key has a second's worth at once, and may go into debt
by one request; then it waits until that is paid.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from helio.operator.faults import Refused

_MOST_KEYS: Final = 10_000
"""Keys that are remembered; the one that was used longest ago starts anew."""


class Rates:
    """Buckets that fill at `per_second`. `clock` is in monotonic seconds."""

    def __init__(
        self, per_second: int, whose: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`whose` is what a key is, for people: `token`."""
        self._per_second = per_second
        self._whose = whose
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, cost: int = 1) -> None:
        """Takes so much. Raises `Refused` (429) while the key is in debt."""
        now = self._clock()
        level, at = self._buckets.get(key, (float(self._per_second), now))
        level = min(self._per_second, level + (now - at) * self._per_second)
        if level <= 0:
            seconds = max(1, math.ceil((1 - level) / self._per_second))
            raise Refused(
                429,
                f"too much from this {self._whose}: at most {self._per_second} a second",
                headers={"retry-after": str(seconds)},
                more={"reason": "too_many"},
            )
        self._buckets[key] = (level - cost, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > _MOST_KEYS:
            self._buckets.popitem(last=False)
