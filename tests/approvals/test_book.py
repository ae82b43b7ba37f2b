"""The book against a simple model of it, and its bounds."""

import json
from dataclasses import dataclass, replace
from typing import Any

import orjson
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from approvals.tickets import SECOND, request, ticket
from helio.approvals import book as module
from helio.approvals.book import Book
from helio.approvals.records import changed_data, requested_data
from helio.errors import AlreadyResolved, TooManyTickets, UnknownTicket
from helio.governance.ticket import ApprovalRequest, Happening, State, Ticket, follow

TTL = 900 * SECOND
BINDINGS = st.sampled_from(["a", "b"])
ENDINGS = st.sampled_from(
    [
        Happening.APPROVED,
        Happening.DENIED,
        Happening.BROKE_GLASS,
        Happening.CANCELLED,
        Happening.TIMED_OUT,
        Happening.SHUT_DOWN,
        Happening.CLIENT_LEFT,
    ]
)


@dataclass
class Known:
    """What the model knows of one ticket. `runs` are the calls that ran with it."""

    ticket: Ticket
    until: int = 0
    taken: bool = False
    runs: int = 0


class BookAndModel(RuleBasedStateMachine):
    """Tickets as a list that is searched, beside the book; both see the same."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Book(grant_ttl_ns=TTL)
        self.known: dict[str, Known] = {}
        self.lines: list[tuple[dict[str, Any], int]] = []
        self.now = 0

    def kept(self, data: dict[str, object]) -> None:
        self.lines.append((json.loads(orjson.dumps(data)), self.now))

    @rule(seconds=st.sampled_from([1, 300, 899, 900]))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds * SECOND

    @rule(binding=BINDINGS, held=st.booleans())
    def asked(self, binding: str, held: bool) -> None:
        """As the broker asks: a grant, else a ticket that waits for nobody, else a new one."""
        wanted = request(binding=binding)
        free = [
            each
            for each in self.known.values()
            if each.ticket.binding == binding
            and each.ticket.allows
            and not (each.taken or each.runs)
            and each.until > self.now
        ]
        found = self.book.grant(wanted, self.now)
        assert (found.id if found else None) == (free[0].ticket.id if free else None)
        if found is not None:
            free[0].taken = True
            return
        waiting = [
            each.ticket
            for each in self.known.values()
            if each.ticket.binding == binding and each.ticket.state in (State.RETURNED, State.LEFT)
        ]
        joined = self.book.joinable(wanted)
        assert joined == (waiting[0] if waiting else None)
        if joined is None:
            state = State.HELD if held else State.RETURNED
            new = ticket(f"t{len(self.known)}", state, binding=binding)
            self.kept(requested_data(new))
            self.book.add(new, self.now)
            self.known[new.id] = Known(new)
        elif held:
            self.put(replace(joined, state=follow(joined, Happening.CLIENT_JOINED)))

    def put(self, changed: Ticket) -> None:
        self.kept(changed_data(changed, "changed", "state"))
        self.book.put(changed, self.now)
        known = self.known[changed.id]
        if known.ticket.is_pending and not changed.is_pending:
            known.until = self.now + TTL
            known.taken = known.ticket.state is State.HELD and changed.allows
        known.ticket = changed

    @precondition(lambda self: bool(self.known))
    @rule(which=st.integers(0, 99), happening=ENDINGS)
    def happens(self, which: int, happening: Happening) -> None:
        known = list(self.known.values())[which % len(self.known)]
        if (known.ticket.state, happening) in (
            (State.RETURNED, Happening.CLIENT_LEFT),
            (State.LEFT, Happening.CLIENT_LEFT),
        ):
            return
        try:
            state = follow(known.ticket, happening)
        except AlreadyResolved:
            assert not known.ticket.is_pending
            return
        self.put(replace(known.ticket, state=state))

    @precondition(lambda self: any(each.taken for each in self.known.values()))
    @rule(which=st.integers(0, 99), runs=st.booleans())
    def a_call_goes_on(self, which: int, runs: bool) -> None:
        taken = [each for each in self.known.values() if each.taken]
        known = taken[which % len(taken)]
        known.taken = False
        if runs:
            known.runs += 1
            self.lines.append(({"approvals": [known.ticket.id], "call_id": "c1"}, self.now))
            self.book.use([known.ticket.id], "c1")
        else:
            self.book.give_back([known.ticket.id], "c1")

    @rule(checkpoint=st.booleans())
    def restarts(self, checkpoint: bool) -> None:
        """From a checkpoint, or from every line since the beginning."""
        again = Book(grant_ttl_ns=TTL)
        if checkpoint:
            snapshot = json.loads(orjson.dumps(self.book.snapshot(self.now)))
            again.restore(snapshot, self.now)
        else:
            for data, at in self.lines:
                if "approvals" in data:
                    again.use(data["approvals"], data["call_id"])
                else:
                    again.replay(data, at)
        again.restarted()
        self.book = again
        for known in self.known.values():
            known.taken = False
            if known.ticket.is_pending:
                state = follow(known.ticket, Happening.RESTARTED)
                known.ticket = replace(known.ticket, state=state)
        if checkpoint:
            remembered = {each.id for each in again.tickets()}
            self.known = {key: each for key, each in self.known.items() if key in remembered}
            self.lines = []
            self.rewrite()

    def rewrite(self) -> None:
        """The lines from which the tickets of a checkpoint would come."""
        for known in self.known.values():
            waiting = replace(known.ticket, state=State.RETURNED)
            written = json.loads(orjson.dumps(requested_data(waiting)))
            self.lines.append((written, known.until - TTL if known.until else self.now))
            if not known.ticket.is_pending:
                ended = json.loads(orjson.dumps(changed_data(known.ticket, "ended", "state")))
                self.lines.append((ended, known.until - TTL))

    @invariant()
    def both_agree(self) -> None:
        assert {each.id: each for each in self.book.tickets()} == {
            key: each.ticket for key, each in self.known.items()
        }
        pending = [each.ticket.id for each in self.known.values() if each.ticket.is_pending]
        assert sorted(each.id for each in self.book.pending()) == sorted(pending)

    @invariant()
    def nothing_runs_twice(self) -> None:
        assert all(each.runs <= 1 for each in self.known.values())
        assert all(each.ticket.allows for each in self.known.values() if each.runs)


TestBook = BookAndModel.TestCase
TestBook.settings = settings(deadline=None)


def waiting(count: int, **changes: Any) -> Book:
    """A book in which so many tickets wait."""
    book = Book(grant_ttl_ns=TTL)
    for number in range(count):
        book.add(ticket(f"t{number}", binding=f"b{number}", **changes), 0)
    return book


def test_at_most_so_many_wait() -> None:
    book = waiting(module.MAX_PENDING)
    with pytest.raises(TooManyTickets, match="10000 calls wait"):
        book.make_room(request())
    book.remove("t0")
    book.make_room(request())


def test_one_agent_cannot_take_all_places() -> None:
    book = waiting(module.MAX_PENDING_PER_AGENT, agent_id="a")
    with pytest.raises(TooManyTickets, match="of this agent"):
        book.make_room(request(agent_id="a"))
    book.make_room(request(agent_id="b"))
    book.make_room(request())
    for number in range(module.MAX_PENDING_PER_AGENT):
        book.remove(f"t{number}")
    book.make_room(request(agent_id="a"))
    assert len(book) == 0


def test_the_arguments_of_all_that_wait_are_bounded() -> None:
    large = json.dumps("x" * (module.MAX_PENDING_BYTES // 4))
    book = waiting(3, tool_input=large)
    with pytest.raises(TooManyTickets, match="too large"):
        book.make_room(request(tool_input=large))
    book.make_room(request())


def test_decided_tickets_are_forgotten_when_there_are_many() -> None:
    book = waiting(module.KEPT + 5)
    for found in book.pending():
        book.put(replace(found, state=State.DENIED), 0)
    assert len(book) == module.KEPT
    with pytest.raises(UnknownTicket):
        book.get("t0")
    assert book.get(f"t{module.KEPT + 4}").status == "denied"


def test_further_rounds_rest_on_the_approval_of_the_first() -> None:
    book = waiting(1)
    found = book.get("t0")
    book.put(replace(found, state=State.APPROVED), 0)
    book.use(["t0"], "c1")
    assert book.used_before(request(binding="b0")) is None
    assert book.used_before(request(binding="b0", continues="c2")) is None
    assert book.used_before(request(binding="other", continues="c1")) is None
    again = book.used_before(request(binding="b0", continues="c1"))
    assert again is not None
    assert again.id == "t0"
    # A round that goes no further does not give back what the first one used up.
    book.give_back(["t0"], "c9")
    assert book.grant(request(binding="b0"), 0) is None


def test_what_many_others_decide_takes_no_grant_away() -> None:
    book = waiting(1)
    book.put(replace(book.get("t0"), state=State.LEFT), 0)
    book.put(replace(book.get("t0"), state=State.APPROVED), 0)
    for number in range(module.KEPT + 1):
        book.add(ticket(f"o{number}", State.RETURNED, binding="other"), 0)
        book.put(replace(book.get(f"o{number}"), state=State.CANCELLED), 0)
    granted = book.grant(request(binding="b0"), 0)
    assert granted is not None
    book.use(["t0"], "c1")
    book.add(ticket("last", State.RETURNED, binding="other"), 0)
    book.put(replace(book.get("last"), state=State.CANCELLED), 0)
    assert len(book) == module.KEPT


@pytest.mark.parametrize("late", [0, TTL])
def test_grants_are_bounded_and_forgotten_when_their_time_is_over(
    late: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT", 2)
    monkeypatch.setattr(module, "MAX_GRANTS", 5)
    book = Book(grant_ttl_ns=TTL)
    for number in range(10):
        book.add(ticket(f"t{number}", State.RETURNED, binding=f"b{number}"), 0)
        book.put(replace(book.get(f"t{number}"), state=State.APPROVED), 0)
    assert len(book) == 7
    book.add(ticket("last", State.RETURNED), late)
    book.put(replace(book.get("last"), state=State.APPROVED), late)
    assert len(book) == (7 if late == 0 else 2)


def test_an_approval_that_was_used_before_its_record_came_stays_used() -> None:
    book = waiting(1)
    # Its end could not be recorded, its call was: so a restart finds it waiting, and used.
    book.use(["t0"], "c1")
    again = Book(grant_ttl_ns=TTL)
    again.restore(json.loads(orjson.dumps(book.snapshot(0))), 0)
    again.restarted()
    again.put(replace(again.get("t0"), state=State.APPROVED), 0)
    assert again.grant(request(binding="b0"), 0) is None


def test_looking_for_a_ticket_takes_no_longer_for_a_call_that_is_given_up_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    book = Book(grant_ttl_ns=TTL)
    for number in range(100):
        book.add(ticket(f"t{number}", State.RETURNED), 0)
        ending = State.CANCELLED if number % 2 else State.DENIED
        book.put(replace(book.get(f"t{number}"), state=ending), 0)
        book.untold(request(), 0)
    compared: list[str] = []

    def fits(one: Ticket, _other: ApprovalRequest) -> bool:
        compared.append(one.id)
        return False

    monkeypatch.setattr(Ticket, "fits", fits)
    assert book.grant(request(), 0) is None
    assert book.joinable(request()) is None
    assert compared == []
    assert len(book) == 100
