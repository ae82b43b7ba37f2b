"""Single calls as policy tests: what a policy says of each. Pure.

Above: `helio.cli`. Below: `cases`, `case_text` (how they are written), `replay`. A call is played
first, so that what is expected of it is what the policy says; one that takes more than earlier
calls of the tools that its session is to have called is left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from helio.audit.recorded import RecordedCall
from helio.diagnostics.exact_json import json_bytes
from helio.evaluator import tool_call
from helio.policy.graph import CompiledPolicy
from helio.simulation.cases import Case
from helio.simulation.replay import Candidate, Replay
from helio.simulation.verdict import Verdict

_SESSION: Final = "s1"
_BEYOND: Final = frozenset({"metadata", "drifted", "unrecorded", "record_kind"})
"""What no step of a test can say of a call."""
_SECOND: Final = 1_000_000_000


class Witnessed(NamedTuple):
    """A call (`tool`, `arguments`, …), the rules of which one is to decide it (None: the default),
    and a name.
    """

    call: Mapping[str, Any]
    rules: frozenset[str | None]
    name: str


def witnessed_cases(
    witnessed: Sequence[Witnessed], policy: CompiledPolicy, *, session_falls_back: bool = False
) -> list[Case]:
    """A case for each call that a test can hold, by the policy that it is for."""
    candidate = Candidate(lambda _environment: policy, session_falls_back=session_falls_back)
    found = (_case(each, candidate) for each in witnessed)
    return [case for case in found if case is not None]


def _case(each: Witnessed, candidate: Candidate) -> Case | None:
    session = each.call.get("session") or {}
    if session.get("labels") or not _BEYOND.isdisjoint(each.call):
        return None
    steps = tuple(_steps(each.call))
    playing = Replay(candidate)
    expected: dict[str, Verdict] = {}
    asked: set[str] = set()
    judged = None
    for step in steps:
        judged = playing.take(step)
        if judged is None or judged.new is None:
            return None
        expected[step.id] = judged.new
        if judged.asked:
            asked.add(step.id)
    if judged is None or judged.new is None or judged.new.rule not in each.rules:
        return None
    return Case(judged, steps, expected, frozenset(asked), each.name)


def _steps(call: Mapping[str, Any]) -> Iterator[RecordedCall]:
    """The calls before it, then the call itself, a second apart."""
    called = (call.get("session") or {}).get("called", ())
    for place, tool in enumerate(called):
        before = {"tool": tool, "arguments": {}, "session": {}, "agent": call.get("agent")}
        yield _recorded(before, place)
    yield _recorded(call, len(called))


def _recorded(call: Mapping[str, Any], place: int) -> RecordedCall:
    annotations = [call.get("annotations") or {}] if call.get("listed", True) else []
    at = place * _SECOND
    arguments = json_bytes(call["arguments"])
    return RecordedCall(
        seq=place,
        id=f"c{place}",
        at=at,
        kind="tool_call",
        selected=True,
        session_id=None if call.get("session") is None else _SESSION,
        session_source=None if call.get("session") is None else "header",
        agent=call.get("agent"),
        environment=None,
        upstream=call.get("upstream"),
        tool=call["tool"],
        arguments=arguments.decode(),
        arguments_hash=tool_call(call["tool"], arguments).arguments_hash(),
        annotations=orjson.dumps(annotations).decode(),
        decision="allow",
        reason=None,
        rule=None,
        feedback=None,
        approval_status=None,
        outcome="answered",
        asks=False,
        forwarded_at=at,
        ended_at=at,
        budgets=None,
        metadata=None,
        origin=None,
        protocol_version=None,
    )
