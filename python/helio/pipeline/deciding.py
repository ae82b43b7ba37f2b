"""The earlier steps of a call: what the rules say of it, and whether there is room for it. Pure.

Above: `helio.pipeline.machine`, whose table names the steps. Below: `forwarding` (what becomes of a
decided call), `judgement`, `asking`, `room`.
"""

from collections.abc import Sequence
from dataclasses import replace

from helio.evaluator import BudgetBreach
from helio.governance.evidence import SessionFacts
from helio.governance.feedback import Block
from helio.governance.ticket import ApprovalRequest
from helio.pipeline import answers, approval, record, verdict
from helio.pipeline.approval import CallApprovals
from helio.pipeline.asking import JudgedCall, asked, may_be_approved, overage
from helio.pipeline.budgets import budgets_exceeded
from helio.pipeline.commands import (
    AskApproval,
    CheckRoom,
    Command,
    Release,
    Reserve,
    ReserveBudgets,
)
from helio.pipeline.events import (
    ApprovalPending,
    Approved,
    AskingRefused,
    BudgetsRefused,
    BudgetsReserved,
    CallReceived,
    FactsLoaded,
    Moment,
    NotApproved,
    RecordingFailed,
    RoomChecked,
    RoomRefused,
    RoomReserved,
    StateFailed,
)
from helio.pipeline.forwarding import Forwarding, State
from helio.pipeline.judgement import Judgement, judge, judgement_data, overtaken
from helio.pipeline.room import CallRoom
from helio.pipeline.shadow import ShadowNotes
from helio.pipeline.visit import SessionVisit


class Deciding(Forwarding):
    """A call that is decided."""

    __slots__ = ("_question",)

    # NEW

    def _receive(self, received: CallReceived, now: Moment) -> list[Command]:
        self._received = received
        self._started = now
        self._approvals = CallApprovals(received.call_id)
        return self._begin(now)

    def _begin(self, now: Moment) -> list[Command]:
        """Has the rules decide, with the facts that they ask for."""
        received, governance = self._received, self._governance
        self._shadow = ShadowNotes(governance)
        self._visit = SessionVisit(received, governance)
        load = self._visit.load()
        if load:
            self._state = State.LOADING
            return load
        return self._decide(judge(received, governance), None, now)

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
        self._shadow.rules(judgement, self._received, facts)
        self._visit.bear(judgement.labels)
        continues = self._received.continues is not None
        self._room = CallRoom(decision, continues=continues)
        self._question = judgement.question

        block = judgement.block
        if settings.dry_run or decision.action == "dry_run":
            return self._rehearse(block, now)
        if block is not None:
            if judgement.guarded or not settings.shadow:
                return self._refuse(block, now)
            self._shadow.block(block)
        if settings.shadow and self._question is not None:
            self._shadow.question(self._question)
            self._question = self._question.guarding()
        if self._room.wants_limits:
            self._state = State.RESERVING
            return [Reserve(decision, enforce=not settings.shadow)]
        return self._ask(now)

    # RESERVING

    def _reserved(self, event: RoomReserved, now: Moment) -> list[Command]:
        self._room.hold(event.reservation)
        for breach in event.reservation.breaches:
            self._shadow.breach(breach)
        return self._ask(now)

    def _no_room(self, event: RoomRefused, now: Moment) -> list[Command]:
        decision = self._decision
        breaches = event.refusal.breaches
        return self._refuse(
            verdict.no_room(breaches, self._governance.policy, decision.action, now), now
        )

    def _no_state(self, _event: StateFailed, now: Moment) -> list[Command]:
        block = verdict.state_unavailable(self._governance.policy, self._decision)
        if not self._governance.policy.settings.shadow:
            return self._refuse(block, now)
        self._shadow.block(block)
        return self._ask(now) if self._state is State.RESERVING else self._intend()

    # ASKING

    def _ask(self, now: Moment) -> list[Command]:
        """Has a person decide, unless nobody must, or one has."""
        if self._question is None:
            return self._reserve_budgets(now)
        request = asked(self._question, self._call())
        if self._approvals.answer(request):
            return self._reserve_budgets(now)
        self._state = State.ASKING
        return [AskApproval(request)]

    def _approved(self, event: Approved, now: Moment) -> list[Command]:
        self._approvals.note(event.ticket, event.waited)
        block = overtaken(self._judgement, self._received, self._governance)
        if block is not None:
            return self._refuse(block, now)
        current = self._governance.current
        policy = self._governance.policy if current is None else current()
        if policy is not self._governance.policy or self._visit.load():
            # While it waited another policy was loaded, or its session may have gone on: it is
            # judged from the start, by what holds now.
            released = self._room.release()
            self._governance = replace(self._governance, policy=policy)
            return released + self._begin(now)
        if self._state is State.ASKING:
            return self._reserve_budgets(now)
        return self._take_from_budgets(enforce=False)

    def _not_approved(self, event: NotApproved, now: Moment) -> list[Command]:
        self._approvals.note(event.ticket, event.waited)
        return self._refuse(approval.not_approved(event.ticket, self._decision), now)

    def _approval_pending(self, event: ApprovalPending, now: Moment) -> list[Command]:
        self._approvals.note(event.ticket, 0)
        return self._refuse(approval.pending(event.ticket, self._decision), now)

    def _nobody_asked(self, event: AskingRefused, now: Moment) -> list[Command]:
        policy = self._governance.policy
        return self._refuse(approval.asking_refused(policy, self._decision, event.detail), now)

    def _ticket_not_recorded(self, _event: RecordingFailed, now: Moment) -> list[Command]:
        return self._refuse(self._audit_unavailable(), now)

    # RESERVING_BUDGETS

    def _reserve_budgets(self, _now: Moment) -> list[Command]:
        if not self._room.wants_budgets:
            return self._intend()
        return self._take_from_budgets(enforce=not self._governance.policy.settings.shadow)

    def _take_from_budgets(self, *, enforce: bool) -> list[Command]:
        self._state = State.RESERVING_BUDGETS
        return [ReserveBudgets(self._decision, enforce)]

    def _budgets_reserved(self, event: BudgetsReserved, now: Moment) -> list[Command]:
        breaches = event.reservation.breaches
        policy = self._governance.policy
        if policy.settings.shadow:
            for breach in breaches:
                self._shadow.budget(breach)
        elif breaches:
            # They were approved; but while that went on others may have been spent, too.
            if not self._approvals.answer(self._overage(breaches, now)):
                return [Release(event.reservation.id), *self._over_budget(breaches, now)]
            self._room.overdraw(breaches, policy)
        self._room.hold(event.reservation)
        return self._intend()

    def _budgets_refused(self, event: BudgetsRefused, now: Moment) -> list[Command]:
        return self._over_budget(event.refusal.breaches, now)

    def _over_budget(self, breaches: Sequence[BudgetBreach], now: Moment) -> list[Command]:
        """Has a person decide, if every one of the budgets says so."""
        if not may_be_approved(breaches):
            policy = self._governance.policy
            return self._refuse(budgets_exceeded(breaches, self._decision, policy, now), now)
        request = self._overage(breaches, now)
        if self._approvals.answer(request):
            return self._take_from_budgets(enforce=False)
        self._state = State.ASKING_BUDGETS
        return [AskApproval(request)]

    def _overage(self, breaches: Sequence[BudgetBreach], now: Moment) -> ApprovalRequest:
        return overage(breaches, self._decision, self._call(), now)

    def _call(self) -> JudgedCall:
        standing = self._judgement.standing
        return JudgedCall(self._received, standing, self._governance, self._data)

    # CHECKING (a dry run)

    def _rehearse(self, block: Block | None, now: Moment) -> list[Command]:
        if block is None and (self._room.wants_limits or self._room.wants_budgets):
            self._state = State.CHECKING
            return [CheckRoom(self._decision)]
        return self._rehearsed(block or self._would_ask((), now), RoomChecked(()), now)

    def _would_ask(self, breaches: Sequence[BudgetBreach], now: Moment) -> Block | None:
        """What would keep the call back after its limits: a person, then the budgets."""
        policy, decision = self._governance.policy, self._decision
        if self._question is not None:
            return approval.needed(self._question.reasons, self._question.rules, decision, policy)
        if not breaches:
            return None
        exceeded = budgets_exceeded(breaches, decision, policy, now)
        if not may_be_approved(breaches):
            return exceeded
        return approval.needed((exceeded.message,), (decision.rule,), decision, policy)

    def _checked(self, event: RoomChecked, now: Moment) -> list[Command]:
        for breach in event.breaches:
            if not breach.demand.enforced:
                self._shadow.breach(breach)
        policy = self._governance.policy
        enforced = [breach for breach in event.breaches if breach.demand.enforced]
        if enforced:
            full = verdict.no_room(enforced, policy, self._decision.action, now)
            return self._rehearsed(full, event, now)
        return self._rehearsed(self._would_ask(event.budgets, now), event, now)

    def _check_failed(self, _event: StateFailed, now: Moment) -> list[Command]:
        block = verdict.state_unavailable(self._governance.policy, self._decision)
        return self._rehearsed(block, RoomChecked(()), now)

    def _rehearsed(self, block: Block | None, checked: RoomChecked, now: Moment) -> list[Command]:
        self._data |= record.rehearsal_data(block)
        answer = answers.rehearsed(
            self._received,
            block,
            self._decision,
            checked,
            self._governance,
            question=self._question,
        )
        return self._record_end(answer, now)
