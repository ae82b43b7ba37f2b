"""The call's transition table: `CallMachine.handle(event, now) -> list[Command]`. Pure.

Above: `helio.runtime.driver`. Below: `deciding` and `forwarding`, which hold the steps that the
table names. One machine is one call. Every command that is answered by an event comes last in its
batch; an event that the table does not hold for the machine's state is a fault of the driver and
raises.
"""

from collections.abc import Callable, Mapping
from typing import cast

from helio.errors import ProgrammingError
from helio.pipeline.commands import Command
from helio.pipeline.deciding import Deciding
from helio.pipeline.events import (
    Abandoned,
    ApprovalPending,
    Approved,
    AskingRefused,
    BudgetsRefused,
    BudgetsReserved,
    CallReceived,
    Event,
    FactsLoaded,
    LeftOpen,
    Moment,
    NotApproved,
    PastRoomChecked,
    Recorded,
    RecordingFailed,
    RoomChecked,
    RoomRefused,
    RoomReserved,
    StateFailed,
    UpstreamAnswered,
    UpstreamFailed,
)
from helio.pipeline.forwarding import State

__all__ = ["TABLE", "CallMachine", "State"]


class CallMachine(Deciding):
    """One call from its reception to its answer. After `Answer` or `Deliver` it is done."""

    __slots__ = ()

    @property
    def state(self) -> State:
        """Where the call stands."""
        return self._state

    @property
    def sent(self) -> bool:
        """Whether the upstream got the call, or may have got it."""
        return self._sent

    @property
    def known(self) -> Mapping[str, object] | None:
        """Of a call that another process forwarded, what its intent said; None for any other."""
        return self._data if self._state is State.RESUMING else None

    @property
    def rule(self) -> str | None:
        """What people call the rule that decided; None for the default. Once it is decided."""
        return self._governance.policy.label(self._decision.rule)

    @property
    def prices(self) -> frozenset[tuple[str, str | None]]:
        """What a call that may run is charged in money: each amount with its currency."""
        return self._room.prices

    def handle(self, event: Event, now: Moment) -> list[Command]:
        """What is to be done, in order, now that `event` happened.

        Raises `ProgrammingError` for an event that cannot happen in this state.
        """
        transition = TABLE.get((self._state, type(event)))
        if transition is None:
            raise ProgrammingError(f"{type(event).__name__} cannot happen in {self._state.name}")
        return transition(self, event, now)


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
        (State.ASKING, Approved): CallMachine._approved,
        (State.ASKING, NotApproved): CallMachine._not_approved,
        (State.ASKING, ApprovalPending): CallMachine._approval_pending,
        (State.ASKING, AskingRefused): CallMachine._nobody_asked,
        (State.ASKING, RecordingFailed): CallMachine._ticket_not_recorded,
        (State.RESERVING_BUDGETS, BudgetsReserved): CallMachine._budgets_reserved,
        (State.RESERVING_BUDGETS, BudgetsRefused): CallMachine._budgets_refused,
        (State.RESERVING_BUDGETS, StateFailed): CallMachine._no_state,
        (State.ASKING_BUDGETS, Approved): CallMachine._approved,
        (State.ASKING_BUDGETS, NotApproved): CallMachine._not_approved,
        (State.ASKING_BUDGETS, ApprovalPending): CallMachine._approval_pending,
        (State.ASKING_BUDGETS, AskingRefused): CallMachine._nobody_asked,
        (State.ASKING_BUDGETS, RecordingFailed): CallMachine._ticket_not_recorded,
        (State.CHECKING, RoomChecked): CallMachine._checked,
        (State.CHECKING, StateFailed): CallMachine._check_failed,
        (State.RECORDING_BLOCK, Recorded): CallMachine._end_recorded,
        (State.RECORDING_BLOCK, RecordingFailed): CallMachine._end_not_recorded,
        (State.RECORDING_INTENT, Recorded): CallMachine._intent_recorded,
        (State.RECORDING_INTENT, RecordingFailed): CallMachine._intent_not_recorded,
        (State.RESUMING, CallReceived): CallMachine._go_on,
        (State.FORWARDED, LeftOpen): CallMachine._leave_open,
        (State.FORWARDED, UpstreamAnswered): CallMachine._answered,
        (State.FORWARDED, UpstreamFailed): CallMachine._failed,
        (State.CORRECTING, RoomChecked): CallMachine._corrected,
        (State.CORRECTING, PastRoomChecked): CallMachine._corrected,
        (State.CORRECTING, StateFailed): CallMachine._not_checked,
        (State.RECORDING_OUTCOME, Recorded): CallMachine._concluded,
        (State.RECORDING_OUTCOME, RecordingFailed): CallMachine._concluded,
        (State.NEW, Abandoned): CallMachine._abandon_ended,
        (State.LOADING, Abandoned): CallMachine._abandon_ended,
        (State.RESERVING, Abandoned): CallMachine._abandon_unsent,
        (State.ASKING, Abandoned): CallMachine._abandon_unsent,
        (State.RESERVING_BUDGETS, Abandoned): CallMachine._abandon_unsent,
        (State.ASKING_BUDGETS, Abandoned): CallMachine._abandon_unsent,
        (State.CHECKING, Abandoned): CallMachine._abandon_unsent,
        (State.RECORDING_BLOCK, Abandoned): CallMachine._abandon_unsent,
        (State.RECORDING_INTENT, Abandoned): CallMachine._abandon_intent,
        (State.RESUMING, Abandoned): CallMachine._abandon_ended,
        (State.FORWARDED, Abandoned): CallMachine._abandon_sent,
        (State.CORRECTING, Abandoned): CallMachine._abandon_corrected,
        (State.RECORDING_OUTCOME, Abandoned): CallMachine._abandon_ended,
        (State.DONE, Abandoned): CallMachine._abandon_ended,
    },
)
"""What follows from each event in each state; a pair that is not here cannot happen."""
