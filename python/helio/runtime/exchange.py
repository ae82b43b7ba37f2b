"""What a call's transport is to the driver.

Above: `helio.transport` implements it. Below: `helio.pipeline.events`, `helio.governance.ticket`.
"""

import asyncio
from typing import Literal, Protocol

from helio.governance.ticket import Ticket
from helio.pipeline import events


class Exchange(Protocol):
    """One call's way to its upstream and back, as a transport carries it."""

    async def forward(
        self,
    ) -> events.UpstreamAnswered | events.UpstreamFailed | events.LeftOpen:
        """Sends the call's own bytes, relays what comes before the answer, and holds the answer
        back. `LeftOpen` is for calls that another process can go on with."""

    async def hold(
        self, ticket: Ticket, resolved: asyncio.Future[Ticket]
    ) -> Literal["resolved", "gone", "cancelled"]:
        """Keeps the agent's request open while a person is asked, before it is forwarded or
        answered.

        `resolved` is done when the ticket is: by a person, its timeout (`ticket.timeout_at`) or a
        shutdown; it may be so already, is shared, and must not be cancelled. Gives `gone` when the
        agent's client is not there any more, and `cancelled` when it gave the request up by
        `notifications/cancelled`; whoever is first counts.
        """

    async def deliver(self) -> None:
        """Gives the agent the answer that was held back."""

    async def answer(self, body: bytes) -> None:
        """Answers the agent with a JSON-RPC message of Helio's own."""
