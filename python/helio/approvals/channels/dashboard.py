"""The queue on the operator port, which is always there.

Above: `helio.app`. Below: `port`. Whoever looks at the operator port sees the tickets themselves,
so there is nobody to be told.
"""

from collections.abc import Mapping
from typing import Final, Literal

from helio.governance.ticket import Ticket


class DashboardChannel:
    """See `helio.approvals.channels.port.Channel`."""

    kind: Final = "dashboard"

    def __init__(self, name: str = "dashboard") -> None:
        self.name: Final = name

    async def notify(
        self, ticket: Ticket, occasion: Literal["requested", "escalated"]
    ) -> Mapping[str, object]:
        """See `helio.approvals.channels.port.Channel`."""
        return {}

    async def resolved(self, ticket: Ticket) -> None:
        """See `helio.approvals.channels.port.Channel`."""

    async def aclose(self) -> None:
        """See `helio.approvals.channels.port.Channel`."""
