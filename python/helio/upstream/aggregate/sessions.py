"""The sessions of legacy agents at the aggregate, each with a session at every member.

Above: `helio.upstream.aggregate.routes`, `helio.upstream.aggregate.port`. Below: the members. A
session begins with all members that answer in time; one that does not is left out, and its session
is opened the same way when it is needed.
"""

import asyncio
import contextlib
import logging
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from helio.errors import UpstreamFailed
from helio.evaluator import Message, inspect_answer
from helio.protocol.headers import Header
from helio.protocol.jsonrpc import identity
from helio.protocol.modern.document import raw, text
from helio.upstream.aggregate.member import Member, headers_of
from helio.upstream.aggregate.merge import Described, described
from helio.upstream.messages import (
    ACCEPT_BOTH,
    CONTENT_TYPE,
    PROTOCOL_VERSION,
    SESSION_ID,
    Asked,
    ask,
)
from helio.upstream.port import Response

logger = logging.getLogger(__name__)

MAX_SESSIONS: Final = 10_000
MAX_BYTES: Final = 64 * 1024 * 1024
IDLE_SECONDS: Final = 24 * 3600.0
FAREWELL_SECONDS: Final = 5.0
REMEMBERED: Final = 256
"""How many requests of a session are remembered by the member that got them, for cancellations."""

_NO_CONTENT: Final = 64 * 1024
"""The most bytes that are read of an answer nobody needs."""
_INITIALIZED: Final = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
_NO_HEADER: Final = b"2024-11-05"
"""The revision whose requests do not name it."""
_OF_A_SESSION: Final = (SESSION_ID, PROTOCOL_VERSION, b"last-event-id")
_OF_A_MESSAGE: Final = (b"accept", b"content-type")


class Refused(Exception):
    """A member refused to open a session. `asked` is what it answered."""

    def __init__(self, asked: Asked) -> None:
        super().__init__(f"HTTP {asked.status}")
        self.asked = asked


@dataclass(frozen=True, slots=True)
class Opened:
    """A session at a member: what its requests name, and what the member said of itself."""

    headers: tuple[Header, ...]
    described: Described


@dataclass(slots=True, eq=False, repr=False)
class Session:
    """One agent's session. `initialize` and `level` (None: never set) are the agent's own messages,
    `used` when it was last heard of (the loop's clock).
    """

    initialize: bytes
    used: float
    id: bytes = field(default_factory=lambda: secrets.token_urlsafe(32).encode())
    initialized: bool = False
    ended: bool = False
    end_standing: Callable[[], None] | None = None
    """Ends its standing stream; None while it has none."""
    level: bytes | None = None
    opened: dict[str, Opened] = field(default_factory=dict)
    opening: dict[str, asyncio.Task[Opened]] = field(default_factory=dict)
    plain_uris: set[str] = field(default_factory=set)
    """What the agent subscribed to without a prefix."""
    _asked: OrderedDict[object, tuple[str, ...]] = field(default_factory=OrderedDict)

    def note(self, message: Message, members: Iterable[str]) -> None:
        """Remembers which members get a request."""
        if message.kind != "request" or message.id is None:
            return
        key = identity(message.id)
        self._asked[key] = tuple(members)
        self._asked.move_to_end(key)
        if len(self._asked) > REMEMBERED:
            self._asked.popitem(last=False)

    def asked(self, identifier: bytes) -> tuple[str, ...]:
        """The members that got the latest request with this id, as raw JSON."""
        if identifier[:1] in (b"{", b"["):
            return ()
        return self._asked.get(identity(identifier), ())


class Sessions:
    """All of them. Past `max_sessions` and `MAX_BYTES` those end that were not used for longest,
    and idle ones after `IDLE_SECONDS`: how many there may be is for whoever admits agents.
    """

    def __init__(self, members: Sequence[Member], *, max_sessions: int = MAX_SESSIONS) -> None:
        self._members = {member.name: member for member in members}
        self._max_sessions = max_sessions
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()
        self._bytes = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._sessions)

    def find(self, session_id: bytes) -> Session | None:
        """The session of this id, which is in use now."""
        session = self._sessions.get(session_id)
        if session is not None:
            session.used = asyncio.get_running_loop().time()
            self._sessions.move_to_end(session_id)
        return session

    def add(self, session: Session) -> None:
        """Takes a session that has begun."""
        self._sessions[session.id] = session
        self._bytes += len(session.initialize)
        while (old := next(iter(self._sessions.values()))) is not session:
            full = len(self._sessions) > self._max_sessions or self._bytes > MAX_BYTES
            if not full and session.used - old.used < IDLE_SECONDS:
                return
            if old.end_standing is not None and not full:
                # It listens.
                self.find(old.id)
                continue
            self._forget(old)
            self._soon(self._leave(old, ()))

    async def end(self, session: Session, headers: Sequence[Header]) -> None:
        """Ends it, and what belongs to it at the members, as far as that is soon done."""
        self._forget(session)
        await self._leave(session, headers)

    async def begin(self, session: Session, member: Member, headers: Sequence[Header]) -> Opened:
        """The session at a member, opened if need be.

        Raises `UpstreamFailed` (never `sent`: of the request that needs it nothing was) and
        `Refused`.
        """
        found = session.opened.get(member.name)
        if found is not None:
            return found
        task = session.opening.get(member.name)
        if task is None:
            task = asyncio.create_task(self._open(session, member, headers))
            session.opening[member.name] = task
            task.add_done_callback(lambda done: _landed(session, member.name, done))
        return await asyncio.shield(task)

    async def send(
        self,
        session: Session,
        member: Member,
        method: str,
        headers: Sequence[Header],
        message: Message | None,
        *,
        timeout: float | None,  # noqa: ASYNC109 - between bytes, not around the request
    ) -> Response:
        """One request in the session's name. A member that forgot its session gets it opened anew,
        and the request once more, unless that is a `tools/call` or about what is past.

        Raises `UpstreamFailed` and `Refused`.
        """
        for again in (False, True):
            opened = await self.begin(session, member, headers)
            sent = [*headers_of(member, headers, without=_OF_A_SESSION, modern=False)]
            sent += [header for header in headers if header[0] == b"last-event-id"]
            body = None if message is None else message.body
            response = await member.upstream.send(
                method, [*sent, *opened.headers], body, timeout=timeout
            )
            if response.status != 404:
                return response
            response.close()
            if session.opened.get(member.name) is opened:
                del session.opened[member.name]
            if again or session.ended or (message is not None and not _may_repeat(message)):
                break
        detail = "the upstream had forgotten the session, and this was not sent again"
        raise UpstreamFailed("session_lost", sent=True, detail=detail)

    async def aclose(self) -> None:
        """Ends what is under way."""
        opening = [task for each in self._sessions.values() for task in each.opening.values()]
        tasks = [*opening, *self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _open(self, session: Session, member: Member, headers: Sequence[Header]) -> Opened:
        without = (*_OF_A_SESSION, *_OF_A_MESSAGE)
        own = headers_of(member, headers, without=without, modern=False)
        own += [ACCEPT_BOTH, CONTENT_TYPE]
        try:
            asked = await ask(member.upstream, own, session.initialize, seconds=member.patience)
            opened = self._opened(member, asked)
            within = [*own, *opened.headers]
            for message in (_INITIALIZED if session.initialized else None, session.level):
                if message is not None:
                    await ask(member.upstream, within, message, seconds=member.patience)
        except UpstreamFailed as failure:
            raise UpstreamFailed(failure.reason, sent=False, detail=failure.detail) from None
        if session.ended:
            self._soon(self._end(member, within))
            raise UpstreamFailed("closed", sent=False, detail="the session was ended")
        session.opened[member.name] = opened
        return opened

    def _opened(self, member: Member, asked: Asked) -> Opened:
        answer = inspect_answer(asked.body)
        if answer is None or asked.status != 200 or answer.span("result") is None:
            raise Refused(asked)
        told = described(answer)
        member.capabilities = told.capabilities
        revision = (text(raw(answer, "result", "protocolVersion")) or "").encode()
        headers: list[Header] = []
        session_id = asked.header(SESSION_ID)
        if session_id is not None:
            headers.append((SESSION_ID, session_id))
        if revision not in (b"", _NO_HEADER):
            headers.append((PROTOCOL_VERSION, revision))
        return Opened(tuple(headers), told)

    async def _leave(self, session: Session, headers: Sequence[Header]) -> None:
        every = []
        for name, opened in session.opened.items():
            member = self._members[name]
            own = headers_of(member, headers, without=_OF_A_SESSION, modern=False)
            every.append(self._end(member, [*own, *opened.headers]))
        session.opened = {}
        await asyncio.gather(*every)

    async def _end(self, member: Member, headers: Sequence[Header]) -> None:
        """Ends a session at a member, which may refuse (405) or be gone."""
        if not any(name == SESSION_ID for name, _ in headers):
            return
        try:
            async with asyncio.timeout(FAREWELL_SECONDS):
                sending = member.upstream.send("DELETE", headers, None, timeout=FAREWELL_SECONDS)
                with contextlib.closing(await sending) as response:
                    await response.read(_NO_CONTENT)
        except (TimeoutError, UpstreamFailed) as failure:
            logger.info("a session at %s was left to expire: %r", member.name, failure)

    def _forget(self, session: Session) -> None:
        session.ended = True
        if session.end_standing is not None:
            session.end_standing()
        if self._sessions.pop(session.id, None) is not None:
            self._bytes -= len(session.initialize)

    def _soon(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _landed(session: Session, member: str, task: asyncio.Task[Opened]) -> None:
    del session.opening[member]
    if not task.cancelled():
        task.exception()  # Those who wait get it; there may be none left.


def _may_repeat(message: Message) -> bool:
    return message.kind == "request" and message.method != "tools/call"
