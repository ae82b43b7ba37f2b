"""The book of tickets: those that wait, the grants that approvals left, and what was decided not
long ago. Pure: time comes in.

Above: `broker`, which writes into the journal what it does here, and restores it from there. Below:
`helio.governance.ticket`.

A grant is an approval that was not used yet. While a call is on its way with it the grant is taken,
so that no other call can have it; a call that goes no further gives it back.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from helio.errors import TooManyTickets, UnknownTicket
from helio.governance.ticket import ApprovalRequest, Happening, State, Ticket, follow

MAX_PENDING: Final = 10_000
MAX_PENDING_PER_AGENT: Final = 2_500
"""Tickets that may wait; of an authenticated agent, who can be told apart, a part of them."""
MAX_PENDING_BYTES: Final = 16 * 1024 * 1024
"""Of all that they say: a checkpoint holds it, and must stay smaller than a segment."""
KEPT: Final = 2_000
KEPT_BYTES: Final = 8 * 1024 * 1024
"""Decided tickets that are remembered, and the bytes of what they say."""
MAX_GRANTS: Final = 10_000
MAX_GRANT_BYTES: Final = 8 * 1024 * 1024
"""Of older ones those that still count as grants: what others decide takes nobody's approval
away."""


@dataclass(slots=True)
class _Entry:
    """A ticket with what else is known of it. Instants are monotonic ns.

    `weight` is its bytes as it was asked for; `until`: how long what was decided stands for the
    same call sent again. `taken`: a call is on its way with it. `used_by`: the `call_id` of the one
    that ran with it. `told`: its agent knows how it ended.
    """

    ticket: Ticket
    due: int
    weight: int
    until: int = 0
    taken: bool = False
    used_by: str | None = None
    told: bool = True


class Book:
    """All tickets of one Helio, found by id and by what they are bound to."""

    def __init__(self, *, grant_ttl_ns: int) -> None:
        self._grant_ttl = grant_ttl_ns
        self._entries: dict[str, _Entry] = {}
        self._by_binding: dict[str, list[str]] = {}
        self._pending: dict[str, None] = {}
        self._pending_by_agent: dict[str, int] = {}
        self._pending_bytes = 0
        # From the one that was decided first to the last.
        self._decided: OrderedDict[str, None] = OrderedDict()
        self._decided_bytes = 0
        # The older ones among them that are grants still.
        self._grants: OrderedDict[str, None] = OrderedDict()
        self._grant_bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, ticket_id: str) -> Ticket:
        """Raises `UnknownTicket`."""
        return self._entry(ticket_id).ticket

    def tickets(self) -> list[Ticket]:
        """All that are remembered, in the order in which they were asked for."""
        return [entry.ticket for entry in self._entries.values()]

    def pending(self) -> list[Ticket]:
        """Those that wait for a person."""
        return [self._entries[each].ticket for each in self._pending]

    def due(self, ticket_id: str) -> int:
        """The monotonic instant of its timeout. Raises `UnknownTicket`."""
        return self._entry(ticket_id).due

    # what a request finds

    def grant(self, request: ApprovalRequest, now: int) -> Ticket | None:
        """An approval for this very call that was not used; it is taken from then on."""
        for entry in self._fitting(request):
            usable = entry.ticket.allows and entry.used_by is None and not entry.taken
            if usable and entry.until > now:
                entry.taken = True
                return entry.ticket
        return None

    def used_before(self, request: ApprovalRequest) -> Ticket | None:
        """The approval that the first round of this call ran with."""
        if request.continues is None:
            return None
        used = (each for each in self._fitting(request) if each.used_by == request.continues)
        return next((entry.ticket for entry in used), None)

    def untold(self, request: ApprovalRequest, now: int) -> Ticket | None:
        """A decision against this very call that its agent does not know yet; it does from then
        on."""
        for entry in self._fitting(request):
            if not entry.told and entry.until > now:
                entry.told = True
                self._unbind(entry.ticket)
                return entry.ticket
        return None

    def joinable(self, request: ApprovalRequest) -> Ticket | None:
        """A ticket of this very call that waits without a request that is kept open for it."""
        waiting = (State.RETURNED, State.LEFT)
        found = (entry.ticket for entry in self._fitting(request))
        return next((ticket for ticket in found if ticket.state in waiting), None)

    # what happens

    def make_room(self, request: ApprovalRequest) -> None:
        """Raises `TooManyTickets` when nobody can be asked about one more call."""
        if len(self._pending) >= MAX_PENDING:
            raise TooManyTickets(f"{MAX_PENDING} calls wait for a person already")
        if self._pending_by_agent.get(request.agent_id or "", 0) >= MAX_PENDING_PER_AGENT:
            raise TooManyTickets(
                f"{MAX_PENDING_PER_AGENT} calls of this agent wait for a person already"
            )
        if self._pending_bytes + _weight(request) > MAX_PENDING_BYTES:
            raise TooManyTickets("the calls that wait for a person are too large together")

    def add(self, ticket: Ticket, now: int) -> None:
        """A ticket that waits, from the monotonic instant `now` on."""
        due = now + ticket.timeout_at - ticket.requested_at
        entry = self._entries[ticket.id] = _Entry(ticket, due, _weight(ticket))
        self._by_binding.setdefault(ticket.binding, []).append(ticket.id)
        self._wait(entry)

    def put(self, ticket: Ticket, now: int) -> None:
        """The ticket as it is now. Raises `UnknownTicket`."""
        entry = self._entry(ticket.id)
        was, entry.ticket = entry.ticket, ticket
        if was.is_pending and not ticket.is_pending:
            self._wait_no_more(entry)
            held = was.state is State.HELD
            entry.until = now + self._grant_ttl
            # Who holds its request open gets it, or hears of it, at once.
            entry.taken = held and ticket.allows
            # Who gave the call up, or came too late, has to ask anew.
            over = (State.CANCELLED, State.CLIENT_DISCONNECTED)
            entry.told = held or ticket.allows or ticket.state in over
            if not _counts(entry):
                # However often a call is given up, looking for its ticket takes no longer.
                self._unbind(ticket)
            self._decided[ticket.id] = None
            self._decided_bytes += entry.weight
            self._trim(now)
        elif ticket.is_pending and not was.is_pending:
            # What was decided could not be kept.
            entry.taken, entry.told = False, True
            self._decide_no_more(entry)
            self._unbind(ticket)
            self._by_binding.setdefault(ticket.binding, []).append(ticket.id)
            self._wait(entry)

    def remove(self, ticket_id: str) -> None:
        """A ticket that waits, but could not be kept."""
        self._wait_no_more(self._entry(ticket_id))
        self._forget(ticket_id)

    def use(self, ticket_ids: Iterable[str], call_id: str) -> None:
        """A call runs with these approvals: no other can. Its further rounds do not use them."""
        for entry in self._known(ticket_ids):
            entry.used_by = entry.used_by or call_id

    def give_back(self, ticket_ids: Iterable[str], call_id: str | None = None) -> None:
        """A call that had taken these approvals, or was to run with them, goes no further: they are
        grants again."""
        for entry in self._known(ticket_ids):
            if entry.used_by in (None, call_id):
                entry.taken, entry.used_by = False, None

    # across restarts

    def snapshot(self, now: int) -> list[orjson.Fragment]:
        """What still counts, as JSON for orjson, instants relative to `now`: tickets that wait,
        grants, and decisions that an agent does not know yet."""
        return [
            orjson.Fragment(
                orjson.dumps(
                    [entry.ticket.stored(), entry.due - now, entry.until - now, entry.used_by]
                )
            )
            for entry in self._entries.values()
            if entry.ticket.is_pending or (_counts(entry) and entry.until > now)
        ]

    def restore(self, snapshot: Iterable[Any], then: int) -> None:
        """Takes back a snapshot that was made at the monotonic instant `then`, into an empty book.

        Raises KeyError, TypeError or ValueError for what is none.
        """
        for values, due, until, *used_by in snapshot:
            ticket = Ticket.restored(values)
            entry = _Entry(ticket, then + due, _weight(ticket), then + until)
            # Its end could not be recorded, and its call was: it waits, and is used all the same.
            entry.used_by = used_by[0] if used_by else None
            self._entries[ticket.id] = entry
            self._by_binding.setdefault(ticket.binding, []).append(ticket.id)
            if ticket.is_pending:
                self._wait(entry)
            else:
                entry.told = ticket.allows
                self._decided[ticket.id] = None
                self._decided_bytes += entry.weight

    def replay(self, data: Mapping[str, Any], now: int) -> None:
        """Has a record of the journal (`helio.approvals.records`) happen again, at its instant.

        Raises KeyError, TypeError or ValueError for what the journal never held.
        """
        if "ticket" in data:
            self.add(Ticket.restored(data["ticket"]), now)
        elif data["ticket_id"] in self._entries:
            known = self._entries[data["ticket_id"]].ticket
            self.put(known.changed(data["changes"]), now)

    def restarted(self) -> None:
        """No request is kept open any more, whatever the tickets say."""
        for ticket in self.pending():
            self._entries[ticket.id].ticket = replace(
                ticket, state=follow(ticket, Happening.RESTARTED)
            )
        for entry in self._entries.values():
            entry.taken = False

    # the tables

    def _entry(self, ticket_id: str) -> _Entry:
        entry = self._entries.get(ticket_id)
        if entry is None:
            raise UnknownTicket(ticket_id)
        return entry

    def _known(self, ticket_ids: Iterable[str]) -> Iterator[_Entry]:
        """Of decided tickets the oldest may be forgotten; no call can find those again either."""
        return (self._entries[each] for each in ticket_ids if each in self._entries)

    def _fitting(self, request: ApprovalRequest) -> Iterator[_Entry]:
        """The tickets of this very call that speak of every budget that it breaches."""
        for ticket_id in self._by_binding.get(request.binding, ()):
            entry = self._entries[ticket_id]
            if entry.ticket.fits(request):
                yield entry

    def _wait(self, entry: _Entry) -> None:
        ticket = entry.ticket
        self._pending[ticket.id] = None
        self._pending_bytes += entry.weight
        if ticket.agent_id is not None:
            count = self._pending_by_agent.get(ticket.agent_id, 0)
            self._pending_by_agent[ticket.agent_id] = count + 1

    def _wait_no_more(self, entry: _Entry) -> None:
        ticket = entry.ticket
        del self._pending[ticket.id]
        self._pending_bytes -= entry.weight
        if ticket.agent_id is not None:
            left = self._pending_by_agent[ticket.agent_id] - 1
            if left:
                self._pending_by_agent[ticket.agent_id] = left
            else:
                del self._pending_by_agent[ticket.agent_id]

    def _decide_no_more(self, entry: _Entry) -> None:
        if entry.ticket.id in self._decided:
            del self._decided[entry.ticket.id]
            self._decided_bytes -= entry.weight
        else:
            del self._grants[entry.ticket.id]
            self._grant_bytes -= entry.weight

    def _trim(self, now: int) -> None:
        while len(self._decided) > KEPT or self._decided_bytes > KEPT_BYTES:
            entry = self._entries[next(iter(self._decided))]
            self._decide_no_more(entry)
            if _is_grant(entry) and entry.until > now:
                self._grants[entry.ticket.id] = None
                self._grant_bytes += entry.weight
            else:
                self._forget(entry.ticket.id)
        while self._grants:
            entry = self._entries[next(iter(self._grants))]
            few = len(self._grants) <= MAX_GRANTS and self._grant_bytes <= MAX_GRANT_BYTES
            if few and _is_grant(entry) and entry.until > now:
                return
            self._decide_no_more(entry)
            self._forget(entry.ticket.id)

    def _forget(self, ticket_id: str) -> None:
        self._unbind(self._entries.pop(ticket_id).ticket)

    def _unbind(self, ticket: Ticket) -> None:
        """Nothing counts for its call any more, or it is forgotten."""
        bound = self._by_binding.get(ticket.binding, [])
        if ticket.id in bound:
            bound.remove(ticket.id)
        if not bound:
            self._by_binding.pop(ticket.binding, None)


def _weight(request: ApprovalRequest) -> int:
    return len(orjson.dumps(request))


def _counts(entry: _Entry) -> bool:
    return not entry.told or _is_grant(entry)


def _is_grant(entry: _Entry) -> bool:
    return entry.ticket.allows and entry.used_by is None
