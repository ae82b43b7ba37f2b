"""When something that keeps failing may be started again.

Above: `helio.upstream.child`. Below: asyncio's clock.
"""

import asyncio
from typing import Final

from helio.errors import UpstreamFailed

FIRST_SECONDS: Final = 0.5
LONGEST_SECONDS: Final = 30.0


class Backoff:
    """0.5 s after the first failure, doubled with every further one up to 30 s."""

    def __init__(self) -> None:
        self.failures = 0
        self._not_before = 0.0

    def failed(self, *, after_service: bool) -> None:
        """It failed; `after_service`: not without having been of use before, so that the count
        begins anew."""
        self.failures = 1 if after_service else self.failures + 1
        pause = min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** min(self.failures - 1, 16))
        self._not_before = asyncio.get_running_loop().time() + pause

    def served(self) -> None:
        """It is of use: what failed before does not count any more."""
        self.failures = 0

    async def ready(self, patience: float) -> None:
        """Waits until it may be started. Raises `UpstreamFailed` (`connect_failed`) at once when
        that takes over `patience` seconds.
        """
        pause = self._not_before - asyncio.get_running_loop().time()
        if not self.failures or pause <= 0:
            return
        if pause > patience:
            detail = f"it failed {self.failures} times and is started again in {pause:.0f} s"
            raise UpstreamFailed("connect_failed", sent=False, detail=detail)
        await asyncio.sleep(pause)
