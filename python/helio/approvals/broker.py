"""The broker: asks people about calls, waits for them, and keeps what they say.

Above: `helio.runtime` (the driver asks), `helio.operator` and callbacks (people answer),
`helio.app`. Below: `book` (what counts), `records`, `helio.audit.journal`, `channels`. Lives on one
event loop. What happens to a ticket counts from the moment its record is queued, so that every
checkpoint of the journal agrees with the lines around it; it has effects when the record is safe,
and is taken back when it is not.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import replace
from typing import Any

from helio.approvals.backlog import Backlog
from helio.approvals.book import Book
from helio.approvals.channels.port import Channel
from helio.approvals.deadlines import Deadlines
from helio.approvals.keeping import Keeping
from helio.approvals.notifying import Notifier
from helio.approvals.records import APPROVAL, TICKET, requested_data, resolved_data
from helio.approvals.settings import MILLISECOND, ApprovalSettings
from helio.approvals.subscribers import Subscriber, Subscribers
from helio.audit.journal import Journal
from helio.audit.recovery import PastApproval
from helio.errors import AlreadyResolved, JournalUnavailable, UnknownTicket
from helio.governance.ticket import ApprovalRequest, Happening, Mode, State, Ticket, follow
from helio.pipeline.events import Moment

logger = logging.getLogger(__name__)


class Broker:
    """All tickets of one Helio.

    `now` reads both clocks, `new_id(wall)` makes an id, `shown` hides in what people say what must
    not be written. Before `start` the past is restored. `channels` are the names of those that
    there are.
    """

    def __init__(
        self,
        journal: Journal,
        channels: Mapping[str, Channel],
        settings: ApprovalSettings,
        *,
        now: Callable[[], Moment],
        new_id: Callable[[int], str],
        shown: Callable[[str], str] = str,
    ) -> None:
        self._keeping = Keeping(journal, keep_unrecorded=settings.keep_unrecorded)
        self._settings = settings
        self.channels = tuple(channels)
        self._now = now
        self._new_id = new_id
        self._shown = shown
        self._book = Book(grant_ttl_ns=settings.grant_ttl_ms * MILLISECOND)
        self._backlog = Backlog(journal)
        self._notifier = Notifier(
            channels, get=self._known, keep=self._keep, now=lambda: now().wall
        )
        self._waiters: dict[str, asyncio.Future[Ticket]] = {}
        self._deadlines = Deadlines(time_out=self._time_out, escalate=self._escalate)
        self._recording: dict[str, asyncio.Future[None]] = {}
        self._deciding: dict[str, asyncio.Future[None]] = {}
        self._tasks: set[asyncio.Task[Ticket]] = set()
        self._subscribers = Subscribers()
        self._closing = False

    @property
    def mode(self) -> Mode:
        """Whether calls are held, or answered at once and sent again."""
        return self._settings.mode

    # life

    def restore(self, snapshot: Iterable[Any], elapsed: int, past: Iterable[PastApproval]) -> None:
        """What the journal holds: a checkpoint's part that is `elapsed` ns old, then what came
        after it, in order."""
        now = self._now()
        self._book.restore(snapshot, now.monotonic - elapsed)
        for each in past:
            # What a ticket grants of time runs from the instant that it names itself.
            wall = each.data["ticket"]["requested_at"] if "ticket" in each.data else each.at
            at = now.monotonic - max(0, now.wall - wall)
            if each.kind == "used":
                self._book.use(each.data["approvals"], each.data["call_id"])
            else:
                self._book.replay(each.data, at)
        self._book.restarted()

    def start(self) -> None:
        """Goes on with the tickets that wait: their deadlines, and notifications that nobody can
        have sent."""
        for ticket in self._book.pending():
            self._arm(ticket)
            self._notifier.notify(ticket, _untold(ticket, ticket.channels), "requested")
            if ticket.escalated:
                self._notifier.notify(ticket, _untold(ticket, ticket.delegates), "escalated")

    def checkpoint(self) -> object:
        """What a checkpoint of the journal holds of it."""
        return self._book.snapshot(self._now().monotonic)

    async def shutdown(self) -> None:
        """Ends the tickets whose calls are held. Those that were returned stay pending."""
        self._closing = True
        held = [each.id for each in self._book.pending() if each.state is State.HELD]
        await asyncio.gather(*(self._end(each, Happening.SHUT_DOWN) for each in held))

    async def aclose(self) -> None:
        """Ends timers, notifications and channels; nothing happens to tickets any more."""
        self._deadlines.close()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._backlog.aclose()
        await self._notifier.aclose()

    # for calls

    async def ask(self, request: ApprovalRequest) -> Ticket:
        """The ticket of a call: an approval that it may use, a decision against it that its agent
        does not know yet, the ticket of this very call that waits already, or a new one.

        An approval is taken until `use` or `give_back`. A new ticket is on the disk before anybody
        is notified. Raises `TooManyTickets` and `JournalUnavailable`.
        """
        now = self._now().monotonic
        known = (
            self._book.used_before(request)
            or self._book.grant(request, now)
            or self._book.untold(request, now)
        )
        if known is not None:
            return await self._once_safe(known, request)
        waiting = self._book.joinable(request)
        # When Helio ends, nobody is held any more.
        if waiting is None or (self._closing and self.mode == "hold"):
            return await self._ask_anew(request)
        if self.mode == "hold":
            waiting = replace(waiting, state=follow(waiting, Happening.CLIENT_JOINED))
            self._keep(waiting, Happening.CLIENT_JOINED.value, "state")
        try:
            await self._keeping.safe(self._recording.get(waiting.id))
        except asyncio.CancelledError:
            self.client_gone(waiting.id)
            raise
        return waiting

    def waiter(self, ticket_id: str) -> asyncio.Future[Ticket]:
        """Done with the ticket when it is over. It is shared: shield it from cancellation.

        Raises `UnknownTicket`.
        """
        ticket = self._book.get(ticket_id)
        waiter = self._waiters.get(ticket_id)
        if waiter is None:
            waiter = asyncio.get_running_loop().create_future()
            if ticket.is_pending:
                self._waiters[ticket_id] = waiter
            else:
                waiter.set_result(ticket)
        return waiter

    def client_gone(self, ticket_id: str) -> None:
        """The client of a held call went away: the ticket goes on waiting, and an approval is there
        for the same call sent again."""
        ticket = self._known(ticket_id)
        if ticket is None:
            return
        if ticket.state is State.HELD:
            left = replace(ticket, state=follow(ticket, Happening.CLIENT_LEFT))
            self._keep(left, Happening.CLIENT_LEFT.value, "state")
        elif not ticket.is_pending:
            self._book.give_back([ticket_id])

    def use(self, ticket_ids: Iterable[str], call_id: str) -> None:
        """A call runs with these approvals, and its intent says so: they count for no other."""
        self._book.use(ticket_ids, call_id)

    def give_back(self, ticket_ids: Iterable[str], call_id: str) -> None:
        """A call that had these approvals goes no further: until their time is over they count for
        the same call sent again."""
        self._book.give_back(ticket_ids, call_id)

    # for people

    async def approve(self, ticket_id: str, by: str) -> Ticket:
        """Lets the call through, once. Raises `UnknownTicket`, `AlreadyResolved`, and
        `JournalUnavailable`, after which the ticket waits as before."""
        return await self._decide(ticket_id, Happening.APPROVED, by, None)

    async def deny(self, ticket_id: str, by: str, reason: str | None = None) -> Ticket:
        """Keeps the call from going through. Raises as `approve`."""
        return await self._decide(ticket_id, Happening.DENIED, by, reason)

    async def break_glass(self, ticket_id: str, by: str, reason: str) -> Ticket:
        """Lets the call through in an emergency, which `reason` describes. Raises as `approve`."""
        return await self._decide(ticket_id, Happening.BROKE_GLASS, by, reason)

    async def cancel(self, ticket_id: str) -> Ticket:
        """The agent wants nothing any more. Raises as `approve`."""
        return await self._decide(ticket_id, Happening.CANCELLED, None, None)

    def get(self, ticket_id: str) -> Ticket:
        """Raises `UnknownTicket`."""
        return self._book.get(ticket_id)

    def tickets(self, status: str | None = None) -> list[Ticket]:
        """Those that are remembered, in the order in which they were asked for; of one status."""
        found = self._book.pending() if status == "pending" else self._book.tickets()
        return [
            each
            for each in found
            if status in (None, each.status) and each.id not in self._recording
        ]

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Calls `subscriber(change, ticket)` on the loop at every change, until what is given back
        is called."""
        return self._subscribers.add(subscriber)

    # inside

    async def _once_safe(self, known: Ticket, request: ApprovalRequest) -> Ticket:
        """What people said of a ticket counts for a call when it is recorded, and not otherwise."""
        try:
            await self._keeping.safe(self._deciding.get(known.id))
        except JournalUnavailable:
            # It was taken back, and the ticket waits again.
            return await self.ask(request)
        except asyncio.CancelledError:
            self._book.give_back([known.id])
            raise
        return known

    async def _ask_anew(self, request: ApprovalRequest) -> Ticket:
        self._book.make_room(request)
        now = self._now()
        ticket = self._settings.ticket(request, self._new_id(now.wall), now.wall)
        recorded = self._keeping.queue(TICKET, requested_data(ticket))
        self._book.add(ticket, now.monotonic)
        if recorded is not None:
            self._recording[ticket.id] = recorded
        # Who asked may leave before it is recorded: people are told all the same.
        announcing = self._spawn(self._announce(ticket.id, recorded))
        try:
            return await asyncio.shield(announcing)
        except asyncio.CancelledError:
            self.client_gone(ticket.id)
            raise

    async def _announce(self, ticket_id: str, recorded: asyncio.Future[None] | None) -> Ticket:
        """Tells people of a new ticket once it is recorded; it is none if it cannot be."""
        try:
            await self._keeping.safe(recorded)
        except JournalUnavailable:
            self._book.remove(ticket_id)
            raise
        finally:
            self._recording.pop(ticket_id, None)
        ticket = self._book.get(ticket_id)
        if self._closing and ticket.state is State.HELD:
            return await self._end(ticket_id, Happening.SHUT_DOWN)
        self._arm(ticket)
        self._notifier.notify(ticket, ticket.channels, "requested")
        self._subscribers.tell("requested", ticket)
        return ticket

    async def _decide(
        self, ticket_id: str, happening: Happening, by: str | None, reason: str | None
    ) -> Ticket:
        """What somebody says counts when it is recorded, and not otherwise."""
        if ticket_id in self._recording:
            raise UnknownTicket(ticket_id)
        told = None if reason is None else self._shown(reason)
        # Who said it may be gone before it is recorded: it still counts.
        resolving = self._resolve(ticket_id, happening, by, told, recorded_only=True)
        return await asyncio.shield(self._spawn(resolving))

    async def _end(self, ticket_id: str, happening: Happening) -> Ticket:
        """What happens by itself happens whether it can be recorded or not: a restart that does not
        know of it does the same again."""
        try:
            resolving = self._resolve(ticket_id, happening, None, None, recorded_only=False)
            return await asyncio.shield(self._spawn(resolving))
        except AlreadyResolved:
            return self._book.get(ticket_id)

    async def _resolve(
        self,
        ticket_id: str,
        happening: Happening,
        by: str | None,
        reason: str | None,
        *,
        recorded_only: bool,
    ) -> Ticket:
        was, now = self._book.get(ticket_id), self._now()
        fate: dict[str, Any] = {"resolved_at": now.wall, "resolved_by": by, "reason": reason}
        ticket = replace(was, state=follow(was, happening), **fate)
        if ticket.is_pending:
            return was
        asked_at = self._asked_at(was)
        row = resolved_data(ticket, now.wall, now.monotonic - asked_at)
        recorded = self._keeping.queue(APPROVAL, row, needed=recorded_only)
        self._book.put(ticket, now.monotonic)
        if recorded is not None and recorded_only:
            self._deciding[ticket_id] = recorded
        try:
            safe = await self._keeping.safe(recorded, needed=recorded_only)
        except JournalUnavailable:
            self._take_back(was, asked_at)
            raise
        finally:
            self._deciding.pop(ticket_id, None)
        if not safe:
            self._backlog.add(row)
        # The channels may have told of it meanwhile; or it is forgotten, because many others ended.
        ticket = self._known(ticket_id) or ticket
        self._over(ticket)
        return ticket

    def _take_back(self, was: Ticket, asked_at: int) -> None:
        """What was decided is not kept: the ticket waits as before."""
        undone: dict[str, Any] = {"resolved_at": None, "resolved_by": None, "reason": None}
        known = self._known(was.id)
        if known is None:
            # It is forgotten, because many others ended meanwhile.
            ticket = was
            self._book.add(ticket, asked_at)
        else:
            ticket = replace(known, state=was.state, **undone)
            self._book.put(ticket, self._now().monotonic)
        self._arm(ticket)

    def _over(self, ticket: Ticket) -> None:
        """The ticket waits for nobody any more, and that is safe."""
        self._deadlines.disarm(ticket.id)
        waiter = self._waiters.pop(ticket.id, None)
        if waiter is not None and not waiter.done():
            waiter.set_result(ticket)
        self._notifier.resolved(ticket)
        self._subscribers.tell("resolved", ticket)

    def _keep(self, ticket: Ticket, event: str, changed: str) -> None:
        """Something happened to the ticket that nobody waits for."""
        self._keeping.note(ticket, event, changed)
        self._book.put(ticket, self._now().monotonic)
        if event == "notification_failed":
            self._subscribers.tell("notification_failed", ticket)

    # deadlines

    def _asked_at(self, ticket: Ticket) -> int:
        """The monotonic instant at which it was asked for."""
        return self._book.due(ticket.id) - (ticket.timeout_at - ticket.requested_at)

    def _arm(self, ticket: Ticket) -> None:
        """Has its timeout and its escalation happen on time."""
        now, escalation = self._now().monotonic, None
        if ticket.escalation_after_ms is not None and not ticket.escalated:
            escalation = self._asked_at(ticket) + ticket.escalation_after_ms * MILLISECOND - now
        self._deadlines.arm(ticket.id, self._book.due(ticket.id) - now, escalation)

    def _time_out(self, ticket_id: str) -> None:
        self._spawn(self._end(ticket_id, Happening.TIMED_OUT))

    def _escalate(self, ticket_id: str) -> None:
        ticket = self._known(ticket_id)
        if ticket is None or not ticket.is_pending:
            return
        escalated = replace(ticket, escalated=True)
        self._keep(escalated, "escalated", "escalated")
        self._notifier.notify(escalated, ticket.delegates or ticket.channels, "escalated")

    # who hears of it

    def _known(self, ticket_id: str) -> Ticket | None:
        try:
            return self._book.get(ticket_id)
        except UnknownTicket:
            return None

    def _spawn(self, work: Coroutine[Any, Any, Ticket]) -> asyncio.Task[Ticket]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _untold(ticket: Ticket, names: Iterable[str]) -> list[str]:
    """Of channels those that nobody can have told of it."""
    return [name for name in names if name not in ticket.receipts]
