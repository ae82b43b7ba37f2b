"""The time that one request has, where several things have to happen before it has its answer.

Above: the ports and bridges that open a session, or ask something, before they send. Below:
asyncio.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from helio.errors import UpstreamFailed, UpstreamFailure

Result = TypeVar("Result")


class Allowance:
    """`seconds` from now on; None is for ever."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self._until = None if seconds is None else asyncio.get_running_loop().time() + seconds

    @property
    def left(self) -> float | None:
        """Seconds that are left, at least 0, to a hundredth; None for ever."""
        if self._until is None:
            return None
        return max(0.0, round(self._until - asyncio.get_running_loop().time(), 2))

    async def spend(self, work: Awaitable[Result], *, sent: bool = False) -> Result:
        """What `work` gives, within the time that is left; past it `work` is cancelled.

        Raises `UpstreamFailed`: `timeout` when the request itself was `sent`, else
        `connect_timeout`.
        """
        try:
            async with asyncio.timeout(self.left):
                return await work
        except TimeoutError:
            detail = f"nothing from the upstream within {self.seconds} s"
            reason: UpstreamFailure = "timeout" if sent else "connect_timeout"
            raise UpstreamFailed(reason, sent=sent, detail=detail) from None
