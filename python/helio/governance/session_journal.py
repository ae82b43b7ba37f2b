"""What the journal holds of sessions, and how they come back from it. Pure.

Above: `helio.pipeline` (the `facts` of intents and outcomes), `helio.runtime` (marks and context),
`helio.app` (the restore). Below: `sessions`.

- An intent's `facts`: `{"session", "tool"}`, and where it has them `"labels"` and `"asked": true`.
- An outcome's `facts`, when the tool succeeded: `{"arguments"}`, canonical JSON as text, or null.
- An `evidence` record: `{"session", "names", "data", "ttl_ns"}`; a `context` record: `{"session",
  "name", "value"}`. Both have `data` and `value` as JSON texts, and the audit's own names beside.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from helio.governance.sessions import Mark, Result, Sessions, Visit


class PastFact(NamedTuple):
    """Something that happened in a session, `at` nanoseconds on whatever clock is at hand.

    `kind` is `begun`, `withdrawn`, `call`, `evidence` or `context`. Of a call that was `begun`, of
    one that nobody got (`withdrawn`) and of a `call` that is over, `data` is its intent's `facts`
    and its `call_id`, the last with its outcome's `facts` as `outcome` (None: no success, as far as
    anybody knows); of `evidence` and `context` it is the record.
    """

    kind: str
    at: int
    data: Mapping[str, Any]


def visit_data(visit: Visit) -> dict[str, object]:
    """A visit as the `facts` of an intent."""
    data: dict[str, object] = {"session": visit.session, "tool": visit.tool}
    if visit.labels:
        data["labels"] = visit.labels
    if visit.asked:
        data["asked"] = True
    return data


def outcome_facts(arguments: bytes | None) -> dict[str, object]:
    """The `facts` of a successful outcome."""
    return {"arguments": None if arguments is None else arguments.decode()}


def mark_data(mark: Mark) -> dict[str, object]:
    """A mark as the data of an `evidence` record."""
    return {
        "session": mark.session,
        "names": mark.names,
        "data": mark.data.decode(),
        "ttl_ns": mark.ttl_ns,
    }


def replay(sessions: Sessions, fact: PastFact) -> None:
    """Has it happen again, at its instant; facts come in their order.

    Raises KeyError, TypeError or ValueError for what the journal never held.
    """
    data = fact.data
    match fact.kind:
        case "begun":
            sessions.enter(visit_of(data), fact.at)
        case "withdrawn":
            sessions.leave(visit_of(data), "withdrawn", None, fact.at)
        case "call":
            _replay_call(sessions, data, fact.at)
        case "evidence":
            ttl = int(data["ttl_ns"])
            mark = Mark(data["session"], tuple(data["names"]), data["data"].encode(), ttl)
            sessions.mark(mark, fact.at)
        case "context":
            sessions.put_context(data["session"], data["name"], data["value"], fact.at)
        case _:
            raise ValueError(f"{fact.kind!r} happens in no session")


def visit_of(data: Mapping[str, Any]) -> Visit:
    """The visit that `visit_data` told, with its call's `call_id` beside."""
    return Visit(
        data["session"],
        data["call_id"],
        data["tool"],
        tuple(data.get("labels", ())),
        bool(data.get("asked", False)),
    )


def _replay_call(sessions: Sessions, data: Mapping[str, Any], at: int) -> None:
    outcome = data["outcome"]
    result: Result = "failed" if outcome is None else "succeeded"
    arguments = None if outcome is None else outcome["arguments"]
    sessions.leave(visit_of(data), result, None if arguments is None else arguments.encode(), at)
