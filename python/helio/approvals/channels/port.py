"""What a channel is to the broker.

Above: `helio.approvals.broker`; each channel implements it. Below: `helio.governance.ticket`.
"""

from collections.abc import Mapping
from typing import Literal, Protocol

from helio.governance.ticket import Ticket


class Channel(Protocol):
    """A way to tell people of tickets.

    The broker calls each method in a task of its own, bounded in number and in time
    (`helio.approvals.broker`): a channel that hangs holds up nobody, and may be cancelled at any
    await. People's answers do not come back by this protocol: what receives them (the operator API,
    a callback's route) calls the broker.
    """

    @property
    def name(self) -> str:
        """What rules call it."""

    @property
    def kind(self) -> str:
        """`dashboard`, `webhook` or `slack`."""

    async def notify(
        self, ticket: Ticket, occasion: Literal["requested", "escalated"]
    ) -> Mapping[str, object]:
        """Tells of a ticket that waits.

        Gives a receipt, a JSON object without secrets: what the channel needs to find its
        notification again, after a restart too. It is kept in the journal and comes back as
        `ticket.receipts[self.name]`; an empty one is not kept. Raises `NotificationFailed`.
        """

    async def resolved(self, ticket: Ticket) -> None:
        """Tells how a ticket ended that it notified of. Raises `NotificationFailed`."""

    async def aclose(self) -> None:
        """Ends its connections."""
