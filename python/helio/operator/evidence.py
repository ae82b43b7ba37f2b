"""`GET /api/evidence/{session}`: what is known of one session.

Above: `helio.operator.api`, `helio.sideband`. Below: `helio.governance.sessions`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

from helio.governance.evidence import CALL_TTL_NS
from helio.governance.feedback import instant
from helio.governance.sessions import Sessions
from helio.operator.faults import fault
from helio.pipeline.events import Moment


def evidence_handler(sessions: Sessions, clock: Callable[[], Moment]) -> Handler:
    """Answers `{"data": {session_id, agent_id, labels, called, completed: [{tool, at, call_id}],
    evidence: [{name, by, about, valid_until, expired}], context, counters}}`.

    `by` is a call's id, or `mark`; `about` the arguments or data where a rule asks what it was
    about. `?agent=` tells the sessions of several agents with one id apart: 409 without it. 404 for
    a session that is unknown, or over.
    """

    async def answer(request: web.Request) -> web.Response:
        session_id = request.match_info["session"]
        agent = request.query.get("agent")
        keys = sessions.named(session_id)
        if agent is not None:
            keys = [key for key in keys if _agent(key) == agent]
        if len(keys) > 1:
            return fault(409, "several agents have a session with this id: say which, ?agent=…")
        now = clock()
        view = sessions.view(keys[0], now.monotonic) if keys else None
        if view is None:
            return fault(404, "no such session, or nothing was called in it for long")
        shown = session_shown(session_id, _agent(keys[0]), view, now.wall)
        return web.Response(body=orjson.dumps({"data": shown}), content_type="application/json")

    return answer


_NOTHING: Final[Mapping[str, Any]] = {
    "labels": [],
    "called": [],
    "completed": [],
    "evidence": [],
    "context": {},
    "counters": {"forwarded": 0, "succeeded": 0, "under_way": 0},
}


def _agent(key: str) -> str | None:
    return key.rpartition(" ")[0] or None


def session_shown(
    session_id: str, agent: str | None, view: Mapping[str, Any] | None, wall: int
) -> dict[str, object]:
    """A session as people are shown it, for orjson; all of it empty without a `view`.

    `wall` is the instant of the view, nanoseconds since 1970. Numbers of arguments keep their
    digits: what is JSON already is put in as it is.
    """
    shown = _shown(_NOTHING if view is None else view, wall)
    return {"session_id": session_id, "agent_id": agent, **shown}


def _shown(view: Mapping[str, Any], wall: int) -> dict[str, object]:
    """A view with its relative instants as times."""
    completed = view["completed"]
    by_calls = [[tool, at + CALL_TTL_NS, call_id, None] for tool, at, call_id in completed]
    return {
        "labels": view["labels"],
        "called": view["called"],
        "completed": [
            {"tool": tool, "at": instant(wall + at), "call_id": call_id}
            for tool, at, call_id in completed
        ],
        "evidence": [
            {
                "name": name,
                "by": by,
                "about": None if document is None else orjson.Fragment(document),
                "valid_until": instant(wall + until),
                "expired": until <= 0,
            }
            for name, until, by, document in [*by_calls, *view["evidence"]]
        ],
        "context": {name: orjson.Fragment(value) for name, value in view["context"].items()},
        "counters": view["counters"],
    }
