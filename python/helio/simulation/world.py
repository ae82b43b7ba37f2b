"""One Helio on a clock that is set: the call's machine with windows and sessions of its own.

Above: `replay`, and whatever else plays calls. Below: `helio.pipeline`, `helio.runtime.state`.
Pure: nothing is recorded, nothing is forwarded; what a journal and an upstream would say comes in.
A world is played in steps: calls (`judge`, then `forward` and `end`, or `withdraw`), marks, and
time (`advance_to`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, cast, get_args

from helio.errors import ProgrammingError
from helio.governance.sessions import Mark, Sessions
from helio.governance.store import BudgetRefusal, LocalStore, Refusal
from helio.governance.ticket import ApprovalRequest, State, Ticket
from helio.pipeline import commands, events
from helio.pipeline.commands import Command
from helio.pipeline.events import CallReceived, Event, Moment, UpstreamAnswered, UpstreamFailed
from helio.pipeline.governance import Governance
from helio.pipeline.machine import CallMachine
from helio.runtime.state import CallState, Question, Settlement

_QUESTIONS: Final = frozenset(get_args(Question))
_SETTLEMENTS: Final = frozenset(get_args(Settlement))
_RECORDED: Final = events.Recorded()


class Stage(Enum):
    """Where a call of a world stands."""

    JUDGED = auto()
    """It would be forwarded, and holds its room."""
    FORWARDED = auto()
    OVER = auto()


@dataclass(slots=True)
class Course:
    """One call's way.

    `record` is the data of its first record: an intent's, or that of a call that goes no further.
    `refusal` is what had no room, `answer` what Helio itself said to the agent. `decided` is what
    people say when they are asked: a state of `helio.governance.ticket`.
    """

    machine: CallMachine
    received: CallReceived
    decided: State = State.RETURNED
    stage: Stage = Stage.OVER
    record: Mapping[str, object] = field(default_factory=dict)
    refusal: Refusal | BudgetRefusal | None = None
    answer: bytes | None = None


class World:
    """State, sessions and time of one Helio. Time begins at 0 and never goes back."""

    def __init__(self, sessions: Sessions | None = None) -> None:
        self.state = CallState(LocalStore(), Sessions() if sessions is None else sessions)
        self._now = Moment(0, 0)

    @property
    def now(self) -> Moment:
        """This instant; both clocks are one, nanoseconds since 1970."""
        return self._now

    def advance_to(self, wall: int) -> None:
        """Lets time pass until `wall`, nanoseconds since 1970; it never goes back."""
        if wall > self._now.wall:
            self._now = Moment(wall, wall)

    def judge(
        self, received: CallReceived, governance: Governance, decided: State = State.RETURNED
    ) -> Course:
        """Has a call decided. It is `JUDGED` when it would be forwarded, else `OVER`.

        `decided` is how people answer if they are asked; as it stands, they do not.
        """
        course = Course(CallMachine(governance), received, decided)
        self._run(course, received)
        return course

    def forward(self, course: Course, at: int | None = None) -> None:
        """Sends a call that was judged; what it charges counts from `at` on, or from now."""
        self._require(course, Stage.JUDGED)
        course.stage = Stage.OVER
        now = self._now if at is None else Moment(at, at)
        self._carry_out(course, course.machine.handle(_RECORDED, now))

    def withdraw(self, course: Course) -> None:
        """Gives up a call that was judged, as if nobody had sent it."""
        self._require(course, Stage.JUDGED)
        course.stage = Stage.OVER
        self._carry_out(course, course.machine.handle(events.Abandoned("withdrawn"), self._now))

    def end(self, course: Course, outcome: UpstreamAnswered | UpstreamFailed) -> None:
        """Lets a forwarded call come to its end, now."""
        self._require(course, Stage.FORWARDED)
        course.stage = Stage.OVER
        self._run(course, outcome)

    def mark(self, mark: Mark) -> None:
        """Keeps evidence that did not come by a call. Raises ValueError for too long data."""
        self.state.sessions.mark(mark, self._now.monotonic)

    def answer(self, course: Course) -> bytes | None:
        """What Helio itself says to the agent of a call that is over; None when that was up to the
        upstream. Asked once."""
        self._require(course, Stage.OVER)
        self._run(course, _RECORDED)
        return course.answer

    def _require(self, course: Course, stage: Stage) -> None:
        if course.stage is not stage:
            raise ProgrammingError(f"a call that is {course.stage.name} is not {stage.name}")

    def _run(self, course: Course, event: Event | None) -> None:
        while event is not None:
            event = self._carry_out(course, course.machine.handle(event, self._now))

    def _carry_out(self, course: Course, batch: list[Command]) -> Event | None:
        """The event that answers the last command; None where the call waits, or is over."""
        for command in batch:
            kind = type(command)
            if kind in _SETTLEMENTS:
                self.state.settle(cast("Settlement", command), self._now.monotonic)
            elif kind in _QUESTIONS:
                event = self.state.ask(cast("Question", command), self._now.monotonic)
                if isinstance(event, events.RoomRefused | events.BudgetsRefused):
                    course.refusal = event.refusal
                return event
            elif isinstance(command, commands.RecordIntent):
                course.record, course.stage = command.data, Stage.JUDGED
            elif isinstance(command, commands.Forward):
                course.stage = Stage.FORWARDED
            elif isinstance(command, commands.RecordBlocked):
                course.record = command.data
            elif isinstance(command, commands.Answer):
                course.answer = command.body
            elif isinstance(command, commands.UseApprovals | commands.GiveBackApprovals):
                self._settle_approvals(command)
            elif isinstance(command, commands.AskApproval):
                return self._asked(command.request, course.decided)
        return None

    def _settle_approvals(
        self, command: commands.UseApprovals | commands.GiveBackApprovals
    ) -> None:
        """Here no approval outlives its call."""

    def _asked(self, request: ApprovalRequest, decided: State) -> Event:
        """What comes of asking people."""
        ticket = Ticket.of(
            request,
            id=request.call_id,
            mode="return",
            requested_at=self._now.wall,
            timeout_at=self._now.wall,
            default_on_timeout="deny",
            state=decided,
        )
        if ticket.allows:
            return events.Approved(ticket, 0)
        if decided is State.RETURNED:
            return events.ApprovalPending(ticket)
        return events.NotApproved(ticket, 0)
