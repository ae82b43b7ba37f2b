"""A 2026-07-28 upstream for legacy agents: Helio has the sessions that the upstream has not.

Above: `helio.upstream.eras`. Below: the upstream's port. Helio answers what belongs to a session
(`initialize`, `ping`, `logging/setLevel`, subscriptions); every other request goes on with the
envelope that 2026-07-28 wants, and what an `input_required` result asks is asked of the agent.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from helio.errors import UpstreamFailed
from helio.evaluator import Answer, Message, inspect_answer, parse_message
from helio.protocol.headers import Header
from helio.protocol.jsonrpc import INVALID_PARAMS, INVALID_REQUEST, error_answer, result_answer
from helio.protocol.modern import Parameters
from helio.protocol.modern.document import text as said
from helio.protocol.revisions import LATEST_LEGACY, LEGACY
from helio.upstream.bridge.agent_session import AgentSession
from helio.upstream.bridge.envelope import SERVER_INFO, legacy_refusal, level_of
from helio.upstream.bridge.legacy_call import LegacyCall
from helio.upstream.bridge.splicing import is_object, raw, rebuilt
from helio.upstream.bridge.standing import StandingStream
from helio.upstream.made import WholeResponse, find
from helio.upstream.messages import SESSION_ID, ask
from helio.upstream.port import Port, Response

MAX_SESSIONS: Final = 10_000
IDLE_SECONDS: Final = 3600.0
MAX_URIS: Final = 1000
OPEN_SECONDS: Final = 30.0

_NO_INFO: Final = b'{"name":"unnamed","version":"0"}'
"""What a server is called that does not say who it is: legacy agents must be told something."""

ParametersOf = Callable[[str], Parameters | None]


def no_parameters(tool: str) -> Parameters | None:
    """No tool is known to want arguments mirrored in headers."""
    return None


class LegacyAgents:
    """A `helio.upstream.port.Port` for legacy requests on a port of a 2026-07-28 upstream.

    `parameters_of` gives the arguments of a tool that go into headers. Past `max_sessions` an
    `initialize` gets 503; a session that is not used for `idle_seconds` may be forgotten then. The
    port that it stands on is not closed with it.
    """

    def __init__(
        self,
        port: Port,
        *,
        parameters_of: ParametersOf = no_parameters,
        max_sessions: int = MAX_SESSIONS,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._port = port
        self._parameters_of = parameters_of
        self._max_sessions = max_sessions
        self._idle_seconds = idle_seconds
        self._sessions: OrderedDict[str, AgentSession] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sessions)

    def knows(self, session_id: bytes) -> bool:
        """Whether a session is one of these."""
        return session_id.decode("latin-1") in self._sessions

    async def send(
        self,
        method: str,
        headers: Sequence[Header],
        body: bytes | memoryview | None,
        *,
        path_suffix: str = "",
        timeout: float | None,  # noqa: ASYNC109 - between messages, not around the call
    ) -> Response:
        """See `helio.upstream.port.Port`."""
        message = parse_message(bytes(body)) if method == "POST" and body is not None else None
        if message is not None and message.method == "initialize" and message.id is not None:
            return await self._initialize(message, message.id, headers, timeout)
        session_id = find(headers, SESSION_ID)
        if session_id is None:
            return _no_session(400, "The request names no session.", message)
        session = self._sessions.get(session_id.decode("latin-1"))
        if session is None:
            return _no_session(404, "The session is unknown or has ended.", message)
        session.used = asyncio.get_running_loop().time()
        self._sessions.move_to_end(session.id)
        if message is not None:
            return await self._take(session, message, headers, timeout)
        if method == "DELETE":
            self._end(session)
            return WholeResponse(200)
        return await self._stand(session, headers)

    async def _take(
        self,
        session: AgentSession,
        message: Message,
        headers: Sequence[Header],
        silence: float | None,
    ) -> Response:
        """Answers a message within a session."""
        if message.kind != "request" or message.id is None:
            _note(session, message)
            return WholeResponse(202)
        own = _OWN.get(message.method or "")
        if own is not None:
            return own(session, message, message.id)
        tool = message.tool
        parameters = None if tool is None else self._parameters_of(tool)
        try:
            call = LegacyCall(
                self._port, session, message, headers, parameters=parameters, silence=silence
            )
        except ValueError as error:
            body = error_answer(message.id, INVALID_PARAMS, f"Invalid params: {error}.")
            return WholeResponse(200, body)
        return await call.response()

    async def aclose(self) -> None:
        """Ends every session."""
        for session in tuple(self._sessions.values()):
            self._end(session)

    async def _initialize(
        self,
        message: Message,
        identifier: bytes,
        headers: Sequence[Header],
        silence: float | None,
    ) -> Response:
        """Answers from what the upstream says of itself (`server/discover`)."""
        if not self._has_room():
            text = "Too many sessions are open; end one, or try again later."
            body = error_answer(identifier, INVALID_REQUEST, text)
            return WholeResponse(503, body, [(b"retry-after", b"5")])
        asked_for = said(raw(message, "params", "protocolVersion"))
        capabilities = raw(message, "params", "capabilities")
        info = raw(message, "params", "clientInfo")
        session = AgentSession(
            revision=asked_for if asked_for in LEGACY else LATEST_LEGACY,
            capabilities=capabilities if capabilities and is_object(capabilities) else b"{}",
            info=info if is_object(info) else None,
            used=asyncio.get_running_loop().time(),
        )
        discover = b'{"jsonrpc":"2.0","id":%b,"method":"server/discover"}' % identifier
        sent, body = session.request(parse_message(discover), headers)
        asked = await ask(
            self._port, sent, body, seconds=OPEN_SECONDS if silence is None else silence
        )
        if asked.result is None:
            return legacy_refusal(asked, identifier)
        told = inspect_answer(asked.body)
        if told is None:
            detail = "the answer to server/discover is not a JSON-RPC response"
            raise UpstreamFailed("protocol_error", sent=True, detail=detail)
        self._sessions[session.id] = session
        opened = [(SESSION_ID, session.id.encode())]
        return WholeResponse(200, _initialized(told, identifier, session.revision), opened)

    async def _stand(self, session: AgentSession, headers: Sequence[Header]) -> Response:
        if session.standing:
            return _no_session(409, "The session has a standing stream already.", None)
        standing = StandingStream(self._port, session, headers)
        if not await standing.open():
            return WholeResponse(405, b"", [(b"allow", b"POST, DELETE")])
        return standing.stream

    def _has_room(self) -> bool:
        """Forgets sessions that nobody used for long; whether one more may be opened."""
        now = asyncio.get_running_loop().time()
        for session in tuple(self._sessions.values()):
            if now - session.used < self._idle_seconds:
                break
            if not session.in_use:
                self._end(session)
        return len(self._sessions) < self._max_sessions

    def _end(self, session: AgentSession) -> None:
        del self._sessions[session.id]
        session.end()


def _note(session: AgentSession, message: Message) -> None:
    """Takes what wants no answer. What 2026-07-28 has no word for ends here."""
    if message.kind == "response":
        session.answered(message)
    elif message.method == "notifications/cancelled":
        cancelled = raw(message, "params", "requestId")
        if cancelled is not None and cancelled[:1] not in (b"{", b"["):
            session.cancel(cancelled)


def _pong(session: AgentSession, message: Message, identifier: bytes) -> WholeResponse:
    return WholeResponse(200, result_answer(identifier, {}))


def _set_level(session: AgentSession, message: Message, identifier: bytes) -> WholeResponse:
    level = raw(message, "params", "level")
    if level_of(level) is None:
        body = error_answer(identifier, INVALID_PARAMS, "Invalid params: unknown log level.")
        return WholeResponse(200, body)
    session.level = level
    return WholeResponse(200, result_answer(identifier, {}))


def _subscribe(session: AgentSession, message: Message, identifier: bytes) -> WholeResponse:
    uri = raw(message, "params", "uri")
    if said(uri) is None or uri is None or len(session.uris) >= MAX_URIS:
        body = error_answer(identifier, INVALID_PARAMS, "Invalid params: no URI, or too many.")
        return WholeResponse(200, body)
    if uri not in session.uris:
        session.uris.append(uri)
        session.subscriptions_changed.set()
    return WholeResponse(200, result_answer(identifier, {}))


def _unsubscribe(session: AgentSession, message: Message, identifier: bytes) -> WholeResponse:
    uri = raw(message, "params", "uri")
    if uri in session.uris:
        session.uris.remove(uri)
        session.subscriptions_changed.set()
    return WholeResponse(200, result_answer(identifier, {}))


_OWN: Final[dict[str, Callable[[AgentSession, Message, bytes], WholeResponse]]] = {
    "ping": _pong,
    "logging/setLevel": _set_level,
    "resources/subscribe": _subscribe,
    "resources/unsubscribe": _unsubscribe,
}
"""Requests about the session itself, which Helio has."""


def _initialized(told: Answer, identifier: bytes, revision: str) -> bytes:
    # Tasks of 2025-11-25 are nothing that a later revision's core could carry.
    capabilities = rebuilt(told, ("tasks",), {}, "result", "capabilities")
    members = [
        b'"protocolVersion":"%b"' % revision.encode(),
        b'"capabilities":' + capabilities,
        b'"serverInfo":' + (raw(told, "result", "_meta", SERVER_INFO) or _NO_INFO),
    ]
    instructions = raw(told, "result", "instructions")
    if instructions is not None:
        members.append(b'"instructions":' + instructions)
    return b'{"jsonrpc":"2.0","id":%b,"result":{%b}}' % (identifier, b",".join(members))


def _no_session(status: int, why: str, message: Message | None) -> WholeResponse:
    identifier = None if message is None or message.kind != "request" else message.id
    return WholeResponse(status, error_answer(identifier, INVALID_REQUEST, why))
