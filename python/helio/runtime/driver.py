"""The driver: turns a call's commands into effects, and what comes of them into events.

Above: `helio.transport`. Below: `helio.pipeline` (the machine), `helio.audit` (the journal), and
`state` (what calls share).
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from helio.approvals.broker import Broker
from helio.audit.journal import Journal
from helio.errors import JournalUnavailable, ProgrammingError
from helio.governance.continuations import Continuations
from helio.governance.sessions import Sessions
from helio.governance.store import LocalStore
from helio.pipeline import commands, events
from helio.pipeline.commands import Command
from helio.pipeline.events import Event, Moment
from helio.pipeline.machine import CallMachine
from helio.pipeline.rounds import CallRounds
from helio.runtime import approving, clock
from helio.runtime.exchange import Exchange
from helio.runtime.state import CallState
from helio.telemetry.observation import EndedCall, Observer, Record

__all__ = ["Driver", "Exchange"]

logger = logging.getLogger(__name__)

Append = Callable[[Mapping[str, object]], Awaitable[None]]


UNRECORDED: Record = {"policy_decision": "deny", "block_reason": "audit_unavailable"}
"""What a call is whose intent could not be kept, unless it was forwarded all the same."""


class Driver:
    """Carries out calls against one journal, one state store and one table of sessions."""

    def __init__(
        self,
        journal: Journal,
        store: LocalStore,
        sessions: Sessions | None = None,
        observers: Sequence[Observer] = (),
        broker: Broker | None = None,
    ) -> None:
        """Without a `broker` nobody can be asked: calls that need a person are blocked."""
        self._journal = journal
        self._observers = observers
        self._state = CallState(store, Sessions() if sessions is None else sessions)
        self._broker = broker
        self._continuations = Continuations()
        self._append_outcome = partial(journal.append_outcome, "outcome")
        self._append_blocked = partial(journal.append_outcome, "blocked")

    async def ask_nobody(self) -> None:
        """Ends what calls wait for of people: Helio stops."""
        if self._broker is not None:
            await self._broker.shutdown()

    async def run(
        self, machine: CallMachine, received: events.CallReceived, exchange: Exchange
    ) -> None:
        """Drives one call from `received` to its answer.

        An exception (a cancellation included) gives the call up: room is released, or the outcome
        is recorded as unknown when the call was already forwarded; then it is raised again.
        """
        began = now = clock.now()
        rounds = CallRounds(self._continuations, received, now.monotonic)
        records: list[Record] = [] if machine.known is None else [machine.known]
        try:
            event: Event | None = rounds.received
            while event is not None:
                batch = machine.handle(event, now)
                event = await self._carry_out(batch, now.monotonic, exchange, records)
                now = clock.now()
                if isinstance(event, events.LeftOpen):
                    records.clear()  # It is not over.
                if isinstance(event, events.UpstreamAnswered):
                    # Before the answer goes out: the agent may come back at once.
                    rounds.answered(event.asks, now.monotonic)
        except BaseException as error:
            now = clock.now()
            self._abandon(machine, now, received.call_id, repr(error), records)
            raise
        finally:
            rounds.end(now.monotonic, sent=machine.sent)
            if self._observers and records:
                if machine.sent:
                    records = [record for record in records if record is not UNRECORDED]
                self._observe(records, received, began.wall, now.wall)

    async def _carry_out(
        self, batch: list[Command], now: int, exchange: Exchange, records: list[Record]
    ) -> Event | None:
        """The event that answers the last command of the batch; None when the call is answered.
        `now` is the monotonic instant at which the batch was made, in nanoseconds. What is to be
        recorded is added to `records`."""
        event: Event | None = None
        for command in batch:
            match command:
                case commands.RecordIntent():
                    records.append(command.data)
                    event = await self._record(self._journal.append_intent, command.data)
                    if isinstance(event, events.RecordingFailed):
                        records.append(UNRECORDED)
                case commands.Forward():
                    event = await exchange.forward()
                case commands.RecordOutcome():
                    records.append(command.data)
                    event = await self._record(self._append_outcome, command.data)
                case commands.Deliver():
                    await exchange.deliver()
                case (
                    commands.Commit()
                    | commands.Release()
                    | commands.EnterSession()
                    | commands.LeaveSession()
                ):
                    self._state.settle(command, now)
                case (
                    commands.LoadFacts()
                    | commands.Reserve()
                    | commands.ReserveBudgets()
                    | commands.CheckRoom()
                ):
                    event = self._state.ask(command, now)
                case commands.AskApproval():
                    event = await approving.ask(self._broker, command.request, exchange)
                case commands.UseApprovals() | commands.GiveBackApprovals():
                    approving.settle(self._broker, command)
                case commands.RecordBlocked():
                    records.append(command.data)
                    event = await self._record(self._append_blocked, command.data)
                case commands.Answer():
                    await exchange.answer(command.body)
        return event

    async def _record(self, append: Append, data: Mapping[str, object]) -> Event:
        try:
            await append(data)
        except JournalUnavailable as error:
            logger.error("call %s is not recorded: %s", data["call_id"], error)
            return events.RecordingFailed(str(error))
        return events.Recorded()

    def _observe(
        self, records: list[Record], received: events.CallReceived, began: int, ended: int
    ) -> None:
        """Shows a call that is over to those who look."""
        whole: dict[str, object] = {}
        for record in records:
            whole |= record
        call = EndedCall(whole, began, ended, received.trace)
        for observer in self._observers:
            observer.call_ended(call)

    def _abandon(
        self,
        machine: CallMachine,
        now: Moment,
        call_id: str,
        detail: str,
        records: list[Record],
    ) -> None:
        """Gives a call up without waiting for anything."""
        for command in machine.handle(events.Abandoned(detail), now):
            match command:
                case commands.Commit() | commands.Release() | commands.LeaveSession():
                    self._state.settle(command, now.monotonic)
                case commands.GiveBackApprovals():
                    approving.settle(self._broker, command)
                case commands.RecordOutcome():
                    records.append(command.data)
                    try:
                        self._journal.append_soon("outcome", command.data)
                    except JournalUnavailable as error:
                        logger.error("outcome of call %s is not recorded: %s", call_id, error)
                case _:
                    raise ProgrammingError(f"an abandoned call asks for {command!r}")
