"""Who hears of tickets as they change: the operator port's live events, for one.

Above: `broker`. Below: `helio.governance.ticket`.
"""

import logging
from collections.abc import Callable
from typing import Literal

from helio.governance.ticket import Ticket

logger = logging.getLogger(__name__)

Change = Literal["requested", "resolved", "notification_failed"]
Subscriber = Callable[[Change, Ticket], None]


class Subscribers:
    """Functions that are called on the loop; one that fails harms no other."""

    def __init__(self) -> None:
        self._subscribers: list[Subscriber] = []

    def add(self, subscriber: Subscriber) -> Callable[[], None]:
        """Calls it at every change, until what is given back is called."""
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    def tell(self, change: Change, ticket: Ticket) -> None:
        """A ticket changed."""
        for subscriber in tuple(self._subscribers):
            try:
                subscriber(change, ticket)
            except Exception:
                logger.exception("a subscriber to tickets failed")
