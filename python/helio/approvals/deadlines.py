"""The timers of tickets: when each times out, and when it is escalated.

Above: `broker`. Below: asyncio, whose clock is monotonic.
"""

import asyncio
from collections.abc import Callable

from helio.approvals.settings import MILLISECOND


class Deadlines:
    """Calls `time_out(ticket_id)` and `escalate(ticket_id)` on the loop when it is time."""

    def __init__(self, *, time_out: Callable[[str], None], escalate: Callable[[str], None]) -> None:
        self._time_out = time_out
        self._escalate = escalate
        self._timers: dict[str, list[asyncio.TimerHandle]] = {}

    def arm(self, ticket_id: str, timeout_ns: int, escalation_ns: int | None) -> None:
        """So many nanoseconds from now, in place of what was set before; what is past is now."""
        self.disarm(ticket_id)
        timers = [_later(timeout_ns, self._time_out, ticket_id)]
        if escalation_ns is not None:
            timers.append(_later(escalation_ns, self._escalate, ticket_id))
        self._timers[ticket_id] = timers

    def disarm(self, ticket_id: str) -> None:
        """Nothing happens to this ticket any more."""
        for timer in self._timers.pop(ticket_id, ()):
            timer.cancel()

    def close(self) -> None:
        """Nor to any other."""
        for ticket_id in list(self._timers):
            self.disarm(ticket_id)


def _later(delay_ns: int, act: Callable[[str], None], ticket_id: str) -> asyncio.TimerHandle:
    """Not before its time: uvloop counts in whole milliseconds, from the last one that was full."""
    milliseconds = -(-max(0, delay_ns) // MILLISECOND) + 1
    return asyncio.get_running_loop().call_later(milliseconds / 1000, act, ticket_id)
