"""Several upstreams as one streamable HTTP server.

Above: `helio.app`, which serves it beside the upstreams themselves. Below: the rest of this room.
Agents of both eras use it, as one upstream that speaks all of their revisions. Calls do not go
through `Aggregate.send`: `line` gives the way to each member, for calls that were judged by what
that member calls its tools.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from helio.errors import UpstreamFailed
from helio.evaluator import Message, parse_message
from helio.protocol.headers import Header
from helio.protocol.jsonrpc import INVALID_REQUEST, error_answer
from helio.protocol.modern.document import raw, text
from helio.protocol.revisions import LATEST_LEGACY, LEGACY, is_legacy
from helio.protocol.splice import with_member, without_member
from helio.upstream.aggregate import merge
from helio.upstream.aggregate.gathering import gather
from helio.upstream.aggregate.member import Member, translated
from helio.upstream.aggregate.names import Names
from helio.upstream.aggregate.routes import Asking, Routes, described
from helio.upstream.aggregate.sessions import MAX_SESSIONS, Refused, Session, Sessions
from helio.upstream.aggregate.standing import Standing, Subscription
from helio.upstream.bridge.envelope import legacy_refusal
from helio.upstream.made import WholeResponse, find
from helio.upstream.messages import PROTOCOL_VERSION, SESSION_ID
from helio.upstream.port import Port, Response

_LAST_EVENT_ID: Final = b"last-event-id"
_URIS: Final = ("params", "notifications", "resourceSubscriptions")


class Aggregate:
    """A `helio.upstream.port.Port` over `members`, which are not closed with it.

    Raises `ValueError` for members whose names cannot stand before others (`Names`).
    """

    def __init__(self, members: Sequence[Member], *, max_sessions: int = MAX_SESSIONS) -> None:
        self._members = tuple(members)
        self._names = Names(member.name for member in members)
        self._sessions = Sessions(self._members, max_sessions=max_sessions)
        self._routes = Routes(self._members, self._names, self._sessions)
        self._subscriptions: set[Subscription] = set()

    @property
    def names(self) -> Names:
        """What things are called here."""
        return self._names

    def line(self, member: Member) -> Port:
        """The way to one member, for requests in its own words, with the agent's session."""
        return _Line(self._routes, self._names, self._sessions, member)

    async def send(
        self,
        method: str,
        headers: Sequence[Header],
        body: bytes | memoryview | None,
        *,
        path_suffix: str = "",
        timeout: float | None,  # noqa: ASYNC109 - between bytes, not around the call
    ) -> Response:
        """See `helio.upstream.port.Port`."""
        message = parse_message(bytes(body)) if method == "POST" and body is not None else None
        if not _of_a_session(headers):
            return await self._modern(Asking(headers, None, timeout), message)
        if message is not None and message.method == "initialize" and message.id is not None:
            return await self._initialize(message, message.id, headers)
        session = _session(self._sessions, headers)
        if isinstance(session, int):
            return _no_session(session, message)
        if method == "DELETE":
            await self._sessions.end(session, headers)
            return WholeResponse(200)
        return await self._legacy(Asking(headers, session, timeout), session, message)

    async def aclose(self) -> None:
        """Ends what is under way; the members stay."""
        for subscription in tuple(self._subscriptions):
            subscription.stream.close()
        await self._sessions.aclose()

    async def _legacy(self, asking: Asking, session: Session, message: Message | None) -> Response:
        if message is None:
            return await self._get(asking, session)
        if message.kind == "request" and message.id is not None:
            return await self._routes.request(asking, message, message.id)
        return await self._routes.tell(asking, message)

    async def _modern(self, asking: Asking, message: Message | None) -> Response:
        if message is None:
            return WholeResponse(405, b"", [(b"allow", b"POST")])
        if message.kind != "request" or message.id is None:
            return await self._routes.tell(asking, message)
        if message.method == "subscriptions/listen":
            return await self._listen(asking, message, message.id)
        return await self._routes.request(asking, message, message.id)

    async def _initialize(
        self, message: Message, identifier: bytes, headers: Sequence[Header]
    ) -> Response:
        """Opens a session at all members. One that does not answer is left out for now."""
        session = Session(message.body, asyncio.get_running_loop().time())
        try:
            gathered = await gather(
                self._members, lambda member: self._sessions.begin(session, member, headers)
            )
            if not gathered.found:
                session.ended = True
                if gathered.failed:
                    raise gathered.failed[0]
                return legacy_refusal(gathered.refused[0].asked, identifier)
        except BaseException:
            session.ended = True
            raise
        self._sessions.add(session)
        asked_for = text(raw(message, "params", "protocolVersion"))
        told = {member.name: opened.described for member, opened in gathered.found}
        every = described(self._members, told)
        body = merge.initialize_answer(
            identifier,
            asked_for if asked_for in LEGACY else LATEST_LEGACY,
            merge.all_capabilities(each for _, each in every),
            merge.all_instructions(every),
        )
        return WholeResponse(200, body, [(SESSION_ID, session.id)])

    async def _get(self, asking: Asking, session: Session) -> Response:
        """The session's standing stream, or the rest of a stream that a member ended early."""
        place = find(asking.headers, _LAST_EVENT_ID)
        split = None if place is None else self._names.split_place(place)
        if split is not None:
            member = next(each for each in self._members if each.name == split[0])
            return await self.line(member).send("GET", asking.headers, None, timeout=asking.timeout)
        if session.end_standing is not None:
            return _no_session(409, None)
        return await self._stand(asking, session)

    async def _stand(self, asking: Asking, session: Session) -> Response:
        own = [header for header in asking.headers if header[0] != _LAST_EVENT_ID]

        async def opens(member: Member, place: bytes | None) -> Response:
            headers = own if place is None else [*own, (_LAST_EVENT_ID, place)]
            return await self._sessions.send(session, member, "GET", headers, None, timeout=None)

        def over() -> None:
            session.end_standing = None

        standing = Standing(
            self._members,
            opens,
            plain_uris=session.plain_uris,
            away={member.name for member in self._members} - session.opened.keys(),
            on_over=over,
        )
        session.end_standing = standing.finish
        await standing.begin()
        return standing.stream

    async def _listen(self, asking: Asking, message: Message, identifier: bytes) -> Response:
        """One subscription out of one at every member."""
        plain_uris: set[str] = set()
        messages = {
            member.name: self._subscribing(message, member.name, plain_uris)
            for member in self._members
        }

        async def opens(member: Member, place: bytes | None) -> Response:
            return await self._routes.send(asking, member, "POST", messages[member.name])

        subscription = Subscription(self._members, opens, identifier, plain_uris)
        subscription.on_over = lambda: self._subscriptions.discard(subscription)
        self._subscriptions.add(subscription)
        await subscription.begin()
        return subscription.stream

    def _subscribing(self, message: Message, upstream: str, plain_uris: set[str]) -> Message:
        """A `subscriptions/listen` for one member: with its own URIs, and those without a prefix,
        which anybody may know."""
        if message.span(*_URIS) is None:
            return message
        own: list[bytes] = []
        for start, end in message.items(*_URIS):
            uri = text(message.body[start:end])
            split = None if uri is None else self._names.split_uri(uri)
            if uri is not None and split is None:
                plain_uris.add(uri)
                own.append(message.body[start:end])
            elif split is not None and split[0] == upstream:
                own.append(merge.json_text(split[1]))
        if own:
            body = with_member(message, _URIS[:-1], _URIS[-1], b"[" + b",".join(own) + b"]")
        else:
            body = without_member(message, _URIS[:-1], _URIS[-1])
        return parse_message(body)


class _Line:
    """The way to one member: a `helio.upstream.port.Port` for requests in the member's own words.

    Its answers are as the agent gets them.
    """

    def __init__(self, routes: Routes, names: Names, sessions: Sessions, member: Member) -> None:
        self._routes = routes
        self._names = names
        self._sessions = sessions
        self._member = member

    async def send(
        self,
        method: str,
        headers: Sequence[Header],
        body: bytes | memoryview | None,
        *,
        path_suffix: str = "",
        timeout: float | None,  # noqa: ASYNC109 - between bytes, not around the call
    ) -> Response:
        """See `helio.upstream.port.Port`. What was not sent because there is no session fails
        accordingly, but for a refusal that asks for a token."""
        message = None if body is None else parse_message(bytes(body))
        session = _session(self._sessions, headers) if _of_a_session(headers) else None
        if isinstance(session, int):
            return _no_session(session, message)
        asking = Asking(self._own_place(headers), session, timeout)
        if session is not None and message is not None:
            session.note(message, [self._member.name])
        try:
            response = await self._routes.send(asking, self._member, method, message)
        except Refused as refused:
            if refused.asked.status in (401, 403):
                return legacy_refusal(refused.asked, _id_of(message))
            detail = f"the upstream opened no session: {refused}"
            raise UpstreamFailed("protocol_error", sent=False, detail=detail) from None
        return translated(self._member, response, asking.session_id)

    async def aclose(self) -> None:
        """Nothing is the line's own."""

    def _own_place(self, headers: Sequence[Header]) -> list[Header]:
        """The headers with the place in a stream as the member knows it."""
        own = []
        for name, value in headers:
            split = self._names.split_place(value) if name == _LAST_EVENT_ID else None
            own.append((name, value if split is None else split[1]))
        return own


def _of_a_session(headers: Sequence[Header]) -> bool:
    revision = find(headers, PROTOCOL_VERSION)
    return revision is None or is_legacy(revision.decode("latin-1").strip(" \t"))


def _session(sessions: Sessions, headers: Sequence[Header]) -> Session | int:
    """The session that a request names; the status that refuses it without one."""
    session_id = find(headers, SESSION_ID)
    if session_id is None:
        return 400
    return sessions.find(session_id) or 404


def _id_of(message: Message | None) -> bytes:
    return b"null" if message is None or message.id is None else message.id


_WHY: Final = {
    400: "The request names no session.",
    404: "Session not found",
    409: "The session has a standing stream already.",
}


def _no_session(status: int, message: Message | None) -> WholeResponse:
    identifier = None if message is None or message.kind != "request" else message.id
    return WholeResponse(status, error_answer(identifier, INVALID_REQUEST, _WHY[status]))
