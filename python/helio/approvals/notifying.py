"""Tells channels of tickets: every notification in a task of its own, bounded in number and time.

Above: `broker`. Below: `channels`. No channel holds up another, or a call: what a channel cannot
do in `NOTIFY_SECONDS` it has not done, and of one channel at most `AT_ONCE` are under way.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final, Literal

from helio.approvals.channels.port import Channel
from helio.errors import NotificationFailed
from helio.governance.ticket import NotificationFailure, Occasion, Ticket

logger = logging.getLogger(__name__)

NOTIFY_SECONDS: Final = 60.0
AT_ONCE: Final = 8
PARTING_SECONDS: Final = 3.0
"""How long the last notifications may take when Helio stops."""

MAX_FAILURES: Final = 20
"""Failures that a ticket lists; further ones are logged only."""


class Notifier:
    """The channels of one Helio.

    `get(ticket_id)` gives a ticket as it is now, None when it is forgotten; `keep(ticket, event,
    field)` keeps a changed field; `now` is wall time in ns.
    """

    def __init__(
        self,
        channels: Mapping[str, Channel],
        *,
        get: Callable[[str], Ticket | None],
        keep: Callable[[Ticket, str, str], None],
        now: Callable[[], int],
    ) -> None:
        self._channels = channels
        self._get = get
        self._keep = keep
        self._now = now
        self._turns = {name: asyncio.Semaphore(AT_ONCE) for name in channels}
        self._told: dict[str, set[str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def notify(
        self, ticket: Ticket, names: Iterable[str], occasion: Literal["requested", "escalated"]
    ) -> None:
        """Tells these channels of a ticket that waits. Nobody waits for them."""
        for name in dict.fromkeys(names):
            self._spawn(self._notify(name, ticket.id, occasion))

    def resolved(self, ticket: Ticket) -> None:
        """Tells the channels that were notified how it ended."""
        for name in self._told.pop(ticket.id, set()) | ticket.receipts.keys():
            self._spawn(self._resolve(name, ticket.id))

    async def aclose(self) -> None:
        """Lets the last notifications end, or ends them, and closes the channels."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=PARTING_SECONDS)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for name, channel in self._channels.items():
            try:
                await channel.aclose()
            except Exception:
                logger.exception("the channel %s could not be closed", name)

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _notify(
        self, name: str, ticket_id: str, occasion: Literal["requested", "escalated"]
    ) -> None:
        receipt: Mapping[str, object] | None = None

        async def tell(channel: Channel) -> None:
            nonlocal receipt
            ticket = self._get(ticket_id)
            if ticket is not None and ticket.is_pending:
                receipt = await channel.notify(ticket, occasion)

        await self._bounded(name, ticket_id, occasion, tell)
        ticket = self._get(ticket_id)
        if receipt is None or ticket is None:
            return
        if receipt:
            ticket = replace(ticket, receipts={**ticket.receipts, name: receipt})
            self._keep(ticket, "notified", "receipts")
        if ticket.is_pending:
            self._told.setdefault(ticket_id, set()).add(name)
        else:
            # It was decided while the channel was told of it.
            await self._resolve(name, ticket_id)

    async def _resolve(self, name: str, ticket_id: str) -> None:
        async def tell(channel: Channel) -> None:
            ticket = self._get(ticket_id)
            if ticket is not None:
                await channel.resolved(ticket)

        await self._bounded(name, ticket_id, "resolved", tell)

    async def _bounded(
        self,
        name: str,
        ticket_id: str,
        occasion: Occasion,
        tell: Callable[[Channel], Awaitable[None]],
    ) -> None:
        """Has a channel tell of a ticket, in its turn; what fails is kept with the ticket."""
        channel = self._channels.get(name)
        if channel is None:
            why = "this Helio has no such channel; channels are read at its start"
            self._fail(name, ticket_id, occasion, why)
            return
        try:
            async with self._turns[name], asyncio.timeout(NOTIFY_SECONDS):
                await tell(channel)
        except NotificationFailed as error:
            self._fail(name, ticket_id, occasion, str(error))
        except TimeoutError:
            self._fail(name, ticket_id, occasion, f"given up after {NOTIFY_SECONDS:.0f} s")
        except Exception:
            logger.exception("the channel %s failed inside Helio", name)
            self._fail(
                name, ticket_id, occasion, "it failed inside Helio, which says why in its log"
            )

    def _fail(self, name: str, ticket_id: str, occasion: Occasion, detail: str) -> None:
        logger.warning(
            "ticket %s: %s could not be told (%s): %s", ticket_id, name, occasion, detail
        )
        ticket = self._get(ticket_id)
        if ticket is None or len(ticket.notification_failures) >= MAX_FAILURES:
            return
        failure = NotificationFailure(name, occasion, self._now(), detail)
        failures = (*ticket.notification_failures, failure)
        ticket = replace(ticket, notification_failures=failures)
        self._keep(ticket, "notification_failed", "notification_failures")
