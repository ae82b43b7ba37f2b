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
from helio.approvals.notifying import Notifier
from helio.approvals.records import APPROVAL, TICKET, changed_data, requested_data, resolved_data
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

    `now` reads both clocks, `new_id(wall)` makes an id. Before `start` the past is restored.
    """

    def __init__(
        self,
        journal: Journal,
        channels: Mapping[str, Channel],
        settings: ApprovalSettings,
        *,
        now: Callable[[], Moment],
        new_id: Callable[[int], str],
    ) -> None:
        self._journal = journal
        self._settings = settings
        self._now = now
        self._new_id = new_id
        self._book = Book(grant_ttl_ns=settings.grant_ttl_ms * MILLISECOND)
        self._backlog = Backlog(journal)
        self._notifier = Notifier(
            channels, get=self._known, keep=self._keep, now=lambda: now().wall
        )
        self._waiters: dict[str, asyncio.Future[Ticket]] = {}
        self._deadlines = Deadlines(time_out=self._time_out, escalate=self._escalate)
        self._recording: dict[str, asyncio.Future[None]] = {}
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
            at = now.monotonic - max(0, now.wall - each.at)
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
            missed = [name for name in ticket.channels if name not in ticket.receipts]
            self._notifier.notify(ticket, missed, "requested")

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
            return known
        waiting = self._book.joinable(request)
        if waiting is None:
            return await self._ask_anew(request)
        if self.mode == "hold":
            waiting = replace(waiting, state=follow(waiting, Happening.CLIENT_JOINED))
            self._keep(waiting, Happening.CLIENT_JOINED.value, "state")
        await self._safe(self._recording.get(waiting.id))
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

    async def _ask_anew(self, request: ApprovalRequest) -> Ticket:
        self._book.make_room(request)
        ticket, now = self._ticket(request), self._now()
        recorded = self._record(TICKET, requested_data(ticket))
        self._book.add(ticket, now.monotonic)
        if recorded is not None:
            self._recording[ticket.id] = recorded
        try:
            await self._safe(recorded)
        except JournalUnavailable:
            self._book.remove(ticket.id)
            raise
        except asyncio.CancelledError:
            self.client_gone(ticket.id)
            self._arm(ticket)
            raise
        finally:
            self._recording.pop(ticket.id, None)
        if self._closing and ticket.state is State.HELD:
            return await self._end(ticket.id, Happening.SHUT_DOWN)
        self._arm(ticket)
        self._notifier.notify(ticket, ticket.channels, "requested")
        self._subscribers.tell("requested", ticket)
        return self._book.get(ticket.id)

    def _ticket(self, request: ApprovalRequest) -> Ticket:
        settings, now = self._settings, self._now()
        timeout = request.timeout_ms or settings.timeout_ms
        return Ticket.of(
            request,
            id=self._new_id(now.wall),
            channels=request.channels or settings.channels,
            timeout_ms=timeout,
            mode=settings.mode,
            state=State.HELD if settings.mode == "hold" else State.RETURNED,
            requested_at=now.wall,
            timeout_at=now.wall + timeout * MILLISECOND,
            # An overage is never let through because nobody looked.
            default_on_timeout="deny" if request.kind == "budget" else settings.default_on_timeout,
        )

    async def _decide(
        self, ticket_id: str, happening: Happening, by: str | None, reason: str | None
    ) -> Ticket:
        """What somebody says counts when it is recorded, and not otherwise."""
        if ticket_id in self._recording:
            raise UnknownTicket(ticket_id)
        # Who said it may be gone before it is recorded: it still counts.
        resolving = self._resolve(ticket_id, happening, by, reason, recorded_only=True)
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
        waited = now.monotonic - self._asked_at(was)
        row = resolved_data(ticket, now.wall, waited)
        recorded = self._record(APPROVAL, row, needed=recorded_only)
        self._book.put(ticket, now.monotonic)
        try:
            safe = await self._safe(recorded, needed=recorded_only)
        except JournalUnavailable:
            self._take_back(ticket_id, was)
            raise
        if not safe:
            self._backlog.add(row)
        self._over(self._book.get(ticket_id))
        return ticket

    def _take_back(self, ticket_id: str, was: Ticket) -> None:
        """What was decided is not kept: the ticket waits as before."""
        undone: dict[str, Any] = {"resolved_at": None, "resolved_by": None, "reason": None}
        ticket = replace(self._book.get(ticket_id), state=was.state, **undone)
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

    # what the journal keeps

    def _record(
        self, kind: str, data: Mapping[str, object], *, needed: bool = True
    ) -> asyncio.Future[None] | None:
        """Queues a record; done when it is on the disk. None when it cannot be kept and need not
        be. Raises `JournalUnavailable` when it must."""
        try:
            return self._journal.append_durable(kind, data)
        except JournalUnavailable as error:
            self._unrecorded(error, needed=needed)
            return None

    async def _safe(self, recorded: asyncio.Future[None] | None, *, needed: bool = True) -> bool:
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

    def _unrecorded(self, error: JournalUnavailable, *, needed: bool) -> None:
        if needed and not self._settings.keep_unrecorded:
            raise error
        logger.error("what happened to a ticket is not recorded: %s", error)

    def _keep(self, ticket: Ticket, event: str, changed: str) -> None:
        """Something happened to the ticket that nobody waits for."""
        try:
            self._journal.append_soon(TICKET, changed_data(ticket, event, changed))
        except JournalUnavailable as error:
            self._unrecorded(error, needed=False)
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
