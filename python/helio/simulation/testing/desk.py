"""A world in which tickets wait: people answer while a call is held, or later.

Above: `running`. Below: `helio.simulation.world`, `helio.approvals.book`. Pure. What people say
takes no time. A call that nobody answers leaves its ticket pending, in either mode of asking: what
is approved then is there for the same call sent again, as long as grants count.
"""

from dataclasses import replace
from typing import Final

from helio.approvals.book import Book
from helio.approvals.settings import MILLISECOND, ApprovalSettings
from helio.errors import TooManyTickets
from helio.governance.sessions import Sessions
from helio.governance.ticket import ApprovalRequest, Happening, State, Ticket, follow
from helio.pipeline import commands, events
from helio.pipeline.events import Event
from helio.simulation.testing.document import Answer
from helio.simulation.world import World

_HAPPENINGS: Final = {
    "approve": Happening.APPROVED,
    "deny": Happening.DENIED,
    "timeout": Happening.TIMED_OUT,
}
_PERSON: Final = "policy test"


class DeskWorld(World):
    """One Helio whose tickets outlive the calls that raised them."""

    def __init__(self, sessions: Sessions, settings: ApprovalSettings) -> None:
        super().__init__(sessions)
        self._settings = settings
        self._book = Book(grant_ttl_ns=settings.grant_ttl_ms * MILLISECOND)
        self._raised = 0
        self.answer_to_next: Answer | None = None
        """What people say of every ticket that the next call raises."""
        self.was_asked = False
        """Whether somebody was asked about the last call."""

    def advance_to(self, wall: int) -> None:
        """Lets time pass; tickets whose time is over meanwhile time out."""
        super().advance_to(wall)
        for ticket in self._book.pending():
            if self._book.due(ticket.id) <= self.now.monotonic:
                self._follow(ticket, Happening.TIMED_OUT)

    def resolve(self, answer: Answer) -> bool:
        """What a person says of the ticket that was raised last and waits; False when none does."""
        pending = self._book.pending()
        if not pending:
            return False
        self._follow(pending[-1], _HAPPENINGS[answer])
        return True

    def _follow(self, ticket: Ticket, happening: Happening) -> Ticket:
        person = None if happening is Happening.TIMED_OUT else _PERSON
        changed = replace(
            ticket,
            state=follow(ticket, happening),
            resolved_at=self.now.wall,
            resolved_by=person,
        )
        self._book.put(changed, self.now.monotonic)
        return changed

    def _settle_approvals(
        self, command: commands.UseApprovals | commands.GiveBackApprovals
    ) -> None:
        if isinstance(command, commands.UseApprovals):
            self._book.use(command.tickets, command.call_id)
        else:
            self._book.give_back(command.tickets, command.call_id)

    def _asked(self, request: ApprovalRequest, _decided: State) -> Event:
        now = self.now.monotonic
        known = self._book.grant(request, now) or self._book.untold(request, now)
        if known is not None:
            return _over(known)
        self.was_asked = True
        ticket = self._book.joinable(request)
        if ticket is None:
            try:
                self._book.make_room(request)
            except TooManyTickets as error:
                return events.AskingRefused(str(error))
            ticket = self._ticket(request)
            self._book.add(ticket, now)
        if self.answer_to_next is None:
            return events.ApprovalPending(ticket)
        held = replace(ticket, state=follow(ticket, Happening.CLIENT_JOINED))
        self._book.put(held, now)
        return _over(self._follow(held, _HAPPENINGS[self.answer_to_next]))

    def _ticket(self, request: ApprovalRequest) -> Ticket:
        settings, wall = self._settings, self.now.wall
        timeout = request.timeout_ms or settings.timeout_ms
        self._raised += 1
        return Ticket.of(
            request,
            id=f"ticket-{self._raised}",
            channels=request.channels or settings.channels,
            timeout_ms=timeout,
            mode="return",
            state=State.RETURNED,
            requested_at=wall,
            timeout_at=wall + timeout * MILLISECOND,
            default_on_timeout="deny" if request.kind == "budget" else settings.default_on_timeout,
        )


def _over(ticket: Ticket) -> Event:
    return events.Approved(ticket, 0) if ticket.allows else events.NotApproved(ticket, 0)
