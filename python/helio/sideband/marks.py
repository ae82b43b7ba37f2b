"""`POST /evidence`, `POST /context`, `GET /session/{id}`.

Above: `api`. Below: `helio.runtime.marking`, `body`, `rates`, `tokens`.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import orjson
from aiohttp import web

from helio.errors import JournalUnavailable, UnaskedEvidence
from helio.governance.feedback import instant
from helio.governance.identity import SessionIdentity, is_session_id
from helio.governance.sessions import DocumentTooLarge, Sessions
from helio.operator.evidence import session_shown
from helio.operator.faults import Refused
from helio.runtime import clock
from helio.runtime.marking import Marking, PreparedMark
from helio.sideband import body
from helio.sideband.access import TOKEN
from helio.sideband.rates import Rates
from helio.sideband.reports import GivenMark
from helio.sideband.tokens import Token, Tokens

MOST_MARKS: Final = 1000
"""Marks of one request."""
LONGEST_TTL: Final = 30 * 24 * 3600
"""How many seconds a mark may count."""
_MARK: Final = frozenset({"session_id", "agent_id", "tool_name", "evidence_key", "data", "ttl"})
_CONTEXT: Final = frozenset({"session_id", "agent_id", "key", "value"})


@dataclass(frozen=True, slots=True)
class MarksView:
    """The routes. `agents_known`: agents are authenticated, so that a session is one of theirs."""

    marking: Marking
    sessions: Sessions
    tokens: Callable[[], Tokens]
    rates: Rates
    agents_known: bool

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        return [
            web.post("/evidence", self._mark),
            web.post("/context", self._put_context),
            web.get("/session/{id}", self._show),
        ]

    async def _mark(self, request: web.Request) -> web.Response:
        """One mark, or `{"marks": […]}`: all of them or none."""
        raw = await body.read(request)
        found, token = body.decoded(raw), request[TOKEN]
        several = isinstance(found, dict) and "marks" in found
        marks = list(_several(found, raw) if several else _one(found, raw))
        prepared = [self._prepared(each, data, where, token) for each, data, where in marks]
        for session, cost in Counter(each.mark.session for each in prepared).items():
            self.rates.take(session, cost)
        with _recording():
            await self.marking.keep(prepared)
        now = clock.now().wall
        told = [_told(each, now) for each in prepared]
        return _answer(told if several else told[0], 201)

    def _prepared(
        self, found: Mapping[str, Any], data: bytes, where: str, token: Token
    ) -> PreparedMark:
        session, agent = self._session(found, where, token)
        return self._prepared_in(session, agent, GivenMark(found, data, where), token)

    async def keep_of_call(
        self,
        given: Sequence[GivenMark],
        token: Token,
        session: SessionIdentity,
        agent: str | None,
    ) -> None:
        """Keeps the marks that a call in this session gives: all of them or none.

        Raises `Refused`.
        """
        key = session.key(agent)
        if key is None:
            raise body.invalid("evidence: the call has no session that it could count in")
        prepared = [self._prepared_in(session, agent, each, token) for each in given]
        self.rates.take(key, len(prepared))
        with _recording():
            await self.marking.keep(prepared)

    def _prepared_in(
        self,
        session: SessionIdentity,
        agent: str | None,
        given: GivenMark,
        token: Token,
    ) -> PreparedMark:
        found, data, where = given.members, given.data, given.where
        names = self._names(found, where, token)
        try:
            return self.marking.prepare(session, agent, names, data, _ttl_ns(found, where))
        except UnaskedEvidence as error:
            raise _refused(422, f"{_place(where)}{error}", "evidence_not_asked") from None
        except DocumentTooLarge as error:
            raise _refused(413, f"{_place(where)}{error}", "too_large") from None
        except ValueError as error:
            raise body.invalid(f"{where}data: {error}") from None

    def _names(self, found: Mapping[str, Any], where: str, token: Token) -> tuple[str, ...]:
        """What a mark is known under, as far as it may be. Raises `Refused`."""
        given = (body.optional_name(found, key, where) for key in ("tool_name", "evidence_key"))
        names = tuple(dict.fromkeys(filter(None, given)))
        if not names:
            raise body.invalid(f"{where}tool_name, evidence_key: one of them is needed")
        tokens = self.tokens()
        allowed = tuple(
            name for name in names if tokens.may_be_marked(name) and token.may_mark(name)
        )
        if not allowed:
            text = (
                f"{_place(where)}evidence of {' or '.join(names)} may not be marked with this token"
            )
            raise _refused(403, text, "evidence_not_allowed")
        return allowed

    def _session(
        self, found: Mapping[str, Any], where: str, token: Token
    ) -> tuple[SessionIdentity, str | None]:
        """Which session of whom. Raises `Refused`."""
        session = SessionIdentity(body.session_id(found, where), "sdk", ())
        return session, self._agent(body.optional_name(found, "agent_id", where), where, token)

    def _agent(self, said: str | None, where: str, token: Token) -> str | None:
        agent = token.agent if said is None else said
        if agent is None and self.agents_known:
            raise body.invalid(
                f"{where}agent_id: is missing: agents have names here (`auth`), and a session is "
                "that of one of them"
            )
        if not token.is_for(agent):
            text = f"{where}agent_id: this token is not for the sessions of that agent"
            raise _refused(403, text, "agent_not_allowed")
        return agent

    async def _put_context(self, request: web.Request) -> web.Response:
        raw = await body.read(request)
        found, token = body.members(body.decoded(raw), _CONTEXT), request[TOKEN]
        session, agent = self._session(found, "", token)
        key = body.name(found, "key")
        if "value" not in found:
            raise body.invalid("value: is missing")
        value = body.selected("$.value", raw)[0]
        self.rates.take(session.key(agent) or "")
        try:
            with _recording():
                await self.marking.put_context(session, agent, key, value)
        except DocumentTooLarge as error:
            raise _refused(413, str(error), "too_large") from None
        except ValueError as error:
            raise body.invalid(str(error)) from None
        return _answer({"session_id": session.id, "agent_id": agent, "key": key}, 201)

    async def _show(self, request: web.Request) -> web.Response:
        session_id = request.match_info["id"]
        if not is_session_id(session_id):
            raise body.invalid("this is not the id of a session")
        said = body.optional_name(request.query, "agent")
        agent = self._agent(said, "", request[TOKEN])
        key = SessionIdentity(session_id, "sdk", ()).key(agent) or ""
        now = clock.now()
        view = self.sessions.view(key, now.monotonic)
        return _answer(session_shown(session_id, agent, view, now.wall), 200)


def _one(found: Any, raw: bytes) -> Iterator[tuple[Mapping[str, Any], bytes, str]]:
    mark = body.members(found, _MARK)
    if "data" not in mark:
        raise body.invalid("data: is missing")
    yield mark, body.selected("$.data", raw)[0], ""


def _several(found: Any, raw: bytes) -> Iterator[tuple[Mapping[str, Any], bytes, str]]:
    marks: Sequence[Any] = body.members(found, {"marks"})["marks"]
    if not isinstance(marks, list) or not 0 < len(marks) <= MOST_MARKS:
        raise body.invalid(f"marks: is not a list of 1 to {MOST_MARKS}")
    for index, each in enumerate(marks):
        if "data" not in body.members(each, _MARK, f"marks[{index}]."):
            raise body.invalid(f"marks[{index}].data: is missing")
    # As they came, every digit; all of them have it, so that they are in step.
    documents = body.selected("$.marks[*].data", raw)
    for index, (each, data) in enumerate(zip(marks, documents, strict=True)):
        yield each, data, f"marks[{index}]."


def _ttl_ns(found: Mapping[str, Any], where: str) -> int:
    ttl = found.get("ttl", 300)
    if isinstance(ttl, bool) or not isinstance(ttl, int | float) or not 0 < ttl <= LONGEST_TTL:
        raise body.invalid(f"{where}ttl: is not a number of seconds, above 0 and at most 30 days")
    return max(1, int(ttl * 1_000_000_000))


def _told(prepared: PreparedMark, now: int) -> dict[str, object]:
    return {
        "session_id": prepared.row["session_id"],
        "agent_id": prepared.row["agent_id"],
        "names": prepared.mark.names,
        "valid_until": instant(now + prepared.mark.ttl_ns),
    }


@contextmanager
def _recording() -> Iterator[None]:
    """Raises `Refused` where something could not be recorded."""
    try:
        yield
    except JournalUnavailable as error:
        raise Refused(
            503,
            f"this cannot be recorded now, so it does not count: {error}",
            headers={"retry-after": "1"},
            more={"reason": "audit_unavailable"},
        ) from None


def _place(where: str) -> str:
    """Where of several marks one stands, before a sentence about it."""
    return where and f"{where.removesuffix('.')}: "


def _refused(status: int, text: str, reason: str) -> Refused:
    return Refused(status, text, more={"reason": reason})


def _answer(data: object, status: int) -> web.Response:
    shown = orjson.dumps({"data": data})
    return web.Response(body=shown, status=status, content_type="application/json")
