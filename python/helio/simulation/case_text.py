"""Cases as a policy test file: YAML whose values are JSON, every digit as it came. Pure.

Above: `helio.cli`. Below: `cases`. The form is that of "Policy tests" in the product reference;
beside it a step may say by which `agent` it is, a call its `upstream` and its tool's
`annotations`, by `outcome: error` that it does not succeed, and by `approval` what people say when
they are asked. `at` is how long after the step before. `testing.reading` reads it.
"""

import re
from collections.abc import Sequence
from typing import Final

import orjson

from helio.audit.recorded import RecordedCall
from helio.config.scalars import Duration
from helio.evaluator import canonical_json
from helio.governance.feedback import instant
from helio.governance.ticket import State
from helio.simulation import facts
from helio.simulation.cases import Case
from helio.simulation.verdict import Verdict

_UNPRINTABLE: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""What stands in JSON texts as it is, and not in YAML's."""
_MILLISECOND: Final = 1_000_000
_ANSWERS: Final = {
    State.APPROVED: "approve",
    State.BREAK_GLASS: "approve",
    State.DENIED: "deny",
    State.TIMEOUT: "timeout",
}


def written(cases: Sequence[Case], digest: str, head: Sequence[str] = ()) -> str:
    """The text of a file with these cases; `digest` is the policy's that they hold for. `head` says
    in one or more lines what they are, where they are no recorded calls.
    """
    told = head or (
        f"Recorded calls that {digest} decides otherwise than they were,",
        "each with what must come before it. Written by helio replay.",
    )
    lines = [f"# {line}" for line in told]
    lines.append("cases:" if cases else "cases: []")
    for case in cases:
        lines += _case(case)
    return "\n".join(lines) + "\n"


def _case(case: Case) -> list[str]:
    call, new = case.judged.call, case.judged.new
    then, now = _told(case.judged.old), "" if new is None else _told(new)
    name = case.name or f"{call.tool} of {instant(call.at)[:19]}Z: {then}, now {now} ({call.id})"
    lines = [f"  - name: {_json(name)}"]
    if call.environment is not None:
        lines.append(f"    environment: {_json(call.environment)}")
    lines.append("    steps:")
    before = 0
    for step in case.steps:
        # Of the last one nothing is asked but the decision.
        ends = step is not case.steps[-1]
        answer = _ANSWERS.get(facts.decided(step), "") if step.id in case.asked else None
        lines += _step(step, step.at - before, case.expected.get(step.id), answer, ends=ends)
        before = step.at
    return lines


def _told(verdict: Verdict) -> str:
    return verdict.reason or verdict.decision or ""


def _step(
    step: RecordedCall, passed: int, expected: Verdict | None, answer: str | None, *, ends: bool
) -> list[str]:
    """`answer` is what people said: None when they are not asked, empty when they did not."""
    parts = []
    if passed:
        parts.append(f'at: "+{Duration(passed // _MILLISECOND).text()}"')
    if step.kind == "evidence":
        parts.append(f"evidence: {_evidence(step)}")
    else:
        parts.append(f"call: {_call(step)}")
        if step.session_id is not None:
            parts.append(f"session: {_json(step.session_id)}")
        if step.agent is not None:
            parts.append(f"agent: {_json(step.agent)}")
        forwarded = ends and expected is not None and expected.passes
        if forwarded and (step.outcome != "answered" or step.asks):
            parts.append("outcome: error")
        if answer:
            parts.append(f"approval: {answer}")
        if expected is not None:
            # How a call ends that nobody decides about is up to its client.
            known = expected._replace(reason=None) if answer == "" else expected
            told = known.as_object().items()
            parts.append(
                f"expect: {_spaced([f'{name}: {_json(value)}' for name, value in told if value])}"
            )
    return [f"      - {parts[0]}", *(f"        {part}" for part in parts[1:])]


def _call(step: RecordedCall) -> str:
    members = [f"tool: {_json(step.tool)}"]
    if step.arguments is not None:
        text = canonical_json(step.arguments.encode()).decode()
        members.append(f"arguments: {_printable(text)}")
    if step.upstream is not None:
        members.append(f"upstream: {_json(step.upstream)}")
    annotations = orjson.loads(step.annotations or "null")
    if annotations:
        members.append(f"annotations: {_json(annotations[-1])}")
    elif annotations is not None:
        members.append("listed: false")
    return _spaced(members)


def _evidence(step: RecordedCall) -> str:
    mark = facts.mark(step)
    if mark is None:
        return "{}"
    members = [f"session: {_json(step.session_id)}"]
    if step.agent is not None:
        members.append(f"agent: {_json(step.agent)}")
    members.append(f"key: {_json(mark.names[0])}")
    members.append(f"data: {_printable(mark.data.decode())}")
    members.append(f"ttl: {_json(Duration(mark.ttl_ns // _MILLISECOND).text())}")
    return _spaced(members)


def _spaced(members: Sequence[str]) -> str:
    return "{ " + ", ".join(members) + " }"


def _json(value: object) -> str:
    return _printable(orjson.dumps(value).decode())


def _printable(text: str) -> str:
    """JSON that is YAML, too: what only YAML forbids can only stand in texts."""
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
