"""Plays test cases and says where a policy does not do what they expect. Pure.

Above: `helio.cli`, `mutants`. Below: `desk` (one Helio on a clock that is set), `comparison`,
`explanation`, `coverage`. Every case begins at instant 0 with nothing counted.
"""

from dataclasses import dataclass
from typing import Any, Final

import orjson

from helio.config.sections import ADAPTER_PREFIX
from helio.diagnostics import Span
from helio.evaluator import Decision, Evaluator, pack_hints, tool_call
from helio.governance.catalogue import Standing
from helio.governance.definitions import Identity, Tool
from helio.governance.identity import SessionIdentity
from helio.governance.lock import Locked
from helio.governance.sessions import Mark
from helio.pipeline.events import CallReceived, UpstreamAnswered
from helio.pipeline.explaining.probe import Probe
from helio.pipeline.governance import Governance
from helio.pipeline.judgement import judge
from helio.policy.installation import RECORD_KIND
from helio.simulation.facts import StatedCatalogue
from helio.simulation.testing.comparison import agrees, read_found, shown, shown_node
from helio.simulation.testing.coverage import Coverage
from helio.simulation.testing.desk import DeskWorld
from helio.simulation.testing.document import Call, Case, Step
from helio.simulation.testing.explanation import Explanation
from helio.simulation.testing.subject import Subject
from helio.simulation.verdict import Verdict
from helio.simulation.world import Course, Stage

_ADAPTER: Final = f"{ADAPTER_PREFIX}test"
"""Where scans come from."""
_MILLISECOND: Final = 1_000_000
_ANSWERED: Final = UpstreamAnswered(200, None, b"", None, 0)
_ERROR: Final = UpstreamAnswered(200, None, b"", "error", 0)


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One field that is not as expected."""

    field: str
    expected: str
    found: str
    span: Span


@dataclass(frozen=True, slots=True)
class Failure:
    """A step that went otherwise. `number` counts the steps from 1; `what` names it; `why` are
    sentences."""

    number: int
    what: str
    span: Span
    mismatches: tuple[Mismatch, ...]
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a case. A case passed when nothing failed."""

    case: Case
    failures: tuple[Failure, ...]

    @property
    def passed(self) -> bool:
        """Whether everything went as expected."""
        return not self.failures


def run(case: Case, subject: Subject, coverage: Coverage | None = None) -> Result:
    """Plays a case; `coverage` takes in what it reached."""
    playing = _Playing(case, subject, coverage)
    failures = []
    for number, step in enumerate(case.steps, 1):
        failure = playing.take(number, step)
        if failure is not None:
            failures.append(failure)
    return Result(case, tuple(failures))


class _Playing:
    """One case under way."""

    def __init__(self, case: Case, subject: Subject, coverage: Coverage | None) -> None:
        self._surroundings = subject.surroundings
        self._environment = case.environment or subject.surroundings.environment
        self._known = subject.known(self._environment)
        self._coverage = coverage
        self._world = DeskWorld(self._surroundings.sessions(), self._surroundings.approvals)
        self._calls = 0

    def take(self, number: int, step: Step) -> Failure | None:
        """Plays one step; what went otherwise."""
        self._world.advance_to(self._world.now.wall + step.after_ms * _MILLISECOND)
        if step.evidence is not None:
            mark = step.evidence
            session = SessionIdentity(mark.session, "header", ()).key(mark.agent) or ""
            data, ttl = mark.data.encode(), mark.ttl_ms * _MILLISECOND
            self._world.mark(Mark(session, (mark.key,), data, ttl))
            return None
        if step.call is None:
            return self._resolve(number, step)
        for repeat in range(1, step.times + 1):
            what = step.call.tool if step.times == 1 else f"{step.call.tool}, time {repeat}"
            failure = self._call(number, step, step.call, what)
            if failure is not None:
                return failure
        return None

    def _resolve(self, number: int, step: Step) -> Failure | None:
        if step.answer is None or self._world.resolve(step.answer):
            return None
        missing = Mismatch("approval", step.answer, "no ticket waits", step.span)
        why = "a ticket waits after a call that people are asked about, until its timeout"
        return Failure(number, "approval", step.span, (missing,), (why,))

    def _call(self, number: int, step: Step, call: Call, what: str) -> Failure | None:
        self._calls += 1
        received = self._received(step, call)
        locked = self._surroundings.lock.upstreams.get(received.upstream, {}).get(call.tool)
        catalogue = _stated(call, locked)
        policy, probe = self._known[call.is_scan]
        governance = Governance(
            policy=policy,
            catalogue=catalogue,
            environment=self._environment,
            session_falls_back=self._surroundings.session_falls_back,
            include_responses=False,
        )
        explanation = self._looked_at(received, governance, probe)
        self._world.answer_to_next, self._world.was_asked = step.answer, False
        course = self._world.judge(received, governance)
        if course.stage is Stage.JUDGED:
            self._world.forward(course)
        if course.stage is Stage.FORWARDED:
            self._world.end(course, _ERROR if step.fails else _ANSWERED)
        found = self._found(course, received)
        mismatches = [
            Mismatch(each.field, shown_node(each.value), shown(found.get(each.field)), each.span)
            for each in step.expected
            if not agrees(each.value, found.get(each.field))
        ]
        if step.answer is not None and not self._world.was_asked:
            asked = Mismatch("approval", "a person is asked", "nobody was asked", step.span)
            mismatches.append(asked)
        if not mismatches:
            return None
        missed = (each.expected for each in mismatches if each.field == "rule")
        rule = next((label for label in missed if label != shown(None)), None)
        message = found.get("message")
        why = explanation.sentences(None if message is None else str(message), rule)
        return Failure(number, what, step.span, tuple(mismatches), tuple(why))

    def _received(self, step: Step, call: Call) -> CallReceived:
        return CallReceived(
            message=tool_call(call.tool, call.arguments.encode()),
            call_id=f"call-{self._calls}",
            upstream=_ADAPTER if call.is_scan else call.upstream or self._surroundings.upstream,
            session=SessionIdentity(
                step.session,
                None if step.session is None else "header",
                self._surroundings.headers,
            ),
            agent=step.agent,
            protocol_version=None,
            kind=RECORD_KIND if call.is_scan else "tool_call",
        )

    def _looked_at(
        self, received: CallReceived, governance: Governance, probe: Probe
    ) -> Explanation:
        """What the call meets, before anything is counted for it."""
        key = received.session.key(received.agent)
        facts = None
        policy = governance.policy
        if key is not None and policy.needs_session:
            sessions, names = self._world.state.sessions, policy.session_names
            facts = sessions.facts(key, names, self._world.now.monotonic)
        decision: Decision = judge(received, governance, facts).decision
        hints = governance.catalogue.standing("").views[-1]

        def decide(evaluator: Evaluator) -> Decision:
            return evaluator.decide(
                received.message,
                received.upstream,
                hints,
                agent=received.agent,
                session=key,
                labels=None if facts is None else facts.labels,
                called=None if facts is None else facts.called,
            )

        truths = probe.look(decide)
        if self._coverage is not None:
            self._coverage.add(decision, probe, truths)
        return Explanation(policy.compiled, probe, decision, truths, self._surroundings.file)

    def _found(self, course: Course, received: CallReceived) -> dict[str, Any]:
        """All that can be expected of a call."""
        told: dict[str, Any] = {}
        if course.stage is Stage.OVER and course.record.get("policy_decision") != "allow":
            told = _told(self._world.answer(course))
        verdict = Verdict.of(course.record)
        key = received.session.key(received.agent)
        labels: tuple[str, ...] = ()
        if key is not None:
            sessions = self._world.state.sessions
            labels = sessions.facts(key, (), self._world.now.monotonic).labels
        index = course.record.get("matched_rule_index")
        known = {
            **verdict.as_object(),
            "rule_index": index,
            "labels": sorted(labels),
        }
        return {**told, **read_found(orjson.dumps(known))}


def _told(answer: bytes | None) -> dict[str, Any]:
    """What the agent is told of a call that is blocked, or was rehearsed."""
    read = {} if answer is None else read_found(answer)
    meta = read.get("result", {}).get("_meta", {})
    told = meta.get("helio/blocked") or meta.get("helio/dry_run")
    found: dict[str, Any] = told or read.get("error", {}).get("data", {})
    return found


def _stated(call: Call, locked: Locked | None) -> StatedCatalogue:
    """The tool as the case says it is, else as the lock does."""
    if not call.listed:
        return StatedCatalogue(Standing(None, None, (0,)))
    if call.annotations is None and locked is not None:
        hints = locked.tool.hints
    else:
        hints = pack_hints(call.annotations)
    tool = Tool(call.tool, Identity("", hints, {}), declares_output=False, views=(hints,))
    return StatedCatalogue(Standing(tool, None, (hints,)))
