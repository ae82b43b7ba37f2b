"""Sessions that outlive the upstream that forgot them: a port that opens them anew.

A streamable HTTP server answers 404 to a session that it does not know (2025-11-25, Transports,
Session Management), and after a restart it knows none. This port remembers how each session was
opened, opens it again the same way, and lets the agent keep the id that it has.

Above: `helio.upstream.eras`. Below: the port that it stands on.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from helio.errors import UpstreamFailed
from helio.evaluator import parse_message
from helio.protocol.headers import Header
from helio.upstream.allowance import Allowance
from helio.upstream.made import WholeResponse, find
from helio.upstream.messages import PROTOCOL_VERSION, SESSION_ID, ask
from helio.upstream.port import Port, Response

logger = logging.getLogger(__name__)

MAX_SESSIONS: Final = 10_000
MAX_BYTES: Final = 64 * 1024 * 1024
IDLE_SECONDS: Final = 24 * 3600.0
REOPEN_SECONDS: Final = 10.0
"""How long an upstream may take to open a session anew."""
PAUSE_SECONDS: Final = 0.5
"""How long to let a session be when opening it anew did not help."""

_REFUSAL_LIMIT: Final = 1024 * 1024
_AUTHORIZATION: Final = b"authorization"
_LAST_EVENT_ID: Final = b"last-event-id"
_INITIALIZED: Final = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
_ABOUT_THE_PAST: Final = frozenset(
    ("notifications/cancelled", "notifications/initialized", "notifications/progress")
)
"""Notifications about requests of the session that is gone, and what was said for the agent."""

_LOST: Final = (
    "the upstream had forgotten the session; it was opened anew, and this call was not sent again: "
    "send it again if it may run twice"
)


@dataclass(slots=True, repr=False)
class _Session:
    """How a session was opened. `agent_id` is the agent's id for it, `upstream_id` the upstream's.

    `authorization` is the last one that the upstream took in this session.
    """

    agent_id: bytes
    upstream_id: bytes
    initialize: bytes
    headers: tuple[Header, ...]
    authorization: bytes | None
    used: float
    resting_until: float = 0.0
    ended: bool = False
    flight: asyncio.Task[bool] | None = field(default=None)

    @property
    def size(self) -> int:
        """About how many bytes are kept for it."""
        return len(self.initialize) + sum(len(name) + len(value) for name, value in self.headers)


class ReopenedSessions:
    """A `helio.upstream.port.Port` whose sessions survive an upstream that forgot them.

    A tools/call is never sent a second time: it fails with `session_lost`. The sessions used least
    recently are forgotten past `max_sessions` and `max_bytes`, idle ones after `idle_seconds`;
    for a forgotten one the upstream's 404 reaches the agent. `clock` gives seconds.
    """

    def __init__(
        self,
        port: Port,
        *,
        max_sessions: int = MAX_SESSIONS,
        max_bytes: int = MAX_BYTES,
        idle_seconds: float = IDLE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._port = port
        self._max_sessions = max_sessions
        self._max_bytes = max_bytes
        self._idle_seconds = idle_seconds
        self._clock = clock
        self._sessions: OrderedDict[bytes, _Session] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._sessions)

    def send(
        self,
        method: str,
        headers: Sequence[Header],
        body: bytes | memoryview | None,
        *,
        path_suffix: str = "",
        timeout: float | None,
    ) -> Coroutine[Any, Any, Response]:
        """See `helio.upstream.port.Port`. Raises `UpstreamFailed`, `session_lost` included."""
        request = _Request(method, tuple(headers), body, path_suffix, timeout)
        agent_id = find(headers, SESSION_ID)
        if agent_id is None:
            return self._send_outside(request)
        session = self._sessions.get(agent_id)
        if session is None:
            return request.send(self._port)
        return self._send_within(session, request)

    async def aclose(self) -> None:
        """See `helio.upstream.port.Port`."""
        flights = [each.flight for each in self._sessions.values() if each.flight is not None]
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
        await self._port.aclose()

    async def _send_outside(self, request: "_Request") -> Response:
        """What names no session may open one."""
        response = await request.send(self._port)
        if response.status == 200 and request.initializes:
            self._remember(request, response)
        return response

    async def _send_within(self, session: _Session, request: "_Request") -> Response:
        self._touch(session)
        allowance = Allowance(request.timeout)
        upstream_id = session.upstream_id
        if request.method == "DELETE":
            self._forget(session)
        response = await request.send(self._port, upstream_id)
        if response.status < 300:
            session.authorization = find(request.headers, _AUTHORIZATION)
        if response.status not in (400, 404) or session.ended:
            return _named_as(session.agent_id, response)
        body = await response.read(_REFUSAL_LIMIT)
        refusal = WholeResponse(response.status, body, response.headers)
        if not _may_have_forgotten(response.status, body) or not await self._reopened(
            session, request, upstream_id, allowance
        ):
            return _named_as(session.agent_id, refusal)
        return await self._send_again(session, request._replace(timeout=allowance.left), refusal)

    async def _send_again(
        self, session: _Session, request: "_Request", refusal: WholeResponse
    ) -> Response:
        """Sends once more what the upstream refused because it had forgotten the session."""
        if request.method == "GET":
            if request.resumes and request.timeout is not None:
                # Whoever asks for the rest of one answer would wait for it in vain.
                return _named_as(session.agent_id, refusal)
            request = request.from_the_start()
        elif request.calls_a_tool:
            raise UpstreamFailed("session_lost", sent=True, detail=_LOST)
        elif request.is_about_the_past:
            return WholeResponse(202)
        response = await request.send(self._port, session.upstream_id)
        if response.status in (400, 404):
            session.resting_until = self._clock() + PAUSE_SECONDS
        return _named_as(session.agent_id, response)

    async def _reopened(
        self, session: _Session, request: "_Request", lost: bytes, allowance: Allowance
    ) -> bool:
        """Whether the session stands again; `lost` is the id that the upstream does not know."""
        if session.upstream_id != lost:
            return True
        if session.ended or self._clock() < session.resting_until:
            return False
        if session.flight is None:
            revision = find(request.headers, PROTOCOL_VERSION)
            session.flight = asyncio.create_task(self._reopen(session, revision))
        # It goes on for whoever asks next when this request has no time left.
        done, _ = await asyncio.wait({session.flight}, timeout=allowance.left)
        return any(flight.result() for flight in done)

    async def _reopen(self, session: _Session, revision: bytes | None) -> bool:
        try:
            reopened = await self._initialize(session, revision)
        except UpstreamFailed as failure:
            logger.info("a session could not be opened anew: %s", failure)
            reopened = False
        finally:
            session.flight = None
        if reopened:
            logger.info("a session that the upstream had forgotten was opened anew")
        else:
            session.resting_until = self._clock() + PAUSE_SECONDS
        return reopened

    async def _initialize(self, session: _Session, revision: bytes | None) -> bool:
        headers = [header for header in session.headers if header[0] != _AUTHORIZATION]
        if session.authorization is not None:
            headers.append((_AUTHORIZATION, session.authorization))
        asked = await ask(self._port, headers, session.initialize, seconds=REOPEN_SECONDS)
        upstream_id, result = asked.header(SESSION_ID), asked.result
        if asked.status != 200 or upstream_id is None or result is None:
            return False
        negotiated = str(result.get("protocolVersion")).encode()
        within = [
            *(header for header in headers if header[0] != PROTOCOL_VERSION),
            (SESSION_ID, upstream_id),
            (PROTOCOL_VERSION, negotiated),
        ]
        if session.ended or revision not in (None, negotiated):
            await self._leave(within)
            return False
        told = await ask(self._port, within, _INITIALIZED, seconds=REOPEN_SECONDS)
        if session.ended or told.status >= 300:
            await self._leave(within)
            return False
        session.upstream_id = upstream_id
        return True

    async def _leave(self, headers: Sequence[Header]) -> None:
        """Ends a session that nobody will use."""
        response = await self._port.send("DELETE", headers, None, timeout=REOPEN_SECONDS)
        await response.read(_REFUSAL_LIMIT)

    def _remember(self, request: "_Request", response: Response) -> None:
        agent_id = response.header(SESSION_ID)
        if agent_id is None:
            return
        known = self._sessions.get(agent_id)
        if known is not None:
            self._forget(known)
        authorization = find(request.headers, _AUTHORIZATION)
        session = _Session(
            agent_id=agent_id,
            upstream_id=agent_id,
            initialize=bytes(request.body or b""),
            headers=tuple(header for header in request.headers if header[0] != SESSION_ID),
            authorization=authorization,
            used=self._clock(),
        )
        self._sessions[agent_id] = session
        self._bytes += session.size
        while len(self._sessions) > self._max_sessions or self._bytes > self._max_bytes:
            self._forget(next(iter(self._sessions.values())))
        self._forget_idle(session.used)

    def _touch(self, session: _Session) -> None:
        session.used = self._clock()
        self._sessions.move_to_end(session.agent_id)
        self._forget_idle(session.used)

    def _forget_idle(self, now: float) -> None:
        while self._sessions:
            oldest = next(iter(self._sessions.values()))
            if now - oldest.used < self._idle_seconds:
                return
            self._forget(oldest)

    def _forget(self, session: _Session) -> None:
        session.ended = True
        del self._sessions[session.agent_id]
        self._bytes -= session.size


class _Request(NamedTuple):
    """One request, as it may have to be sent a second time."""

    method: str
    headers: tuple[Header, ...]
    body: bytes | memoryview | None
    path_suffix: str
    timeout: float | None

    def send(self, port: Port, session_id: bytes | None = None) -> Coroutine[Any, Any, Response]:
        """Sends it, in the session `session_id` in place of its own."""
        headers = self.headers
        if session_id is not None and session_id != find(headers, SESSION_ID):
            headers = tuple(
                (name, session_id if name == SESSION_ID else value) for name, value in headers
            )
        return port.send(
            self.method, headers, self.body, path_suffix=self.path_suffix, timeout=self.timeout
        )

    @property
    def initializes(self) -> bool:
        """Whether it asks for a session."""
        body = bytes(self.body or b"")
        if self.method != "POST" or b"initialize" not in body:
            return False
        message = parse_message(body)
        return message.kind == "request" and message.method == "initialize"

    @property
    def calls_a_tool(self) -> bool:
        """Whether it may have effects that must not happen twice."""
        return parse_message(bytes(self.body or b"")).method == "tools/call"

    @property
    def is_about_the_past(self) -> bool:
        """Whether it only means something to the session that is gone: ids of another session
        could be taken for those of the new one."""
        message = parse_message(bytes(self.body or b""))
        return message.kind == "response" or message.method in _ABOUT_THE_PAST

    @property
    def resumes(self) -> bool:
        """Whether it asks for what came after an event."""
        return find(self.headers, _LAST_EVENT_ID) is not None

    def from_the_start(self) -> "_Request":
        """The same without a place in a stream that is gone."""
        headers = tuple(header for header in self.headers if header[0] != _LAST_EVENT_ID)
        return self._replace(headers=headers)


def _may_have_forgotten(status: int, body: bytes) -> bool:
    """Whether a refusal may mean that the upstream does not know the session. Some servers say so
    by 400 and a sentence."""
    return status == 404 or b"session" in body.lower()


def _named_as(agent_id: bytes, response: Response) -> Response:
    """The response with the session's id as the agent knows it."""
    told = response.header(SESSION_ID)
    if told is None or told == agent_id:
        return response
    return _Renamed(response, agent_id)


class _Renamed:
    """A response whose session id is the agent's; a `helio.upstream.port.Response`."""

    def __init__(self, response: Response, agent_id: bytes) -> None:
        self._response = response
        self.headers: tuple[Header, ...] = tuple(
            (name, agent_id if name == SESSION_ID else value) for name, value in response.headers
        )

    @property
    def status(self) -> int:
        """See `helio.upstream.port.Response`."""
        return self._response.status

    @property
    def complete(self) -> bool:
        """See `helio.upstream.port.Response`."""
        return self._response.complete

    def header(self, name: bytes) -> bytes | None:
        """See `helio.upstream.port.Response`."""
        return find(self.headers, name)

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """See `helio.upstream.port.Response`."""
        return self._response.chunks()

    async def read(self, limit: int) -> bytes:
        """See `helio.upstream.port.Response`."""
        return await self._response.read(limit)

    def allow_silence(self, timeout: float | None) -> None:
        """See `helio.upstream.port.Response`."""
        self._response.allow_silence(timeout)

    def close(self) -> None:
        """See `helio.upstream.port.Response`."""
        self._response.close()
