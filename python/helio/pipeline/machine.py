"""The call's transition table: `CallMachine.handle(event, now) -> list[Command]`. Pure.

One machine is one call. Every command that is answered by an event comes last in its batch; an
event that the table does not hold for the machine's state is a fault of the driver and raises.
"""

from collections.abc import Callable
from dataclasses import replace
from enum import Enum, auto
from typing import cast

from helio.errors import ProgrammingError
from helio.governance.evidence import SessionFacts
from helio.governance.feedback import Block
from helio.pipeline import answers, record, verdict
from helio.pipeline.budgets import budgets_exceeded
from helio.pipeline.commands import (
    Answer,
    CheckRoom,
    Command,
    Deliver,
    Forward,
    RecordBlocked,
    RecordIntent,
    RecordOutcome,
    Reserve,
    ReserveBudgets,
)
from helio.pipeline.events import (
    Abandoned,
    BudgetsRefused,
    BudgetsReserved,
    CallReceived,
    Event,
    FactsLoaded,
    Moment,
    Recorded,
    RecordingFailed,
    RoomChecked,
    RoomRefused,
    RoomReserved,
    StateFailed,
    UpstreamAnswered,
    UpstreamFailed,
)
from helio.pipeline.governance import Governance
from helio.pipeline.judgement import Judgement, judge, judgement_data, overtaken
from helio.pipeline.room import CallRoom
from helio.pipeline.shadow import ShadowNotes
from helio.pipeline.visit import SessionVisit


class State(Enum):
    """Where a call stands: what it waits for."""

    NEW = auto()
    LOADING = auto()
    RESERVING = auto()
    RESERVING_BUDGETS = auto()
    CHECKING = auto()
    RECORDING_BLOCK = auto()
    RECORDING_INTENT = auto()
    FORWARDED = auto()
    RECORDING_OUTCOME = auto()
    DONE = auto()


class CallMachine:
    """One call from its reception to its answer.

    `governance` is what the call began with and keeps. After `Answer` or `Deliver` the machine is
    done.
    """

    __slots__ = (
        "_answer",
        "_data",
        "_decision",
        "_forwarded_at",
        "_governance",
        "_judgement",
        "_received",
        "_room",
        "_sent",
        "_shadow",
        "_started",
        "_state",
        "_visit",
    )

    def __init__(self, governance: Governance) -> None:
        self._governance = governance
        self._state = State.NEW
        self._shadow = ShadowNotes(governance.policy)
        self._answer: Command | None = None
        self._sent = False

    @property
    def state(self) -> State:
        """Where the call stands."""
        return self._state

    @property
    def sent(self) -> bool:
        """Whether the upstream got the call, or may have got it."""
        return self._sent

    def handle(self, event: Event, now: Moment) -> list[Command]:
        """What is to be done, in order, now that `event` happened.

        Raises `ProgrammingError` for an event that cannot happen in this state.
        """
        transition = TABLE.get((self._state, type(event)))
        if transition is None:
            raise ProgrammingError(f"{type(event).__name__} cannot happen in {self._state.name}")
        return transition(self, event, now)

    # NEW

    def _receive(self, received: CallReceived, now: Moment) -> list[Command]:
        self._received = received
        self._started = now
        self._visit = SessionVisit(received, self._governance.policy)
        load = self._visit.load()
        if load:
            self._state = State.LOADING
            return load
        return self._decide(judge(received, self._governance), None, now)

    # LOADING

    def _loaded(self, event: FactsLoaded, now: Moment) -> list[Command]:
        judgement = judge(self._received, self._governance, event.facts)
        return self._decide(judgement, event.facts, now)

    def _not_loaded(self, _event: StateFailed, now: Moment) -> list[Command]:
        judgement = judge(self._received, self._governance)
        if not judgement.guarded:
            block = verdict.state_unavailable(self._governance.policy, judgement.decision)
            judgement = replace(judgement, block=block)
        return self._decide(judgement, None, now)

    def _decide(
        self, judgement: Judgement, facts: SessionFacts | None, now: Moment
    ) -> list[Command]:
        governance = self._governance
        settings = governance.policy.settings
        self._judgement = judgement
        self._decision = decision = judgement.decision
        self._data = judgement_data(judgement, self._received, self._started, governance)
        self._shadow.rules(decision, self._received, facts)
        self._visit.bear(judgement.labels)
        continues = self._received.continues is not None
        self._room = CallRoom(decision, continues=continues)

        block = judgement.block
        if settings.dry_run or decision.action == "dry_run":
            return self._rehearse(block, now)
        if block is not None:
            if judgement.guarded or not settings.shadow:
                return self._refuse(block, now)
            self._shadow.block(block)
        if self._room.wants_limits:
            self._state = State.RESERVING
            return [Reserve(decision, enforce=not settings.shadow)]
        return self._reserve_budgets()

    # RESERVING

    def _reserved(self, event: RoomReserved, now: Moment) -> list[Command]:
        self._room.hold(event.reservation)
        for breach in event.reservation.breaches:
            self._shadow.breach(breach)
        return self._reserve_budgets()

    def _no_room(self, event: RoomRefused, now: Moment) -> list[Command]:
        decision = self._decision
        breaches = event.refusal.breaches
        return self._refuse(
            verdict.no_room(breaches, self._governance.policy, decision.action, now), now
        )

    def _no_state(self, _event: StateFailed, now: Moment) -> list[Command]:
        block = verdict.state_unavailable(self._governance.policy, self._decision)
        if self._governance.policy.settings.shadow:
            self._shadow.block(block)
            return self._intend()
        return self._room.release() + self._refuse(block, now)

    # RESERVING_BUDGETS

    def _reserve_budgets(self) -> list[Command]:
        if not self._room.wants_budgets:
            return self._intend()
        self._state = State.RESERVING_BUDGETS
        enforce = not self._governance.policy.settings.shadow
        return [ReserveBudgets(self._decision, enforce)]

    def _budgets_reserved(self, event: BudgetsReserved, _now: Moment) -> list[Command]:
        self._room.hold(event.reservation)
        for breach in event.reservation.breaches:
            self._shadow.budget(breach)
        return self._intend()

    def _budgets_refused(self, event: BudgetsRefused, now: Moment) -> list[Command]:
        policy = self._governance.policy
        block = budgets_exceeded(event.refusal.breaches, self._decision, policy, now)
        return self._room.release() + self._refuse(block, now)

    # CHECKING (a dry run)

    def _rehearse(self, block: Block | None, now: Moment) -> list[Command]:
        if block is None and (self._room.wants_limits or self._room.wants_budgets):
            self._state = State.CHECKING
            return [CheckRoom(self._decision)]
        return self._rehearsed(block, RoomChecked(()), now)

    def _checked(self, event: RoomChecked, now: Moment) -> list[Command]:
        for breach in event.breaches:
            if not breach.demand.enforced:
                self._shadow.breach(breach)
        policy, block = self._governance.policy, None
        enforced = [breach for breach in event.breaches if breach.demand.enforced]
        if enforced:
            block = verdict.no_room(enforced, policy, self._decision.action, now)
        elif event.budgets:
            block = budgets_exceeded(event.budgets, self._decision, policy, now)
        return self._rehearsed(block, event, now)

    def _check_failed(self, _event: StateFailed, now: Moment) -> list[Command]:
        block = verdict.state_unavailable(self._governance.policy, self._decision)
        return self._rehearsed(block, RoomChecked(()), now)

    def _rehearsed(self, block: Block | None, checked: RoomChecked, now: Moment) -> list[Command]:
        self._data |= record.rehearsal_data(block)
        answer = answers.rehearsed(self._received, block, self._decision, checked, self._governance)
        return self._record_end(answer, now)

    # RECORDING_BLOCK

    def _refuse(self, block: Block, now: Moment) -> list[Command]:
        self._data |= record.block_data(block)
        return self._record_end(self._blocked(block), now)

    def _record_end(self, answer: Answer, now: Moment) -> list[Command]:
        """The whole record of a call that goes no further, then its answer."""
        total = record.milliseconds(now.monotonic - self._started.monotonic)
        self._data |= {"total_duration_ms": total, "proxy_compute_ms": total}
        if self._shadow.notes:
            self._data["shadow"] = self._shadow.notes
        self._answer = answer
        self._state = State.RECORDING_BLOCK
        return [RecordBlocked(self._data)]

    def _end_recorded(self, _event: Recorded, _now: Moment) -> list[Command]:
        return self._finish()

    def _end_not_recorded(self, _event: RecordingFailed, _now: Moment) -> list[Command]:
        dry_run = self._data["policy_decision"] == "dry_run"
        if dry_run and not self._governance.allow_unrecorded:
            self._answer = self._blocked(self._audit_unavailable())
        return self._finish()

    # RECORDING_INTENT

    def _intend(self) -> list[Command]:
        self._data["policy_decision"] = "allow"
        self._data |= self._room.intent()
        if self._shadow.notes:
            self._data["shadow"] = self._shadow.notes
        self._data |= self._visit.intent()
        self._state = State.RECORDING_INTENT
        return [RecordIntent(self._data)]

    def _intent_recorded(self, _event: Recorded, now: Moment) -> list[Command]:
        block = overtaken(self._judgement, self._received, self._governance)
        if block is not None:
            return self._overtaken(block, now)
        self._forwarded_at = now.monotonic
        self._sent = True
        self._state = State.FORWARDED
        return [*self._visit.enter(), Forward()]

    def _intent_not_recorded(self, event: RecordingFailed, now: Moment) -> list[Command]:
        if self._governance.allow_unrecorded:
            return self._intent_recorded(Recorded(), now)
        self._answer = self._blocked(self._audit_unavailable())
        return self._room.release() + self._finish()

    def _overtaken(self, block: Block, now: Moment) -> list[Command]:
        self._answer = self._blocked(block)
        failure = UpstreamFailed(block.reason, block.message, sent=False, latency=0)
        data = record.failed_data(self._received.call_id, failure, self._started, now)
        # The intent said that it would be forwarded; the row is that of a blocked call.
        return self._conclude(data | record.withdrawn_data(block), forwarded=False)

    # FORWARDED

    def _answered(self, event: UpstreamAnswered, now: Moment) -> list[Command]:
        self._answer = Deliver()
        data = record.answered_data(
            self._received.call_id, event, self._started, now, self._governance
        )
        left = self._visit.answered(event, data)
        return left + self._conclude(data, forwarded=True)

    def _failed(self, event: UpstreamFailed, now: Moment) -> list[Command]:
        self._sent = event.sent
        self._answer = answers.failed(self._received, event)
        data = record.failed_data(self._received.call_id, event, self._started, now)
        left = self._visit.leave("failed" if event.sent else "withdrawn")
        return left + self._conclude(data, forwarded=event.sent)

    def _conclude(self, data: dict[str, object], *, forwarded: bool) -> list[Command]:
        self._state = State.RECORDING_OUTCOME
        room = self._room
        settled = room.commit(self._forwarded_at) if forwarded else room.release()
        return [*settled, RecordOutcome(data)]

    # RECORDING_OUTCOME

    def _concluded(self, _event: Recorded | RecordingFailed, _now: Moment) -> list[Command]:
        # Recorded or not: the call ran and its intent is kept, and withholding the answer would
        # make the agent repeat it.
        return self._finish()

    # any state: the driver gives the call up

    def _abandon_unsent(self, _event: Abandoned, _now: Moment) -> list[Command]:
        self._state = State.DONE
        return self._room.release()

    def _abandon_intent(self, event: Abandoned, now: Moment) -> list[Command]:
        # The intent may already be on disk: without this outcome a restart would keep its charge.
        failure = UpstreamFailed("abandoned", event.detail, sent=False, latency=0)
        data = record.failed_data(self._received.call_id, failure, self._started, now)
        self._state = State.DONE
        return [*self._room.release(), RecordOutcome(data)]

    def _abandon_sent(self, event: Abandoned, now: Moment) -> list[Command]:
        failure = UpstreamFailed("abandoned", event.detail, sent=True, latency=0)
        data = record.failed_data(self._received.call_id, failure, self._started, now)
        self._state = State.DONE
        left = self._visit.leave("failed")
        return [*left, *self._room.commit(self._forwarded_at), RecordOutcome(data)]

    def _abandon_ended(self, _event: Abandoned, _now: Moment) -> list[Command]:
        self._state = State.DONE
        return []

    # shared

    def _blocked(self, block: Block) -> Answer:
        return answers.blocked(self._received, block, self._governance)

    def _audit_unavailable(self) -> Block:
        return verdict.audit_unavailable(self._governance.policy, self._decision)

    def _finish(self) -> list[Command]:
        self._state = State.DONE
        return [cast("Command", self._answer)]


Transition = Callable[[CallMachine, Event, Moment], list[Command]]

TABLE: dict[tuple[State, type[Event]], Transition] = cast(
    "dict[tuple[State, type[Event]], Transition]",
    {
        (State.NEW, CallReceived): CallMachine._receive,
        (State.LOADING, FactsLoaded): CallMachine._loaded,
        (State.LOADING, StateFailed): CallMachine._not_loaded,
        (State.RESERVING, RoomReserved): CallMachine._reserved,
        (State.RESERVING, RoomRefused): CallMachine._no_room,
        (State.RESERVING, StateFailed): CallMachine._no_state,
        (State.RESERVING_BUDGETS, BudgetsReserved): CallMachine._budgets_reserved,
        (State.RESERVING_BUDGETS, BudgetsRefused): CallMachine._budgets_refused,
        (State.RESERVING_BUDGETS, StateFailed): CallMachine._no_state,
        (State.CHECKING, RoomChecked): CallMachine._checked,
        (State.CHECKING, StateFailed): CallMachine._check_failed,
        (State.RECORDING_BLOCK, Recorded): CallMachine._end_recorded,
        (State.RECORDING_BLOCK, RecordingFailed): CallMachine._end_not_recorded,
        (State.RECORDING_INTENT, Recorded): CallMachine._intent_recorded,
        (State.RECORDING_INTENT, RecordingFailed): CallMachine._intent_not_recorded,
        (State.FORWARDED, UpstreamAnswered): CallMachine._answered,
        (State.FORWARDED, UpstreamFailed): CallMachine._failed,
        (State.RECORDING_OUTCOME, Recorded): CallMachine._concluded,
        (State.RECORDING_OUTCOME, RecordingFailed): CallMachine._concluded,
        (State.NEW, Abandoned): CallMachine._abandon_ended,
        (State.LOADING, Abandoned): CallMachine._abandon_ended,
        (State.RESERVING, Abandoned): CallMachine._abandon_unsent,
        (State.RESERVING_BUDGETS, Abandoned): CallMachine._abandon_unsent,
        (State.CHECKING, Abandoned): CallMachine._abandon_unsent,
        (State.RECORDING_BLOCK, Abandoned): CallMachine._abandon_unsent,
        (State.RECORDING_INTENT, Abandoned): CallMachine._abandon_intent,
        (State.FORWARDED, Abandoned): CallMachine._abandon_sent,
        (State.RECORDING_OUTCOME, Abandoned): CallMachine._abandon_ended,
        (State.DONE, Abandoned): CallMachine._abandon_ended,
    },
)
"""What follows from each event in each state; a pair that is not here cannot happen."""
