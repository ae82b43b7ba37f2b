"""Ports that speak to one server on one line for all agents.

Above: the stdio upstream (`helio.upstream.child`). Below: `helio.upstream.shared_line`. Both are
`helio.upstream.port.Port`s: one for the legacy revisions, where Helio initializes the server and
gives out sessions of its own, and one for 2026-07-28, which has none.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import orjson

from helio.errors import UpstreamFailed
from helio.evaluator import VERSION, Answer, Message, parse_message
from helio.protocol.headers import Header
from helio.protocol.revisions import LATEST_LEGACY, LEGACY
from helio.upstream.allowance import Allowance
from helio.upstream.conversation import CANCELLED, Conversation, Party
from helio.upstream.duplex import (
    SESSION_HEADER,
    own_headers,
    read_message,
    refusal_of,
    refuse_revision,
)
from helio.upstream.line import Edit, Line, Refused, edited
from helio.upstream.made import StreamResponse, WholeResponse, find
from helio.upstream.messages import Asked
from helio.upstream.shared_line import LegacyConversation, ModernConversation, SharedLine
from helio.upstream.spoken import judged

MAX_SESSIONS: Final = 10_000
"""Sessions of agents on one shared server. They cost little: they have no process of their own."""
INITIALIZE_SECONDS: Final = 30.0

Open = Callable[[], Awaitable[Line]]


@dataclass(slots=True, eq=False)
class _Session:
    """One agent's session on the shared server."""

    conversation: LegacyConversation
    touched: float
    party: Party = field(default_factory=Party)
    id: bytes = field(default_factory=lambda: secrets.token_urlsafe(32).encode())

    @property
    def busy(self) -> bool:
        """Whether somebody waits for what it says."""
        return bool(self.party.requests) or self.party.listening


class _NotInitialized(Exception):
    """The server refuses `initialize`; `answer` is its error."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"the server refuses to initialize: {answer.error_message or ''}")
        self.answer = answer


class SharedPort:
    """One server of a legacy revision for all agents.

    Helio initializes it, without any client capability; agents get the server's own answer to that.
    When the server ends, so do all sessions on it.
    """

    def __init__(self, open_line: Open, *, idle_timeout: float) -> None:
        self._open_line = open_line
        self._idle_timeout = idle_timeout
        self._line = SharedLine(self._begin, idle_timeout)
        self._greeting: Answer | None = None
        self._sessions: dict[bytes, _Session] = {}

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
                    self._forget(self._session(headers, None))
                    return WholeResponse(200)
                case _:
                    return WholeResponse(405, headers=((b"allow", b"GET, POST, DELETE"),))
        except Refused as refused:
            return refused.response

    async def aclose(self) -> None:
        """See `helio.upstream.port.Port`."""
        await self._line.aclose()

    async def _post(
        self, headers: Sequence[Header], body: bytes, silence: float | None
    ) -> StreamResponse | WholeResponse:
        message = read_message(body)
        if message.method == "initialize" and find(headers, SESSION_HEADER) is None:
            return await self._initialize(message, silence)
        session = self._session(headers, message.id)
        if message.method == "initialize":
            raise Refused(refusal_of(400, "The session is initialized already.", message.id))
        if message.kind == "request":
            return await session.conversation.ask(message, session.party, timeout=silence)
        # Of all else only this means one request; the rest would speak for other agents too.
        if message.method == CANCELLED:
            await session.conversation.cancel(message, session.party, timeout=silence)
        return WholeResponse(202)

    async def _initialize(self, message: Message, silence: float | None) -> WholeResponse:
        self._sweep()
        if len(self._sessions) >= MAX_SESSIONS:
            detail = f"All {MAX_SESSIONS} sessions with this upstream are in use."
            raise Refused(refusal_of(503, detail, message.id))
        try:
            conversation = await Allowance(silence).spend(self._line.conversation())
        except _NotInitialized as refused:
            raise Refused(WholeResponse(200, _under(refused.answer, message.id))) from None
        greeting = self._greeting
        if greeting is None or conversation.failure is not None:
            raise UpstreamFailed("closed", sent=False, detail="the server ended meanwhile")
        session = _Session(conversation, asyncio.get_running_loop().time())
        conversation.parties.add(session.party)
        self._sessions[session.id] = session
        return WholeResponse(200, _greeting_for(message, greeting), ((SESSION_HEADER, session.id),))

    def _get(self, headers: Sequence[Header], silence: float | None) -> StreamResponse:
        party = self._session(headers, None).party
        if party.standing is not None:
            party.standing.end()
        party.standing = StreamResponse(timeout=silence)
        return party.standing

    def _session(self, headers: Sequence[Header], identifier: bytes | None) -> _Session:
        named = find(headers, SESSION_HEADER)
        if named is None:
            raise Refused(refusal_of(400, "A session is needed: Mcp-Session-Id.", identifier))
        session = self._sessions.get(named)
        if session is None:
            raise Refused(refusal_of(404, "There is no such session.", identifier))
        session.touched = asyncio.get_running_loop().time()
        return session

    def _forget(self, session: _Session) -> None:
        self._sessions.pop(session.id, None)
        session.conversation.parties.discard(session.party)
        if session.party.standing is not None:
            session.party.standing.end()

    def _sweep(self) -> None:
        now = asyncio.get_running_loop().time()
        for session in tuple(self._sessions.values()):
            if session.busy:
                session.touched = now
            elif now - session.touched >= self._idle_timeout:
                self._forget(session)

    async def _begin(self) -> LegacyConversation:
        """Opens the line and initializes the server (2025-11-25, Lifecycle)."""
        self._greeting = None
        conversation = LegacyConversation(await self._open_line(), self._ended)
        try:
            async with asyncio.timeout(INITIALIZE_SECONDS):
                self._greeting = await _greeted(conversation)
        except TimeoutError:
            await conversation.aclose()
            detail = f"the server did not answer initialize within {INITIALIZE_SECONDS:g} s"
            raise UpstreamFailed("connect_timeout", sent=False, detail=detail) from None
        except UpstreamFailed as failure:
            # Of what the agent asked nothing was sent yet.
            await conversation.aclose()
            raise UpstreamFailed("connect_failed", sent=False, detail=failure.detail) from None
        except BaseException:
            await conversation.aclose()
            raise
        return conversation

    def _ended(self, conversation: Conversation) -> None:
        for session in tuple(self._sessions.values()):
            if session.conversation is conversation:
                standing = session.party.standing
                if standing is not None and conversation.failure is not None:
                    standing.fail(conversation.failure)
                self._forget(session)


class ModernPort:
    """One server of 2026-07-28 for all agents; its line never carries another revision's message,
    because a server takes the revision of the first for all that follow (2026-07-28, Transports).
    """

    def __init__(self, open_line: Open, *, idle_timeout: float) -> None:
        self._open_line = open_line
        self._line = SharedLine(self._begin, idle_timeout)

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
        if method != "POST":
            return WholeResponse(405, headers=((b"allow", b"POST"),))
        try:
            message = read_message(bytes(body or b""))
            if message.kind != "request":
                # An agent leaves a stream to cancel it, and has nothing else to tell.
                return WholeResponse(202)
            conversation = await Allowance(timeout).spend(self._line.conversation())

            def settled(answer: Answer | None) -> None:
                refused = answer is not None and not _speaks_modern(answer)
                if refused and not conversation.in_use:
                    self._line.end(conversation, "the server speaks no 2026-07-28")

            asks_what_it_speaks = message.method == "server/discover"
            return await conversation.ask(
                message,
                Party(),
                headers=own_headers(headers),
                timeout=timeout,
                on_settled=settled if asks_what_it_speaks else None,
            )
        except Refused as refused:
            return refused.response

    async def aclose(self) -> None:
        """See `helio.upstream.port.Port`."""
        await self._line.aclose()

    async def _begin(self) -> ModernConversation:
        return ModernConversation(await self._open_line(), _unheard)


def _speaks_modern(discovered: Answer) -> bool:
    try:
        return judged(Asked(200, (), discovered.body)).modern is True
    except UpstreamFailed:
        return False


def _unheard(conversation: Conversation) -> None:
    """Nothing stands on a line of 2026-07-28 but its requests, which have been told."""


async def _greeted(conversation: LegacyConversation) -> Answer:
    """Helio's own handshake; gives the server's answer to `initialize`."""
    params = {
        "protocolVersion": LATEST_LEGACY,
        "capabilities": {},
        "clientInfo": {"name": "helio", "version": VERSION},
    }
    greeting = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
    answered: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
    stream = await conversation.ask(
        parse_message(orjson.dumps(greeting)),
        Party(),
        timeout=None,
        on_settled=answered.set_result,
    )
    # Read to its end, because an end of the line is told here.
    await stream.read(_GREETING_LIMIT)
    answer = await answered
    if answer is not None and answer.error_code is not None:
        raise _NotInitialized(answer)
    if answer is None or answer.span("result") is None:
        raise UpstreamFailed("protocol_error", sent=False, detail="the server did not initialize")
    ready = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
    await conversation.tell(parse_message(ready), timeout=None)
    return answer


_GREETING_LIMIT: Final = 16 * 1024 * 1024


def _greeting_for(message: Message, greeting: Answer) -> bytes:
    """The server's answer to `initialize` as this agent gets it: with its own id, and with the
    revision that it asked for when that is one with sessions: what an older agent does not know
    it does not use.
    """
    edits: list[Edit] = []
    wanted = message.span("params", "protocolVersion")
    given = greeting.span("result", "protocolVersion")
    if wanted is not None and given is not None:
        revision = message.body[slice(*wanted)]
        if revision.strip(b'"').decode("utf-8", "replace") in LEGACY:
            edits.append((*given, revision))
    return _under(greeting, message.id, *edits)


def _under(answer: Answer, identifier: bytes | None, *edits: Edit) -> bytes:
    """The server's answer with the agent's own id."""
    span = answer.span("id")
    own = () if span is None else ((*span, identifier or b"null"),)
    return edited(answer.body, (*own, *edits))
