"""The SSE door: HTTP+SSE of 2024-11-05 (Transports), for clients that know nothing newer.

Above: `helio.app`. Below: `helio.transport.channel` (one connection's messages),
`helio.transport.sse_session` (one agent's stream), `helio.transport.door` (whose routes these are).
An agent opens its stream at `/sse` or `/sse/<name>`; the first event says where it sends its
messages: `/messages` or `/messages/<name>`, with an id that nobody can guess.
"""

import asyncio
from collections.abc import Iterable
from typing import Final

from aiohttp.web import BaseRequest, Response, StreamResponse

from helio.protocol.headers import Header
from helio.protocol.jsonrpc import INTERNAL_ERROR
from helio.protocol.media import EVENT_STREAM, accepts
from helio.transport.admission import Guards, Rejection
from helio.transport.channel import Receives
from helio.transport.door import Handler, Identify, nobody
from helio.transport.listener import Partings
from helio.transport.sse_session import SseSession

MAX_SESSIONS: Final = 1000
"""Streams that may be open at once, unless told otherwise."""
FINISH_SECONDS: Final = 30.0
"""How long calls may take to come to their outcome after their agent left."""
CLOSE_SECONDS: Final = 2.0
"""How long streams and their upstreams' sessions may take to end when Helio does."""
RETRY_AFTER: Final = (b"retry-after", b"5")


class SseDoor:
    """Serves the targets of a reception. `guards.paths` must hold the paths of `routes`.

    `max_sessions` counts agents that left as long as their calls are under way.
    """

    def __init__(
        self,
        reception: Receives,
        guards: Guards,
        partings: Partings,
        identify: Identify = nobody,
        *,
        max_sessions: int = MAX_SESSIONS,
    ) -> None:
        self._reception = reception
        self._guards = guards
        self._partings = partings
        self._identify = identify
        self._max_sessions = max_sessions
        self._sessions: dict[str, SseSession] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._closing = False

    def __len__(self) -> int:
        """How many streams count at the moment."""
        return len(self._sessions) + len(self._ending)

    def routes(self, targets: Iterable[str | None]) -> dict[str, Handler]:
        """The routes of these targets by path."""
        found: dict[str, Handler] = {}
        for target in targets:
            found[sse_path(target)] = self._opening(target)
            found[messages_path(target)] = self._posting(target)
        return found

    async def open(
        self, request: BaseRequest, target: str | None, agent: str | None
    ) -> StreamResponse:
        """Opens a stream, and returns when it has ended. Raises `Rejection`."""
        if self._closing:
            raise Rejection(503, "shutting_down", "Helio is shutting down.", INTERNAL_ERROR)
        if len(self) >= self._max_sessions:
            detail = "Too many event streams are open; see listen.max_sse_sessions."
            raise Rejection(
                503, "too_many_sessions", detail, INTERNAL_ERROR, headers=(RETRY_AFTER,)
            )
        session = SseSession(request, self._reception, target, agent, own_headers(request))
        self._sessions[session.identifier] = session
        self._partings[request.protocol] = session.leave
        try:
            endpoint = f"{messages_path(target)}?session_id={session.identifier}"
            await session.serve(endpoint)
        finally:
            self._partings.pop(request.protocol, None)
            del self._sessions[session.identifier]
            ending = asyncio.ensure_future(session.close(FINISH_SECONDS))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
        return session.response

    async def post(
        self, request: BaseRequest, target: str | None, agent: str | None, body: bytes
    ) -> Response:
        """Takes a message; what comes of it goes to the stream. Raises `Rejection`, 404 for a
        stream that does not exist or is another agent's.
        """
        identifiers = request.query.getall("session_id", ())
        session = self._sessions.get(identifiers[0]) if len(identifiers) == 1 else None
        if session is None or session.agent != agent or session.target != target:
            raise Rejection(404, "unknown_session", "There is no such event stream.")
        if not await session.put(body, own_headers(request)):
            detail = "The messages before this one are not taken yet."
            raise Rejection(503, "too_many_messages", detail, headers=(RETRY_AFTER,))
        return Response(status=202, text="Accepted")

    async def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Ends every stream and, within `seconds`, what belongs to it. Requests under way should
        have been drained before that (`Reception.drain`).
        """
        self._closing = True
        for session in self._sessions.values():
            session.leave()
        ended = [session.ended for session in self._sessions.values()]
        if ended:
            await asyncio.wait(ended, timeout=seconds)
        if self._ending:
            _, late = await asyncio.wait(self._ending, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _opening(self, target: str | None) -> Handler:
        async def handle(request: BaseRequest) -> StreamResponse:
            _only(request, "GET")
            if not accepts(request.headers.get("accept"), EVENT_STREAM):
                raise Rejection(406, "not_acceptable", f"The answer is {EVENT_STREAM}.")
            return await self.open(request, target, await self._who(request))

        return handle

    def _posting(self, target: str | None) -> Handler:
        async def handle(request: BaseRequest) -> StreamResponse:
            _only(request, "POST")
            agent = await self._who(request)
            return await self.post(request, target, agent, await self._guards.read(request))

        return handle

    async def _who(self, request: BaseRequest) -> str | None:
        return await self._identify(request)


def sse_path(target: str | None) -> str:
    """Where agents open their stream to a target."""
    return "/sse" if target is None else f"/sse/{target}"


def messages_path(target: str | None) -> str:
    """Where agents send their messages to a target."""
    return "/messages" if target is None else f"/messages/{target}"


def own_headers(request: BaseRequest) -> list[Header]:
    """What of an agent's headers is about itself, not about the transport it uses; names in lower
    case. Which of them go up is decided as for every door.
    """
    return [
        (name.lower(), value)
        for name, value in request.raw_headers
        if name.lower() == b"authorization" or name.lower().startswith(b"x-")
    ]


def _only(request: BaseRequest, method: str) -> None:
    if request.method != method:
        detail = f"{request.method} is not served here."
        raise Rejection(405, "method_not_allowed", detail, headers=((b"allow", method.encode()),))
