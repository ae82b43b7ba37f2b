"""What happens to tickets, on its way into the journal.

Above: `broker`. Below: `helio.audit.journal`. What must be kept and is not raises
`JournalUnavailable`; what need not be, or under `audit.on_failure: allow` anything, is logged.
"""

import asyncio
import logging
from collections.abc import Mapping

from helio.approvals.records import TICKET, changed_data
from helio.audit.journal import Journal
from helio.errors import JournalUnavailable
from helio.governance.ticket import Ticket

logger = logging.getLogger(__name__)


class Keeping:
    """The journal, as tickets see it. `keep_unrecorded`: a journal that fails stops nothing."""

    def __init__(self, journal: Journal, *, keep_unrecorded: bool) -> None:
        self._journal = journal
        self._keep_unrecorded = keep_unrecorded

    def queue(
        self, kind: str, data: Mapping[str, object], *, needed: bool = True
    ) -> asyncio.Future[None] | None:
        """Queues a record; done when it is on the disk. None when it cannot be kept and need not
        be. Raises `JournalUnavailable` when it must."""
        try:
            return self._journal.append_durable(kind, data)
        except JournalUnavailable as error:
            self._unrecorded(error, needed=needed)
            return None

    async def safe(self, recorded: asyncio.Future[None] | None, *, needed: bool = True) -> bool:
        """Waits until a record is on the disk; whether it is. Raises `JournalUnavailable` when it
        must be."""
        if recorded is None:
            return False
        try:
            await asyncio.shield(recorded)
        except JournalUnavailable as error:
            self._unrecorded(error, needed=needed)
            return False
        return True

    def note(self, ticket: Ticket, event: str, changed: str) -> None:
        """Something happened to a ticket that nobody waits for."""
        try:
            self._journal.append_soon(TICKET, changed_data(ticket, event, changed))
        except JournalUnavailable as error:
            self._unrecorded(error, needed=False)

    def _unrecorded(self, error: JournalUnavailable, *, needed: bool) -> None:
        if needed and not self._keep_unrecorded:
            raise error
        logger.error("what happened to a ticket is not recorded: %s", error)
