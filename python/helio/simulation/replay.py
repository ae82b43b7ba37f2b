"""Recorded calls, one after the other, judged by another policy.

Above: `helio.cli`. Below: `world`, `facts`, `doubts`, `verdict`. Pure: calls come in as they were
recorded, and time with them.

Before the period that is asked about, calls are taken over as they went, and counted as the policy
counts, room or not: that is what a reload at its beginning would have found. In it, every call goes
the whole way of the pipeline, and what it leaves for later ones follows from that. What cannot be
judged goes as it went, and is said to be indeterminate.
"""

import heapq
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, cast

from helio.audit.recorded import RecordedCall
from helio.evaluator import MalformedMessage
from helio.governance.catalogue import Catalogue
from helio.governance.evidence import SessionFacts
from helio.governance.sessions import Sessions
from helio.governance.store import Charge
from helio.pipeline.commands import Command
from helio.pipeline.events import CallReceived, UpstreamAnswered, UpstreamFailed
from helio.pipeline.governance import ActivePolicy, Governance
from helio.pipeline.judgement import Judgement, judge
from helio.pipeline.visit import SessionVisit
from helio.policy.graph import CompiledPolicy
from helio.runtime.state import Settlement
from helio.simulation import facts
from helio.simulation.attention import Attention
from helio.simulation.doubts import Doubt, Doubts
from helio.simulation.hidden import is_marked, may_be_marked, shows, unseen
from helio.simulation.money import Money, Pricing, largest, recorded_amounts
from helio.simulation.verdict import Change, Verdict
from helio.simulation.world import Course, Stage, World
from helio.upstream.aggregate.names import AGGREGATE

EDGE_NS: Final = 2_000_000
"""How near to the edge of a window the record's instants cannot say which side a call was on."""
_ROUNDING_NS: Final = 2_000
"""Calls that ended this much later than another began came first: the record rounds."""
_LIMITED: Final = frozenset({"rate_limited", "spend_limited", "budget_exceeded"})
_OWN_GUARDS: Final = frozenset({"audit_unavailable", "state_unavailable"})
_GUARDS: Final = _OWN_GUARDS | {"tool_definition_drift", "unknown_tool"}

Kind = Change | Literal["indeterminate", "guarded"]


class Judged(NamedTuple):
    """One call of the period. `why` says what could not be judged, or which guard it was; `money`
    what a call is worth that goes another way. `asked`: the new policy has people asked."""

    call: RecordedCall
    kind: Kind
    old: Verdict
    new: Verdict | None = None
    why: str | None = None
    money: Money = MappingProxyType({})
    asked: bool = False


class Tried(NamedTuple):
    """The policy that is tried, as it is for calls of one environment.

    `windows`: milliseconds for which each budget counts, by its id.
    """

    policy: ActivePolicy
    attention: Attention
    pricing: Pricing
    windows: Mapping[str, int]


class Candidate:
    """The policy that is tried. `compiled` gives it for an environment (a label, or None).

    `session_falls_back` as in `helio.pipeline.governance.Governance`. `pricings` are those of other
    policies that know what calls are worth.
    """

    def __init__(
        self,
        compiled: Callable[[str | None], CompiledPolicy],
        *,
        session_falls_back: bool = False,
        pricings: Sequence[Pricing] = (),
    ) -> None:
        self.pricings = tuple(pricings)
        self._session_falls_back = session_falls_back
        self.tried = cache(lambda environment: _tried(compiled(environment)))
        self.governance = lru_cache(4096)(self._governance)

    def _governance(self, environment: str | None, catalogue: Catalogue) -> Governance:
        """What governs calls of one environment whose tool is in the catalogue."""
        return Governance(
            policy=self.tried(environment).policy,
            catalogue=catalogue,
            environment=environment,
            session_falls_back=self._session_falls_back,
            recorded=False,
        )


def _tried(compiled: CompiledPolicy) -> Tried:
    windows = {each.id: each.window_ms or each.idle_ttl_ms or 0 for each in compiled.budgets}
    return Tried(ActivePolicy(compiled), Attention(compiled), Pricing(compiled), windows)


class _Call(NamedTuple):
    """A recorded call on its way: what is needed of it again and again."""

    recorded: RecordedCall
    received: CallReceived
    governance: Governance
    tried: Tried

    @property
    def session(self) -> str | None:
        return self.received.session.key(self.received.agent)


class Replay:
    """One Helio's calls, in the order in which they came; its state is its own.

    `since`: nanoseconds since 1970, None when every call is judged.
    """

    def __init__(
        self, candidate: Candidate, since: int | None = None, sessions: Sessions | None = None
    ) -> None:
        self._candidate = candidate
        self._since = since
        self.world = World(sessions)
        self._doubts = Doubts()
        self._ends: list[tuple[int, int, Callable[[], None]]] = []
        self._ended = 0
        self._stopped: set[str] = set()
        self._redacted = False

    def take(self, recorded: RecordedCall) -> Judged | None:
        """The next record. None for a mark, and for a call before the period."""
        self._reach(recorded.at)
        self._redacted = self._redacted or _is_redacted(recorded)
        if recorded.kind == "evidence":
            self._mark(recorded)
            return None
        old = Verdict(recorded.decision, recorded.reason, recorded.rule)
        early = self._since is not None and recorded.at < self._since
        guard = _guard(recorded)
        if guard is not None:
            return None if early else Judged(recorded, "guarded", old, why=guard)
        call = self._call(recorded)
        if early:
            if call is not None:
                self._take_over(call)
            return None
        if call is None:
            return Judged(recorded, "indeterminate", old, why="arguments_unknown")
        course = self._course(call)
        unknown = self._unknown(call, course)
        if unknown is not None:
            if course.stage is Stage.JUDGED:
                self.world.withdraw(course)
            self._take_over(call, doubtful=True)
            return Judged(recorded, "indeterminate", old, why=unknown)
        return self._compare(call, course, old)

    # one call

    def _call(self, recorded: RecordedCall) -> _Call | None:
        """None when the record does not hold it."""
        if recorded.tool is None or recorded.arguments is None:
            return None
        try:
            sent = facts.message(recorded)
        except MalformedMessage:
            return None
        continues = facts.continued(recorded)
        if continues in self._stopped:
            continues = None  # Its first round would not have been made.
        tried = self._candidate.tried(recorded.environment)
        governance = self._candidate.governance(recorded.environment, facts.catalogue(recorded))
        return _Call(
            recorded,
            facts.received(recorded, sent, continues),
            governance,
            tried,
        )

    def _course(self, call: _Call) -> Course:
        decided = facts.decided(call.recorded)
        return self.world.judge(call.received, call.governance, decided)

    def _compare(self, call: _Call, course: Course, old: Verdict) -> Judged:
        recorded = call.recorded
        if course.stage is Stage.OVER and _at_the_edge(course, old):
            self.world.advance_to(recorded.at + EDGE_NS)
            course = self._course(call)
        if course.stage is Stage.JUDGED and _was_at_the_edge(recorded):
            self.world.withdraw(course)
            return Judged(recorded, "unchanged", old, old)
        new = Verdict.of(course.record)
        if course.stage is Stage.JUDGED:
            self._forward(call, course)
        elif recorded.outcome not in (None, "not_forwarded"):
            self._stopped.add(recorded.id)
        if new.reason in _GUARDS and new.reason == old.reason:
            return Judged(recorded, "guarded", old, new, new.reason)
        kind = old.change_to(new)
        money = self._money(call) if kind in ("widened", "narrowed") else {}
        asked = "approval_status" in course.record
        return Judged(recorded, kind, old, new, money=money, asked=asked)

    def _forward(self, call: _Call, course: Course) -> None:
        recorded = call.recorded
        outcome = facts.ending(recorded)
        self.world.forward(course, recorded.forwarded_at)
        if course.stage is not Stage.FORWARDED:
            return
        if outcome is None:
            self.world.end(course, facts.NOT_KNOWN)
            self._doubt(call, recorded.at, made=True)
            return
        if recorded.asks is None:
            self._doubt(call, recorded.ended_at, made=True)
        self._at(recorded.ended_at, lambda: self.world.end(course, outcome))

    def _money(self, call: _Call) -> Money:
        """What a call is worth, by the policies' limits and budgets, the recorded ones included."""
        views = facts.catalogue(call.recorded).standing("").views
        pricings = (call.tried.pricing, *self._candidate.pricings)
        found = [pricing.amounts(call.received, views[-1]) for pricing in pricings]
        amounts = recorded_amounts(call.recorded.budgets)
        return largest([*amounts, *(each for money in found for each in money.items())])

    def _unknown(self, call: _Call, course: Course) -> str | None:
        """Why the record does not tell enough to judge the call; None when it does."""
        recorded = call.recorded
        whole = course.record["args_hash"] == recorded.arguments_hash
        doubted = self._doubts.about(call.session)
        beside = recorded.annotations is not None and shows(call.received.metadata)
        if whole and beside and not doubted and not self._redacted:
            return None
        loaded = self._facts(call)
        decision = judge(call.received, call.governance, loaded).decision
        attention, tool = call.tried.attention, cast("str", recorded.tool)
        if not whole:
            unknown = unseen((recorded.arguments or "").encode())
            if attention.rests_on_arguments(tool, decision.rule, unknown) or (
                decision.action != "deny" and attention.priced_by_arguments(tool, unknown)
            ):
                return "arguments_unknown"
        if loaded is not None and _hides(loaded, attention.rests_on_evidence(tool, decision.rule)):
            return "arguments_unknown"
        if not beside and (why := _unknown_beside(call, decision.rule)) is not None:
            return why
        if doubted and not self._doubts.decide(call.received, call.governance, loaded):
            return "outcome_unknown"
        return None

    def _facts(self, call: _Call) -> SessionFacts | None:
        """What the call's session holds now, if the policy asks."""
        policy = call.tried.policy
        if call.session is None or not policy.needs_session:
            return None
        now = self.world.now.monotonic
        return self.world.state.sessions.facts(call.session, policy.session_names, now)

    def _take_over(self, call: _Call, *, doubtful: bool = False) -> None:
        """Has a call go as it went; it counts whether there is room or not. `doubtful`: it may have
        gone otherwise."""
        recorded, received = call.recorded, call.received
        judgement = judge(received, call.governance, self._facts(call))
        if doubtful:
            self._doubt(call, recorded.at, made=False, labels=judgement.labels)
        outcome = facts.ending(recorded)
        if outcome is None or recorded.outcome == "not_forwarded":
            return
        if received.continues is None:
            self._charge(judgement, call.tried, recorded.forwarded_at)
        visit = SessionVisit(received, call.governance)
        visit.bear(judgement.labels)
        self._settle(visit.enter())
        self._at(recorded.ended_at, lambda: self._settle(_left(visit, outcome)))

    def _charge(self, judgement: Judgement, tried: Tried, at: int) -> None:
        charge, now = self.world.state.store.charge, self.world.now.monotonic
        for demand in judgement.decision.demands:
            amount, window = demand.amount, demand.window_ms
            charge(Charge(demand.limit, demand.key, demand.kind, amount, window), at, now)
        for taken in judgement.decision.budgets:
            window = tried.windows[taken.id]
            charge(Charge(taken.id, taken.key, taken.kind, taken.amount, window), at, now)

    def _doubt(self, call: _Call, at: int, *, made: bool, labels: tuple[str, ...] = ()) -> None:
        """Keeps that later calls of the session, if they ask, cannot rest on this one."""
        tool = call.recorded.tool or ""
        if tool not in call.tried.policy.session_names and not labels:
            return
        arguments = call.received.message.canonical_arguments()
        self._doubts.add(
            call.session, Doubt(call.received.call_id, tool, at, arguments, labels, made)
        )

    def _mark(self, row: RecordedCall) -> None:
        mark = facts.mark(row)
        if mark is not None:
            self.world.mark(mark)

    def _settle(self, commands: Iterable[Command]) -> None:
        for command in commands:
            self.world.state.settle(cast("Settlement", command), self.world.now.monotonic)

    # time

    def _at(self, wall: int, happens: Callable[[], None]) -> None:
        """Has something happen at an instant that is not past."""
        self._ended += 1
        heapq.heappush(self._ends, (wall, self._ended, happens))

    def _reach(self, wall: int) -> None:
        """Lets time pass, and what happens in it happen."""
        while self._ends and self._ends[0][0] <= wall + _ROUNDING_NS:
            at, _, happens = heapq.heappop(self._ends)
            self.world.advance_to(at)
            happens()
        self.world.advance_to(wall)


def _unknown_beside(call: _Call, rule: int) -> str | None:
    """Why what was known beside the arguments does not tell enough, if the decision is `rule`'s."""
    attention, tool = call.tried.attention, cast("str", call.recorded.tool)
    if call.recorded.annotations is None and (
        call.tried.policy.settings.unknown_tools == "deny"
        or attention.rests_on_annotations(tool, rule)
    ):
        return "annotations_unknown"
    if not shows(call.received.metadata) and attention.rests_on_metadata(tool, rule):
        return "metadata_unknown"
    return None


def _is_redacted(recorded: RecordedCall) -> bool:
    """Whether something in what the record is about may be hidden."""
    text = recorded.metadata if recorded.kind == "evidence" else recorded.arguments
    return text is not None and may_be_marked(text)


def _hides(loaded: SessionFacts, names: Iterable[str]) -> bool:
    """Whether something is hidden in what the evidence under these names was about."""
    return any(is_marked(text) for name in names for text in loaded.proofs.get(name, ()))


def _left(visit: SessionVisit, outcome: UpstreamAnswered | UpstreamFailed) -> list[Command]:
    if isinstance(outcome, UpstreamAnswered):
        return visit.answered(outcome, {})
    return visit.leave("failed")


def _guard(recorded: RecordedCall) -> str | None:
    """Which of Helio's own guards held a call back, where no policy has a say in it."""
    reason = recorded.reason
    if recorded.decision == "rejected":
        return reason or "rejected"
    if reason == "tool_definition_drift":
        # Without drift in its record it was overtaken by a change, when it was decided already.
        told = recorded.metadata is not None and '"tool_drift"' in recorded.metadata
        return reason if recorded.outcome is not None or not told else None
    if reason == "unknown_tool" and recorded.upstream == AGGREGATE:
        return reason
    return reason if reason in _OWN_GUARDS else None


def _at_the_edge(course: Course, old: Verdict) -> bool:
    """Whether a call that passed then would have room a moment later."""
    if course.refusal is None or not old.passes:
        return False
    resets = [breach.reset_ns for breach in course.refusal.breaches]
    return all(reset is not None and reset <= EDGE_NS for reset in resets)


def _was_at_the_edge(recorded: RecordedCall) -> bool:
    """Whether a call that had no room then would have had it a moment later."""
    if recorded.decision not in _LIMITED or recorded.feedback is None:
        return False
    told = json.loads(recorded.feedback)
    resets = [each.get("reset_at") for each in (told.get("budgets") or [told])]
    if not all(isinstance(reset, str) for reset in resets):
        return False
    latest = max(map(datetime.fromisoformat, resets))
    whole = int(latest.timestamp()) * 1_000_000_000 + latest.microsecond * 1000
    return whole - recorded.at <= EDGE_NS
