"""What holds for every ticket unless its rule says otherwise.

Above: `broker`; `helio.app` makes it of the configuration. Pure.
"""

from dataclasses import dataclass
from typing import Final, Literal

from helio.governance.ticket import ApprovalRequest, Mode, State, Ticket

MILLISECOND: Final = 1_000_000
"""Nanoseconds."""


@dataclass(frozen=True, slots=True)
class ApprovalSettings:
    """Durations in ms. `channels` are the names of the configured ones; all of them are notified
    when no rule names any. `keep_unrecorded`: a journal that fails stops nothing
    (`audit.on_failure: allow`)."""

    mode: Mode = "hold"
    timeout_ms: int = 300_000
    default_on_timeout: Literal["deny", "allow"] = "deny"
    grant_ttl_ms: int = 900_000
    channels: tuple[str, ...] = ("dashboard",)
    keep_unrecorded: bool = False

    def ticket(self, request: ApprovalRequest, ticket_id: str, wall: int) -> Ticket:
        """The ticket of a request that comes at this wall time (ns)."""
        timeout = request.timeout_ms or self.timeout_ms
        return Ticket.of(
            request,
            id=ticket_id,
            channels=request.channels or self.channels,
            timeout_ms=timeout,
            mode=self.mode,
            state=State.HELD if self.mode == "hold" else State.RETURNED,
            requested_at=wall,
            timeout_at=wall + timeout * MILLISECOND,
            # An overage is never let through because nobody looked.
            default_on_timeout="deny" if request.kind == "budget" else self.default_on_timeout,
        )
