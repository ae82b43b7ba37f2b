"""One agent's connection over a door that has its own framing, played towards the reception as a
client of streamable HTTP would.

Above: the SSE and the stdio door. Below: `helio.transport.asked` (one request),
`helio.transport.inbound`, `helio.protocol`. The door hands in whole messages as they come (`take`)
and gets whole messages to pass on (`send`); the channel keeps the session, the revision and the
standing stream (2025-11-25, Transports, Streamable HTTP).
"""

import asyncio
import contextlib
import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from helio.evaluator import MalformedMessage, Message, parse_message
from helio.protocol import modern, revisions
from helio.protocol.headers import Header
from helio.protocol.jsonrpc import INTERNAL_ERROR, INVALID_REQUEST, identity
from helio.protocol.modern.document import text
from helio.transport.asked import Asked
from helio.transport.inbound import Inbound, Reply, Whole

logger = logging.getLogger(__name__)

MAX_REQUESTS: Final = 256
"""Requests of one connection that may be under way at once."""
ROOM_SECONDS: Final = 10.0
"""How long a further request may wait for room. The wait is bounded because what would make room
may be a message behind it: the agent's answer to a question of the upstream."""
RECEIPT_SECONDS: Final = 0.5
"""How long the receipt of a notification or a response is waited for before the next message is
taken: an upstream that does not give one must not keep the agent's calls waiting."""
OPENING_SECONDS: Final = 0.5
"""How long the first standing stream may take to open before the next message is taken, so that
nothing is missed that the upstream says on its own."""
RETRY_SECONDS: Final = 1.0
LEAST_RETRY_SECONDS: Final = 0.05
LAST_RETRY_SECONDS: Final = 30.0
"""How long to wait before a standing stream is opened again: the first time, unless the upstream
says it (`retry`), at least, and at most."""
PARTING_SECONDS: Final = 5.0
"""How long the end of the upstream's session may take."""
_MAY_STAND_LATER: Final = frozenset((408, 409, 425, 429, 500, 502, 503, 504))
"""Statuses that do not say that there is no standing stream, only that there is none now."""

Send = Callable[[bytes], Awaitable[None]]
"""Gives the agent one message, on one line. Returns when there is room for the next."""


class Receives(Protocol):
    """The part of `helio.transport.reception.Reception` that a channel needs."""

    async def handle(self, inbound: Inbound) -> Reply:
        """Answers one request; a stream that is returned has been written to its end."""

    def parameters(self, target: str | None, tool: str) -> modern.Parameters | None:
        """The arguments of a tool that are mirrored in headers (2026-07-28)."""


class AgentChannel:
    """One MCP connection of an agent.

    `agent` is who it proved to be. `headers` are what the door knows of it, with names in lower
    case (session identity, `authorization`, `x-*`); they go with every request. `identifier` names
    the connection unguessably.
    """

    def __init__(
        self,
        reception: Receives,
        target: str | None,
        send: Send,
        *,
        agent: str | None = None,
        headers: Sequence[Header] = (),
    ) -> None:
        self.identifier = secrets.token_urlsafe(24)
        self._reception = reception
        self._target = target
        self._send = send
        self._agent = agent
        self._headers = tuple(headers)
        self._session: bytes | None = None
        self._revision: bytes | None = None
        self._room = asyncio.Semaphore(MAX_REQUESTS)
        self._asked: dict[Asked, asyncio.Task[None]] = {}
        self._told: dict[Asked, asyncio.Task[None]] = {}
        self._standing: asyncio.Task[None] | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False

    async def take(self, body: bytes, headers: Sequence[Header] = ()) -> None:
        """Takes one message of the agent; call it for one after the other.

        Returns once the next may be taken: a request is then under way, anything else (and an
        `initialize`, which gives the session) is done, or its receipt keeps the agent waiting.
        `headers` are this message's own; they stand in place of the connection's of the same name.
        """
        if self._closed:
            return
        try:
            message = parse_message(body)
        except MalformedMessage:
            # The reception says what is wrong, and records it.
            await self._tell(body, headers, None)
            return
        if message.kind == "request":
            await self._begin(message, headers)
        elif not self._gave_up(message):
            await self._tell(body, headers, message)
            if message.method == "notifications/initialized" and self._standing is None:
                await self._stand(headers)

    def stop_listening(self) -> None:
        """Ends the requests that only end when the agent wants it (`subscriptions/listen`)."""
        for asked in tuple(self._asked):
            if asked.method == "subscriptions/listen":
                asked.leave()

    async def finish(self, seconds: float) -> bool:
        """Waits until no request is under way, at most `seconds`; whether that was so."""
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def close(self, seconds: float) -> None:
        """The agent is gone: nothing is sent any more, and the upstream's session ends.

        Calls under way may take `seconds` to come to their outcome; in the revisions where a
        disconnect cancels, they end at once.
        """
        if self._closed:
            return
        self._closed = True
        await self._end_standing()
        for asked in tuple(self._asked):
            asked.leave()
        for told in tuple(self._told):
            told.leave()
        finished = await self.finish(seconds)
        if self._told:
            await asyncio.wait(self._told.values(), timeout=RECEIPT_SECONDS)
        await _ended(tuple(self._told.values()))
        await self._end_session()
        if not finished and not await self.finish(PARTING_SECONDS):
            logger.warning("%d requests of a connection did not end", len(self._asked))
            await _ended(tuple(self._asked.values()))

    # what the agent sends

    async def _begin(self, message: Message, headers: Sequence[Header]) -> None:
        own = self._modern_headers(message)
        asked = self._make(message, is_modern=own is not None)
        if message.method == "initialize" and own is None:
            await self._forget_session()
        if not await self._has_room():
            text = f"More than {MAX_REQUESTS} requests are under way on this connection."
            await asked.fail(INVALID_REQUEST, "too_many_requests", text)
            return
        inbound = self._inbound("POST", asked, headers, message.body, own)
        self._idle.clear()
        task = asyncio.ensure_future(self._carry(asked, inbound))
        self._asked[asked] = task
        task.add_done_callback(lambda _: self._done(asked))
        if message.method == "initialize":
            # It gives the session that every later message needs.
            await asyncio.wait({task})

    async def _has_room(self) -> bool:
        try:
            async with asyncio.timeout(ROOM_SECONDS):
                await self._room.acquire()
        except TimeoutError:
            return False
        return True

    def _done(self, asked: Asked) -> None:
        del self._asked[asked]
        self._room.release()
        if not self._asked:
            self._idle.set()

    async def _tell(self, body: bytes, headers: Sequence[Header], message: Message | None) -> None:
        """What is no request: it gets no answer, unless it was not understood (`message` None)."""
        own = None if message is None else self._modern_headers(message)
        asked = self._make(is_modern=own is not None, mute=message is not None)
        task = asyncio.ensure_future(
            self._carry(asked, self._inbound("POST", asked, headers, body, own))
        )
        self._told[asked] = task
        task.add_done_callback(lambda _: self._told.pop(asked))
        await asyncio.wait({task}, timeout=None if message is None else RECEIPT_SECONDS)

    async def _carry(self, asked: Asked, inbound: Inbound) -> None:
        """One POST, to its end."""
        try:
            await asked.take(await self._reception.handle(inbound))
        except Exception:
            logger.exception("a message of a connection failed inside Helio")
            await asked.fail(INTERNAL_ERROR, "internal_error", "Helio could not carry this out.")

    def _gave_up(self, message: Message) -> bool:
        """Whether this gives up a request of a revision that knows no such message over HTTP: there
        the agent closes the request's connection (2026-07-28, Cancellation).
        """
        if message.method != "notifications/cancelled":
            return False
        params = json.loads(message.body).get("params")
        wanted = params.get("requestId") if isinstance(params, dict) else None
        for asked in self._asked:
            if asked.is_modern and asked.identifier and identity(asked.identifier) == wanted:
                asked.leave(gave_up=True)
                return True
        return False

    # the upstream's own stream

    async def _stand(self, headers: Sequence[Header]) -> None:
        """Begins to hold the standing stream, and gives it a moment to open."""
        opened = asyncio.Event()
        self._standing = asyncio.ensure_future(self._hold_standing(headers, opened))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(OPENING_SECONDS):
                await opened.wait()

    async def _hold_standing(self, headers: Sequence[Header], opened: asyncio.Event) -> None:
        place: bytes | None = None
        pause = RETRY_SECONDS
        try:
            while True:
                asked = self._make(opened=opened.set)
                own = headers if place is None else (*headers, (b"last-event-id", place))
                reply = await self._reception.handle(self._inbound("GET", asked, own, b"", None))
                opened.set()
                if isinstance(reply, Whole) and reply.status not in _MAY_STAND_LATER:
                    return
                place = asked.last_event_id or place
                if asked.retry_milliseconds is not None:
                    pause = max(asked.retry_milliseconds / 1000, LEAST_RETRY_SECONDS)
                elif asked.passed_on:
                    pause = RETRY_SECONDS
                await asyncio.sleep(pause)
                pause = min(2 * pause, LAST_RETRY_SECONDS)
        except Exception:
            logger.exception("a standing stream failed inside Helio")
        finally:
            opened.set()

    async def _end_standing(self) -> None:
        standing, self._standing = self._standing, None
        if standing is not None:
            standing.cancel()
            await asyncio.wait({standing})

    async def _forget_session(self) -> None:
        """Ends what an agent leaves that begins anew on the same connection."""
        await self._end_standing()
        await self._end_session()
        self._session = self._revision = None

    async def _end_session(self) -> None:
        if self._session is None:
            return
        asked = self._make(mute=True)
        inbound = self._inbound("DELETE", asked, (), b"", None)
        try:
            async with asyncio.timeout(PARTING_SECONDS):
                await self._reception.handle(inbound)
        except TimeoutError:
            logger.info("an upstream did not end a session within %s s", PARTING_SECONDS)

    # what is asked in the agent's name

    def _make(
        self,
        message: Message | None = None,
        *,
        is_modern: bool = False,
        mute: bool = False,
        opened: Callable[[], None] | None = None,
    ) -> Asked:
        return Asked(
            send=self.give,
            agent=self._agent,
            channel=self.identifier,
            message=message,
            is_modern=is_modern,
            mute=mute,
            streams=opened,
            initialized=self._initialized,
        )

    def _inbound(
        self,
        method: str,
        asked: Asked,
        headers: Sequence[Header],
        body: bytes,
        own: Sequence[Header] | None,
    ) -> Inbound:
        """One request as a client would send it. `own` are the headers of a message that needs no
        session."""
        named = {name for name, _ in headers}
        sent = [header for header in self._headers if header[0] not in named]
        sent += headers
        if method == "POST":
            sent.append((b"content-type", b"application/json"))
        accepted = (
            b"text/event-stream" if method == "GET" else b"application/json, text/event-stream"
        )
        sent.append((b"accept", accepted))
        if own is not None:
            sent += own
        elif asked.method != "initialize":
            if self._session is not None:
                sent.append((b"mcp-session-id", self._session))
            if self._revision is not None:
                sent.append((b"mcp-protocol-version", self._revision))
        return Inbound(method, self._target, sent, body, asked)

    def _modern_headers(self, message: Message) -> list[Header] | None:
        """The headers of a message that says its revision in its body, as those of 2026-07-28 do;
        None for any other, and for one that says there what its session speaks anyway."""
        claim = modern.claimed(message)
        if claim is None or revisions.is_legacy(text(claim)):
            return None
        tool = message.tool
        mirrored = None if tool is None else self._reception.parameters(self._target, tool)
        return modern.headers_for(message, mirrored)

    def _initialized(self, session: bytes | None, revision: bytes | None) -> None:
        """What the answer to `initialize` says. 2024-11-05 had no header for the revision."""
        self._session = session
        self._revision = None if revision == b"2024-11-05" else revision

    async def give(self, message: bytes) -> None:
        """Gives the agent a message, as long as it is there."""
        if not self._closed:
            await self._send(message)


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Ends what is still under way."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
