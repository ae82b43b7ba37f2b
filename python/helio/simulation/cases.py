"""From calls that go another way to policy tests: the fewest steps that lead to the same decision.

Above: `helio.cli`. Below: `replay`, `case_text` (how they are written). Pure: what came before a
call comes in. A case is tried by a replay of its own, so what is written holds for the policy that
it was written for.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from helio.audit.recorded import RecordedCall
from helio.simulation.replay import Judged, Replay
from helio.simulation.verdict import Verdict

MOST_STEPS: Final = 60
"""Steps of a case; a call that rests on more than that is left out."""
_OTHERS: Final = 300
"""Steps of other sessions that are tried."""
_MILLISECOND: Final = 1_000_000

Steps = Sequence[RecordedCall]


class Case(NamedTuple):
    """A call and what must come before it, on a clock of whole milliseconds that begins at 0.

    `expected` are the verdicts of the calls among the steps, by their ids; `asked` are the ids of
    those that people are asked about. Without a `name` it is called after the call.
    """

    judged: Judged
    steps: tuple[RecordedCall, ...]
    expected: dict[str, Verdict]
    asked: frozenset[str]
    name: str | None = None


def written_case(judged: Judged, earlier: Steps, replay: Callable[[], Replay]) -> Case | None:
    """The shortest case found for a call that goes another way; None when its decision rests on
    more than a case can hold. `earlier` are calls and marks before it, oldest first; `replay` makes
    a new replay of the policy."""
    for before in _choices(judged.call, earlier):
        steps = _timed([*before, judged.call])
        if _reached(steps, judged, replay):
            steps = _fewest(steps, judged, replay)
            if len(steps) > MOST_STEPS:
                return None
            return _case(judged, steps, replay)
    return None


def _case(judged: Judged, steps: tuple[RecordedCall, ...], replay: Callable[[], Replay]) -> Case:
    played = _played(steps, replay)
    expected = {id_: told.new for id_, told in played.items() if told.new is not None}
    asked = frozenset(id_ for id_, told in played.items() if told.asked)
    return Case(judged, steps, expected, asked)


def _choices(call: RecordedCall, earlier: Steps) -> Iterator[Steps]:
    """What may have led there, the likeliest first."""
    yield []
    usable = [each for each in earlier if each.kind == "evidence" or each.arguments is not None]
    yield [each for each in usable if _session(each) == _session(call)]
    yield [each for each in usable if each.tool == call.tool][-_OTHERS:]
    yield usable[-_OTHERS:]


def _session(call: RecordedCall) -> tuple[str | None, str | None]:
    return call.session_id, call.agent


def _timed(steps: Steps) -> tuple[RecordedCall, ...]:
    """The same from the instant 0 on, every instant a whole millisecond, every call over at once.

    Calls that are over before the next begins are all that a case can tell.
    """
    start = steps[0].at
    made = []
    for step in steps:
        at = -(-(step.at - start) // _MILLISECOND) * _MILLISECOND
        made.append(step._replace(at=at, forwarded_at=at, ended_at=at))
    return tuple(made)


def _fewest(
    steps: tuple[RecordedCall, ...], judged: Judged, replay: Callable[[], Replay]
) -> tuple[RecordedCall, ...]:
    """Without the steps that it does not take: halves first, then smaller parts."""
    size = len(steps) // 2
    while size:
        at = 0
        while at < len(steps) - 1:
            fewer = (*steps[:at], *steps[min(at + size, len(steps) - 1) :])
            if _reached(_timed(fewer), judged, replay):
                steps = fewer
            else:
                at += size
        size //= 2
    return _timed(steps)


def _reached(steps: Steps, judged: Judged, replay: Callable[[], Replay]) -> bool:
    told = _played(steps, replay).get(judged.call.id)
    return judged.new is not None and told is not None and told.new == judged.new


def _played(steps: Steps, replay: Callable[[], Replay]) -> dict[str, Judged]:
    """What the policy says of each call."""
    found = {}
    playing = replay()
    for step in steps:
        told = playing.take(step)
        if told is not None:
            found[step.id] = told
    return found
