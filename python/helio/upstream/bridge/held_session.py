"""A session of a legacy upstream that Helio holds for 2026-07-28 agents, who have none.

Above: `helio.upstream.bridge.modern_agent`, which keeps these. Below: the upstream's port.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

import orjson

from helio.errors import UpstreamFailed
from helio.evaluator import VERSION, Answer, inspect_answer
from helio.protocol.headers import Header
from helio.protocol.jsonrpc import METHOD_NOT_FOUND, error_answer, identity, result_answer
from helio.protocol.media import EVENT_STREAM
from helio.protocol.revisions import LEGACY
from helio.upstream.bridge.bridged_call import QUESTIONS, BridgedCall, Round
from helio.upstream.bridge.envelope import LEVELS, Envelope
from helio.upstream.bridge.splicing import members_of, raw, rebuilt
from helio.upstream.messages import (
    ACCEPT_BOTH,
    CONTENT_TYPE,
    PROTOCOL_VERSION,
    SESSION_ID,
    Asked,
    ask,
    events,
    is_event_stream,
)
from helio.upstream.port import Port, Response

logger = logging.getLogger(__name__)

OPEN_SECONDS: Final = 30.0
STANDING_SECONDS: Final = 1.0
"""How long to wait for the standing stream before the first request goes without it."""
LEAST_PAUSE: Final = 0.25
MOST_PAUSE: Final = 30.0
OWN_INFO: Final = orjson.dumps({"name": "helio", "version": VERSION})
"""Who asks when the agent does not say who it is."""

_FAREWELL_SECONDS: Final = 2.0
_LIMIT: Final = 1024 * 1024


class HeldSession:
    """One legacy session. `open` it before anything else; `on_dead` is called when it is lost.

    `capabilities`, `server_info` and `instructions` (None without any) are what the server said of
    itself, as raw JSON.
    """

    def __init__(
        self,
        port: Port,
        headers: Sequence[Header],
        envelope: Envelope,
        *,
        revision: str,
        on_dead: Callable[["HeldSession"], None],
    ) -> None:
        self._port = port
        self._callers_headers = tuple(headers)
        self._envelope = envelope
        self._on_dead = on_dead
        self._headers: tuple[Header, ...] = ()
        self._calls: dict[int, BridgedCall] = {}
        self._last_number = 0
        self._level: str | None = None
        self._listeners: dict[Callable[[Answer], None], Callable[[], None]] = {}
        self._uris: Counter[bytes] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._standing: asyncio.Task[None] | None = None
        self._offered = {name for name, *_ in members_of(envelope.capabilities)}
        self.revision = revision
        self.capabilities = b"{}"
        self.server_info: bytes | None = None
        self.instructions: bytes | None = None
        self.users = 0
        self.dead = False

    async def open(self) -> Asked | None:
        """Shakes hands. None, or the answer of an upstream that refuses. Raises
        `UpstreamFailed`."""
        self._headers = (*self._callers_headers, ACCEPT_BOTH, CONTENT_TYPE)
        params = b'{"protocolVersion":"%b","capabilities":%b,"clientInfo":%b}' % (
            self.revision.encode(),
            self._envelope.capabilities,
            self._envelope.info or OWN_INFO,
        )
        asked = await self._ask("initialize", params)
        if asked.status != 200 or asked.result is None:
            return asked
        revision = asked.result.get("protocolVersion")
        if revision not in LEGACY:
            detail = f"the upstream speaks an unknown revision: {str(revision)[:64]!r}"
            raise UpstreamFailed("protocol_error", sent=True, detail=detail)
        self.revision = str(revision)
        self._learn(asked)
        session_id = asked.header(SESSION_ID)
        if session_id is not None:
            self._headers += ((SESSION_ID, session_id),)
        self._headers += ((PROTOCOL_VERSION, self.revision.encode()),)
        await self.tell(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
        ready = asyncio.Event()
        self._standing = self.in_background(self._stand(ready))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STANDING_SECONDS):
                await ready.wait()
        return None

    def offers(self, capability: str) -> bool:
        """Whether the agents of this session have a capability."""
        return capability in self._offered

    def call(
        self,
        body: Callable[[int], bytes],
        first: Round,
        complete: Callable[[Answer, bytes], bytes],
    ) -> BridgedCall:
        """Begins a call; `body` makes what is sent out of its number."""
        number = self._number()
        call = BridgedCall(self, number, body(number), first, complete)
        self._calls[number] = call
        self.users += 1
        return call

    def left(self, call: BridgedCall) -> None:
        """A call is over."""
        if self._calls.pop(call.number, None) is not None:
            self.users -= 1

    async def want_level(self, level: str | None) -> None:
        """Has the server send log messages of `level` and above."""
        if level is None or b'"logging"' not in self.capabilities:
            return
        if self._level is not None and LEVELS.index(self._level) <= LEVELS.index(level):
            return
        await self._ask("logging/setLevel", orjson.dumps({"level": level}))
        self._level = level

    async def subscribe(self, uri: bytes) -> bool:
        """Subscribes to a resource, given by the raw JSON of its URI; whether the server does."""
        self._uris[uri] += 1
        if self._uris[uri] > 1:
            return True
        asked = await self._ask("resources/subscribe", b'{"uri":%b}' % uri)
        return asked.result is not None

    def unsubscribe_later(self, uri: bytes) -> None:
        """Takes one subscription back."""
        self._uris[uri] -= 1
        if self._uris[uri] > 0:
            return
        del self._uris[uri]
        body = _request(self._number(), "resources/unsubscribe", b'{"uri":%b}' % uri)
        self.tell_later(body)

    def listen(self, hear: Callable[[Answer], None], lost: Callable[[], None]) -> None:
        """Gives `hear` every notification about changes, and calls `lost` when the session is."""
        self._listeners[hear] = lost
        self.users += 1

    def unlisten(self, hear: Callable[[Answer], None]) -> None:
        """Ends `listen`."""
        if self._listeners.pop(hear, None) is not None:
            self.users -= 1

    def announce(self, message: Answer) -> None:
        """Passes a notification about changes to those who listen."""
        for hear in tuple(self._listeners):
            hear(message)

    async def send(
        self,
        method: str,
        body: bytes | None,
        extra: Sequence[Header] = (),
        *,
        timeout: float | None,  # noqa: ASYNC109 - between bytes, not around the call
    ) -> Response:
        """Sends within the session; `extra` headers replace its own of the same name."""
        names = {name for name, _ in extra} | ({b"content-type"} if body is None else set())
        headers = [*(each for each in self._headers if each[0] not in names), *extra]
        return await self._port.send(method, headers, body, timeout=timeout)

    async def tell(self, body: bytes) -> None:
        """Sends what needs no answer. Raises `UpstreamFailed`."""
        response = await self.send("POST", body, timeout=OPEN_SECONDS)
        try:
            if response.status == 404:
                self.die()
        finally:
            response.close()

    def tell_later(self, body: bytes) -> None:
        """As `tell`, in the background; the log has what became of it when it failed."""
        if not self.dead:
            self.in_background(self._tell_quietly(body))

    def in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Does something that ends with the session."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def die(self) -> None:
        """The upstream knows the session no more."""
        if self.dead:
            return
        self.dead = True
        self._on_dead(self)
        for lost in tuple(self._listeners.values()):
            lost()

    async def end(self) -> None:
        """Ends the session at the upstream, which may refuse (405) or be gone."""
        known = not self.dead
        self.die()
        for call in tuple(self._calls.values()):
            call.give_up("Helio ends the session")
        tasks = tuple(self._tasks)
        if self._standing is not None:
            self._standing.cancel()
        try:
            async with asyncio.timeout(_FAREWELL_SECONDS):
                await asyncio.gather(*tasks, return_exceptions=True)
                if known and any(name == SESSION_ID for name, _ in self._headers):
                    response = await self.send("DELETE", None, timeout=_FAREWELL_SECONDS)
                    await response.read(_LIMIT)
        except (TimeoutError, UpstreamFailed) as failure:
            logger.info("a held session was left to expire: %r", failure)
            for task in tasks:
                task.cancel()

    def _number(self) -> int:
        self._last_number += 1
        return self._last_number

    async def _ask(self, method: str, params: bytes) -> Asked:
        body = _request(self._number(), method, params)
        asked = await ask(self._port, self._headers, body, seconds=OPEN_SECONDS)
        if asked.status == 404 and method != "initialize":
            self.die()
        return asked

    def _learn(self, asked: Asked) -> None:
        told = inspect_answer(asked.body)
        if told is None:
            return
        # Tasks of 2025-11-25 have no counterpart in later revisions' core.
        self.capabilities = rebuilt(told, ("tasks",), {}, "result", "capabilities")
        self.server_info = raw(told, "result", "serverInfo")
        self.instructions = raw(told, "result", "instructions")

    async def _stand(self, ready: asyncio.Event) -> None:
        """Keeps the session's own stream open: what the server says of itself comes there."""
        pause, place = LEAST_PAUSE, None
        while not self.dead:
            try:
                extra: list[Header] = [(b"accept", EVENT_STREAM.encode())]
                if place is not None:
                    extra.append((b"last-event-id", place))
                stream = await self.send("GET", None, extra, timeout=None)
                if not is_event_stream(stream):
                    stream.close()
                    if stream.status == 404:
                        self.die()
                    return
                ready.set()
                async with contextlib.aclosing(events(stream)) as received:
                    async for event in received:
                        pause = LEAST_PAUSE
                        place = event.id if event.id is not None else place
                        if event.data:
                            self._hear(event.data)
            except UpstreamFailed as failure:
                logger.info("a held session's stream broke: %s", failure)
            finally:
                ready.set()
            await asyncio.sleep(pause)
            pause = min(pause * 2, MOST_PAUSE)

    def _hear(self, text: bytes) -> None:
        """Sorts what came on the session's own stream."""
        message = inspect_answer(text)
        if message is None:
            return
        call = self._call_of(message)
        if message.kind == "request" and message.id is not None:
            self._asked(message, message.id, call)
        elif message.kind == "notification" and message.method == "notifications/cancelled":
            question = raw(message, "params", "requestId")
            for each in tuple(self._calls.values()) if question is not None else ():
                each.withdraw(question or b"null")
        elif call is not None:
            call.hear(text)
        elif message.kind == "notification":
            self.announce(message)

    def _asked(self, message: Answer, identifier: bytes, call: BridgedCall | None) -> None:
        method = message.method or ""
        if method == "ping":
            self.tell_later(result_answer(identifier, {}))
        elif call is not None and method in QUESTIONS:
            call.hear(message.body)
        else:
            # Without a call, or with several, nobody can tell which agent it is meant for.
            why = f"{method[:64]} is not asked outside a call"
            self.tell_later(error_answer(identifier, METHOD_NOT_FOUND, why))

    def _call_of(self, message: Answer) -> BridgedCall | None:
        """The call that a message on the session's own stream belongs to."""
        responds = message.kind == "response"
        told = message.id if responds else raw(message, "params", "progressToken")
        if told is not None:
            number = identity(told)
            return self._calls.get(number) if isinstance(number, int) else None
        if message.kind == "request" or message.method == "notifications/message":
            return next(iter(self._calls.values())) if len(self._calls) == 1 else None
        return None

    async def _tell_quietly(self, body: bytes) -> None:
        try:
            await self.tell(body)
        except UpstreamFailed as failure:
            logger.info("a held session could not be told something: %s", failure)


def _request(number: int, method: str, params: bytes) -> bytes:
    return b'{"jsonrpc":"2.0","id":%d,"method":"%b","params":%b}' % (
        number,
        method.encode(),
        params,
    )
