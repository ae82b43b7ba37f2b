"""The later steps of a call: recorded as blocked, or recorded, forwarded and concluded. Pure.

Above: `helio.pipeline.deciding`, whose decision they carry out; `machine` holds the table that
names the steps. Below: `helio.pipeline.record`, `answers`, `room`, `approval`, `visit`.
"""

from enum import Enum, auto
from typing import cast

from helio.evaluator import Decision
from helio.governance.feedback import Block
from helio.pipeline import answers, record, verdict
from helio.pipeline.approval import CallApprovals
from helio.pipeline.budgets import overdrawn
from helio.pipeline.commands import (
    Answer,
    Command,
    Deliver,
    Forward,
    RecordBlocked,
    RecordIntent,
    RecordOutcome,
)
from helio.pipeline.events import (
    Abandoned,
    CallReceived,
    LeftOpen,
    Moment,
    PastRoomChecked,
    Recorded,
    RecordingFailed,
    RoomChecked,
    StateFailed,
    UpstreamAnswered,
    UpstreamFailed,
)
from helio.pipeline.governance import Governance
from helio.pipeline.judgement import Judgement, overtaken
from helio.pipeline.room import CallRoom
from helio.pipeline.shadow import ShadowNotes
from helio.pipeline.visit import SessionVisit


class State(Enum):
    """Where a call stands: what it waits for."""

    NEW = auto()
    LOADING = auto()
    RESERVING = auto()
    ASKING = auto()
    RESERVING_BUDGETS = auto()
    ASKING_BUDGETS = auto()
    CHECKING = auto()
    RECORDING_BLOCK = auto()
    RECORDING_INTENT = auto()
    RESUMING = auto()
    FORWARDED = auto()
    CORRECTING = auto()
    RECORDING_OUTCOME = auto()
    DONE = auto()


class Forwarding:
    """A call, and what becomes of it once it is decided.

    `governance` is what it began with and keeps, unless it waited for a person and is judged anew.
    """

    __slots__ = (
        "_actual_amount",
        "_answer",
        "_approvals",
        "_data",
        "_decision",
        "_forwarded_at",
        "_governance",
        "_judgement",
        "_outcome",
        "_received",
        "_room",
        "_sent",
        "_shadow",
        "_started",
        "_state",
        "_visit",
    )

    _actual_amount: str
    _approvals: CallApprovals
    _data: dict[str, object]
    _decision: Decision
    _forwarded_at: int
    _judgement: Judgement
    _outcome: dict[str, object]
    _received: CallReceived
    _room: CallRoom
    _shadow: ShadowNotes
    _started: Moment
    _visit: SessionVisit

    def __init__(self, governance: Governance) -> None:
        self._governance = governance
        self._state = State.NEW
        self._answer: Command | None = None
        self._sent = False

    # RECORDING_BLOCK

    def _refuse(self, block: Block, now: Moment) -> list[Command]:
        self._data |= record.block_data(block, self._judgement.hidden)
        return self._record_end(self._blocked(block), now)

    def _record_end(self, answer: Answer, now: Moment) -> list[Command]:
        """The whole record of a call that goes no further, then its answer."""
        total = record.milliseconds(now.monotonic - self._started.monotonic)
        self._data |= {"total_duration_ms": total, "proxy_compute_ms": total}
        self._approvals.record(self._data)
        self._approvals.discount(self._data)
        if self._shadow.notes:
            self._data["shadow"] = self._shadow.notes
        self._answer = answer
        self._state = State.RECORDING_BLOCK
        return [*self._room.release(), *self._approvals.give_back(), RecordBlocked(self._data)]

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
        if self._governance.recorded:
            self._note_intent()
        self._state = State.RECORDING_INTENT
        # What is used up counts as used before anything could be written that does not know it.
        return [*self._approvals.use(), RecordIntent(self._data)]

    def _note_intent(self) -> None:
        """What the intent's record says beside the decision."""
        self._data |= self._room.intent()
        if self._shadow.notes:
            self._data["shadow"] = self._shadow.notes
        self._data |= self._visit.intent()
        if self._received.origin != "mcp":
            self._data["evaluation"] = self._room.demands() | self._visit.about()
        self._data |= self._approvals.intent()
        self._approvals.record(self._data)

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
        return [*self._room.release(), *self._approvals.give_back(), *self._finish()]

    def _overtaken(self, block: Block, now: Moment) -> list[Command]:
        self._answer = self._blocked(block)
        failure = UpstreamFailed(block.reason, block.message, sent=False, latency=0)
        data = self._failed_data(failure, now)
        # The intent said that it would be forwarded; the row is that of a blocked call.
        return self._conclude(data | record.withdrawn_data(block), forwarded=False)

    def _failed_data(self, failure: UpstreamFailed, now: Moment) -> dict[str, object]:
        return record.failed_data(self._received, failure, self._started, now, self._governance)

    # RESUMING

    def resume(
        self,
        received: CallReceived,
        room: CallRoom,
        visit: SessionVisit,
        data: dict[str, object],
        started: Moment,
    ) -> None:
        """Takes up a call that another process forwarded and left open; `room` holds what it was
        given, `data` is what is known of its intent's record."""
        self._received, self._room, self._visit = received, room, visit
        self._approvals = CallApprovals(received.call_id)
        self._data, self._started = data, started
        self._forwarded_at = started.monotonic
        self._sent = True
        self._state = State.RESUMING

    def _go_on(self, _received: CallReceived, _now: Moment) -> list[Command]:
        self._state = State.FORWARDED
        return [Forward()]

    # FORWARDED

    def _leave_open(self, _event: LeftOpen, _now: Moment) -> list[Command]:
        self._state = State.DONE
        return []

    def _answered(self, event: UpstreamAnswered, now: Moment) -> list[Command]:
        self._answer = Deliver()
        data: dict[str, object] = {}
        if self._governance.recorded:
            data = record.answered_data(self._received, event, self._started, now, self._governance)
        left = self._visit.answered(event, data)
        if event.actual_amount is None:
            return left + self._conclude(data, forwarded=True)
        return left + self._correct(event.actual_amount, data, now)

    def _correct(self, amount: str, data: dict[str, object], now: Moment) -> list[Command]:
        """What the call cost takes the place of what it was thought to cost."""
        self._actual_amount = amount
        self._outcome = data
        self._state = State.CORRECTING
        return [*self._room.correct(amount, now.monotonic), self._room.check()]

    def _failed(self, event: UpstreamFailed, now: Moment) -> list[Command]:
        self._sent = event.sent
        self._answer = answers.failed(self._received, event)
        data = self._failed_data(event, now)
        left = self._visit.leave("failed" if event.sent else "withdrawn")
        return left + self._conclude(data, forwarded=event.sent)

    # CORRECTING

    def _corrected(self, event: RoomChecked | PastRoomChecked, _now: Moment) -> list[Command]:
        over = overdrawn(event)
        self._outcome |= record.actual_data(self._data, self._actual_amount, over)
        self._outcome |= self._room.intent()
        self._approvals.discount(self._outcome)
        self._state = State.RECORDING_OUTCOME
        return [RecordOutcome(self._outcome)]

    def _not_checked(self, _event: StateFailed, now: Moment) -> list[Command]:
        return self._corrected(RoomChecked(()), now)

    def _abandon_corrected(self, _event: Abandoned, now: Moment) -> list[Command]:
        concluded = self._corrected(RoomChecked(()), now)
        self._state = State.DONE
        return concluded

    # FORWARDED, and what was withdrawn before

    def _conclude(self, data: dict[str, object], *, forwarded: bool) -> list[Command]:
        self._state = State.RECORDING_OUTCOME
        self._approvals.discount(data)
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
        return self._room.release() + self._approvals.give_back()

    def _abandon_intent(self, event: Abandoned, now: Moment) -> list[Command]:
        # The intent may already be on disk: without this outcome a restart would keep its charge.
        failure = UpstreamFailed("abandoned", event.detail, sent=False, latency=0)
        data = self._failed_data(failure, now)
        self._state = State.DONE
        return [*self._room.release(), RecordOutcome(data)]

    def _abandon_sent(self, event: Abandoned, now: Moment) -> list[Command]:
        failure = UpstreamFailed("abandoned", event.detail, sent=True, latency=0)
        data = self._failed_data(failure, now)
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
