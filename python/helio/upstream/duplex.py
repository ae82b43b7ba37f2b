"""Sessions over lines: a server that is spoken to on one full-duplex line per session, presented as
a streamable HTTP server (2025-11-25, Transports).

Above: the stdio and SSE upstreams (`helio.upstream.child`, `helio.upstream.sse`), which open the
lines. Below: `helio.upstream.conversation`. A `helio.upstream.port.Port` for the legacy revisions.
"""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from helio.errors import UpstreamFailed
from helio.evaluator import Answer, MalformedMessage, Message, parse_message
from helio.protocol.headers import Header
from helio.protocol.jsonrpc import INVALID_REQUEST, error_answer
from helio.protocol.revisions import LEGACY
from helio.upstream.conversation import CANCELLED, Asked, Conversation, Party
from helio.upstream.line import Line, Refused
from helio.upstream.made import StreamResponse, WholeResponse, find

logger = logging.getLogger(__name__)

SESSION_HEADER: Final = b"mcp-session-id"
VERSION_HEADER: Final = b"mcp-protocol-version"
UNSUPPORTED_REVISION: Final = -32022

KEPT_MESSAGES: Final = 256
KEPT_BYTES: Final = 256 * 1024
"""What a session keeps of what its server says while nobody listens."""

OpenLine = Callable[[Sequence[Header]], Awaitable[Line]]


class OwnConversation(Conversation):
    """A line that one agent's session has for itself.

    What belongs to no request by its token goes to the agent's latest open request, else to its
    standing stream, else it is kept for that. A full stream stops the reading of the line, so that
    a slow agent holds up its own server and nobody else.
    """

    def __init__(self, line: Line, on_end: Callable[[Conversation], None]) -> None:
        super().__init__(line, on_end)
        self.party = Party()
        self._kept: deque[tuple[Answer, bytes]] = deque()
        self._kept_bytes = 0

    def listen(self, timeout: float | None) -> StreamResponse:
        """The standing stream; it takes the place of an earlier one."""
        if self.party.standing is not None:
            self.party.standing.end()
        stream = self.party.standing = StreamResponse(timeout=timeout)
        for _, body in self._kept:
            stream.put(body)
        self._kept.clear()
        self._kept_bytes = 0
        if self.failure is not None:
            stream.fail(self.failure)
        return stream

    @property
    def in_use(self) -> bool:
        """See `Conversation`."""
        return self.party.listening or super().in_use

    def unclaimed(self, answer: Answer, body: bytes, asked: Asked | None) -> None:
        """See `Conversation`."""
        stream = self.party.latest if asked is None else None
        if stream is None and self.party.listening:
            stream = self.party.standing
        if stream is None:
            self._keep(answer, body)
        else:
            self.put(stream, body)

    async def relieve(self, stream: StreamResponse) -> None:
        """See `Conversation`."""
        await stream.room()

    def _keep(self, answer: Answer, body: bytes) -> None:
        self._kept.append((answer, body))
        self._kept_bytes += len(body)
        while len(self._kept) > KEPT_MESSAGES or self._kept_bytes > KEPT_BYTES:
            oldest, dropped = self._kept.popleft()
            self._kept_bytes -= len(dropped)
            if oldest.kind == "request":
                self.decline(oldest)
            logger.warning("what nobody listens to is dropped: %s", oldest.method)


class _Session:
    """One session: its id towards the agent, and its conversation."""

    def __init__(self, conversation: OwnConversation, now: float) -> None:
        self.id = secrets.token_urlsafe(32).encode()
        self.conversation = conversation
        self.touched = now


class DuplexPort:
    """Every `initialize` opens a line of its own, which ends with the session: by DELETE, by the
    line's end, or when nobody used it for `idle_timeout` seconds. There are at most `max_sessions`;
    a live one never makes place for another.
    """

    def __init__(self, open_line: OpenLine, *, max_sessions: int, idle_timeout: float) -> None:
        self._open_line = open_line
        self._max_sessions = max_sessions
        self._idle_timeout = idle_timeout
        self._sessions: dict[bytes, _Session] = {}
        self._opening = 0
        self._ending: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def sessions(self) -> int:
        """How many sessions are open."""
        return len(self._sessions)

    async def send(
        self,
        method: str,
        headers: Sequence[Header],
        body: bytes | memoryview | None,
        *,
        path_suffix: str = "",
        timeout: float | None,  # noqa: ASYNC109 - between messages, not around the call
    ) -> StreamResponse | WholeResponse:
        """See `helio.upstream.port.Port`."""
        refusal = refuse_revision(headers)
        if refusal is not None:
            return refusal
        try:
            match method:
                case "POST":
                    return await self._post(headers, bytes(body or b""), timeout)
                case "GET":
                    return self._get(headers, timeout)
                case "DELETE":
                    return self._delete(headers)
                case _:
                    return WholeResponse(405, headers=((b"allow", b"GET, POST, DELETE"),))
        except Refused as refused:
            return refused.response

    async def aclose(self) -> None:
        """See `helio.upstream.port.Port`."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for session in tuple(self._sessions.values()):
            self._end(session, "the upstream was closed")
        while self._ending:
            await asyncio.wait(self._ending)

    async def _post(
        self, headers: Sequence[Header], body: bytes, silence: float | None
    ) -> StreamResponse | WholeResponse:
        message = read_message(body)
        if message.method == "initialize" and find(headers, SESSION_HEADER) is None:
            return await self._initialize(message, headers, silence)
        session = self._session(headers, message.id)
        conversation = session.conversation
        upward = own_headers(headers)
        if message.kind == "request":
            return await conversation.ask(
                message, conversation.party, headers=upward, timeout=silence
            )
        if message.method == CANCELLED:
            await conversation.cancel(message, conversation.party, upward, timeout=silence)
        else:
            await conversation.tell(message, upward, timeout=silence)
        return WholeResponse(202)

    async def _initialize(
        self, message: Message, headers: Sequence[Header], silence: float | None
    ) -> StreamResponse | WholeResponse:
        upward = own_headers(headers)
        session = await self._opened(upward, message.id)

        def settled(answer: Answer | None) -> None:
            if answer is None or answer.error_code is not None:
                self._end(session, "the session did not come about")

        try:
            return await session.conversation.ask(
                message,
                session.conversation.party,
                headers=upward,
                answer_headers=((SESSION_HEADER, session.id),),
                timeout=silence,
                on_settled=settled,
            )
        except BaseException:
            self._end(session, "the session did not come about")
            raise

    async def _opened(self, headers: Sequence[Header], identifier: bytes | None) -> _Session:
        while self._full and self._ending:
            # What is ending takes a moment, and holds its process until then.
            await asyncio.wait(self._ending, return_when=asyncio.FIRST_COMPLETED)
        if self._full:
            detail = f"All {self._max_sessions} sessions with this upstream are in use."
            raise Refused(refusal_of(503, detail, identifier))
        self._opening += 1
        try:
            self._refuse_when_closed()
            line = await self._open_line(headers)
        finally:
            self._opening -= 1
        session = _Session(OwnConversation(line, self._ended), asyncio.get_running_loop().time())
        self._sessions[session.id] = session
        if self._closed:
            self._end(session, "the upstream was closed")
            self._refuse_when_closed()
        self._watch()
        return session

    @property
    def _full(self) -> bool:
        in_use = len(self._sessions) + len(self._ending) + self._opening
        return in_use >= self._max_sessions

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise UpstreamFailed("closed", sent=False, detail="the upstream was closed")

    def _get(self, headers: Sequence[Header], silence: float | None) -> StreamResponse:
        return self._session(headers, None).conversation.listen(silence)

    def _delete(self, headers: Sequence[Header]) -> WholeResponse:
        self._end(self._session(headers, None), "the agent ended the session")
        return WholeResponse(200)

    def _session(self, headers: Sequence[Header], identifier: bytes | None) -> _Session:
        """The session of a request. Raises `Refused`."""
        named = find(headers, SESSION_HEADER)
        if named is None:
            raise Refused(refusal_of(400, "A session is needed: Mcp-Session-Id.", identifier))
        session = self._sessions.get(named)
        if session is None:
            raise Refused(refusal_of(404, "There is no such session.", identifier))
        session.touched = asyncio.get_running_loop().time()
        return session

    def _end(self, session: _Session, why: str) -> None:
        """Ends a session at once for its agent, and its line in the background."""
        self._sessions.pop(session.id, None)
        task = asyncio.create_task(session.conversation.aclose(why))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _ended(self, conversation: Conversation) -> None:
        """A line carries no more: its session is gone, and with it its standing stream."""
        for session in tuple(self._sessions.values()):
            if session.conversation is conversation:
                standing = session.conversation.party.standing
                if standing is not None and conversation.failure is not None:
                    standing.fail(conversation.failure)
                self._end(session, "the session has ended")

    def _watch(self) -> None:
        if self._sweeper is None and self._sessions and not self._closed:
            self._sweeper = asyncio.get_running_loop().call_later(
                min(30.0, self._idle_timeout / 2), self._sweep
            )

    def _sweep(self) -> None:
        self._sweeper = None
        now = asyncio.get_running_loop().time()
        for session in tuple(self._sessions.values()):
            if session.conversation.in_use:
                session.touched = now
            elif now - session.touched >= self._idle_timeout:
                self._end(session, f"nobody used the session for {self._idle_timeout:g} s")
        self._watch()


def read_message(body: bytes) -> Message:
    """The one message of a POST. Raises `Refused` for what the strict envelope refuses."""
    try:
        return parse_message(body)
    except MalformedMessage as error:
        _, code, identifier, detail = error.args
        raise Refused(WholeResponse(400, error_answer(identifier, code, detail))) from None


def refusal_of(status: int, detail: str, identifier: bytes | None) -> WholeResponse:
    """A refusal in the form that streamable HTTP gives it."""
    return WholeResponse(status, error_answer(identifier, INVALID_REQUEST, detail))


def refuse_revision(headers: Sequence[Header]) -> WholeResponse | None:
    """The answer of a server that speaks the legacy revisions only to one that asks in another."""
    version = find(headers, VERSION_HEADER)
    if version is None or version.decode("latin-1") in LEGACY:
        return None
    requested = version[:64].decode("ascii", "backslashreplace")
    data = {"supported": list(LEGACY), "requested": requested}
    detail = "This upstream speaks the revisions with sessions only."
    return WholeResponse(400, error_answer(None, UNSUPPORTED_REVISION, detail, data))


def own_headers(headers: Sequence[Header]) -> list[Header]:
    """The headers without the session, which is this port's and not the other side's."""
    return [header for header in headers if header[0] not in (SESSION_HEADER, b"last-event-id")]
