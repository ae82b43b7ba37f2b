"""A request of a 2026-07-28 agent under way in a legacy session, over all its rounds.

What the server asks meanwhile ends a round; the agent's retry begins the next one, and the call
itself goes on all the time (2026-07-28, Multi Round-Trip Requests).

Above: `helio.upstream.bridge.modern_agent`. Below: its session (`held_session`), which also hands
in what comes for this call on the session's own stream.
"""

import asyncio
import contextlib
import logging
import secrets
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson

from helio.errors import UpstreamFailed
from helio.evaluator import Answer, inspect_answer
from helio.protocol.headers import Header
from helio.protocol.jsonrpc import METHOD_NOT_FOUND, error_answer, identity, result_answer
from helio.protocol.media import EVENT_STREAM
from helio.protocol.sse import Event
from helio.upstream.bridge.envelope import level_of, severe_enough, status_of, under
from helio.upstream.bridge.splicing import Edits, raw
from helio.upstream.made import BUFFER_LIMIT
from helio.upstream.messages import MESSAGE_LIMIT, Asked, events, is_event_stream
from helio.upstream.port import Response

if TYPE_CHECKING:
    from helio.upstream.bridge.held_session import HeldSession

logger = logging.getLogger(__name__)

PATIENCE_SECONDS: Final = 3600.0
"""How long one call may take as a whole answer's head goes; silence is watched by the reader."""
RETRY_SECONDS: Final = 1.0
LEAST_RETRY_SECONDS: Final = 0.05
GRACE_SECONDS: Final = 0.05
"""How long an agent that has not taken what it has is waited for, once in a call."""
FINISH_SECONDS: Final = 1.0
"""How long an upstream may take to end a stream that it has answered on."""

QUESTIONS: Final = {
    "sampling/createMessage": "sampling",
    "elicitation/create": "elicitation",
    "roots/list": "roots",
}
"""What a server may ask a client, and the capability that the client needs for it."""


@dataclass(frozen=True, slots=True)
class Note:
    """A notification for the agent."""

    message: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer; `status` is what the HTTP answer has when it is nothing but this."""

    status: int
    message: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """The upstream's HTTP answer, which holds no JSON-RPC answer to the call."""

    answer: Asked


@dataclass(frozen=True, slots=True)
class Questions:
    """What the server wants to know, by the key that its answer will have."""

    requests: dict[str, bytes]


Step = Note | Answered | Refused | Questions


@dataclass(slots=True)
class Round:
    """What one request of the agent says about this call: raw id and progress token, log level."""

    identifier: bytes
    progress_token: bytes | None
    log_level: str | None


class BridgedCall:
    """One call. `number` is its id and progress token in the session; `body` is what is sent."""

    def __init__(
        self,
        session: "HeldSession",
        number: int,
        body: bytes,
        first: Round,
        complete: Callable[[Answer, bytes], bytes],
    ) -> None:
        self.session = session
        self.number = number
        self.round = first
        self._body = body
        self._complete = complete
        self._inbox: deque[bytes | Refused | UpstreamFailed | None] = deque()
        self._held = 0
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._slow = False
        self._open: dict[str, bytes] = {}
        self._asking: dict[str, bytes] = {}
        self._finished = False
        self._task = session.in_background(self._run())

    @property
    def finished(self) -> bool:
        """Whether it has its answer, or was given up."""
        return self._finished

    @property
    def open_questions(self) -> dict[str, bytes]:
        """Raw ids of the server's requests that wait for the agent, by key."""
        return self._open

    def hear(self, message: bytes) -> None:
        """Takes a message that came on the session's own stream."""
        self._put(message)

    def withdraw(self, question: bytes) -> None:
        """The server does not want to know any more; `question` is its request's raw id."""
        gone = [key for key, asked in self._open.items() if identity(asked) == identity(question)]
        for key in gone:
            del self._open[key]
            self._asking.pop(key, None)

    async def step(self) -> Step:
        """What happens next. Raises `UpstreamFailed` when nothing will."""
        if self._open and not self._inbox:
            # The agent's retry left some of what was asked open.
            return Questions(dict(self._asking))
        while not self._finished:
            while self._inbox:
                step = self._next()
                if step is not None:
                    return step
            self._changed.clear()
            await self._changed.wait()
        raise UpstreamFailed("closed", sent=True, detail="the call was given up")

    async def answer(self, responses: dict[str, bytes]) -> None:
        """Gives the server what the agent says, raw results by key; unknown keys are nothing."""
        for key, result in responses.items():
            question = self._open.pop(key, None)
            self._asking.pop(key, None)
            if question is not None:
                await self.session.tell(
                    b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (question, result)
                )

    def give_up(self, reason: str) -> None:
        """Nobody waits for it any more: the server is told, and what it asked is refused."""
        if self._finished:
            return
        self._finish()
        self._task.cancel()
        self._inbox.clear()
        self._changed.set()
        self._refuse_open(reason)
        told = orjson.dumps(
            {
                "jsonrpc": "2.0",
                "method": "notifications/cancelled",
                "params": {"requestId": self.number, "reason": reason},
            }
        )
        self.session.tell_later(told)

    def _refuse_open(self, reason: str) -> None:
        for question in self._open.values():
            self.session.tell_later(error_answer(question, -1, reason))
        self._open.clear()
        self._asking.clear()

    def _finish(self) -> None:
        self._finished = True
        self._room.set()
        self.session.left(self)

    def _next(self) -> Step | None:
        """What the oldest message in hand means, None when it is nothing for the agent."""
        item = self._inbox.popleft()
        if isinstance(item, bytes):
            self._held -= len(item)
            if self._held < BUFFER_LIMIT:
                self._room.set()
            return self._meaning(item)
        self._finish()
        self._refuse_open("the call is over")
        if isinstance(item, Refused):
            return item
        if isinstance(item, UpstreamFailed):
            raise item
        detail = "the event stream ended without an answer"
        raise UpstreamFailed("closed", sent=True, detail=detail)

    def _meaning(self, text: bytes) -> Step | None:
        message = inspect_answer(text)
        if message is None:
            return None
        if message.kind == "response":
            return self._answered(message)
        if message.kind == "notification":
            told = self._told(message)
            return None if told is None else Note(told)
        return self._asked(message)

    def _answered(self, message: Answer) -> Step | None:
        if not self._is_answered_by(message):
            return None
        self._finish()
        self._refuse_open("the call is over")
        status = status_of(message.error_code) or 200
        return Answered(status, self._complete(message, self.round.identifier))

    def _told(self, message: Answer) -> bytes | None:
        if message.method == "notifications/progress":
            token = self.round.progress_token
            if token is None:
                return None
            return Edits(message).replace(token, "params", "progressToken").applied()
        if message.method == "notifications/message":
            level = level_of(raw(message, "params", "level"))
            return message.body if severe_enough(level, self.round.log_level) else None
        if message.method == "notifications/cancelled":
            question = raw(message, "params", "requestId")
            if question is not None:
                self.withdraw(question)
            return None
        self.session.announce(message)
        return None

    def _asked(self, message: Answer) -> Step | None:
        identifier = message.id
        if identifier is None:
            return None
        if not self._take_question(message, identifier):
            return None
        while self._inbox and isinstance(self._inbox[0], bytes):
            following = inspect_answer(self._inbox[0])
            if following is None or following.kind != "request" or following.id is None:
                break
            self._inbox.popleft()
            self._held -= len(following.body)
            self._take_question(following, following.id)
        return Questions(dict(self._asking))

    def _take_question(self, message: Answer, identifier: bytes) -> bool:
        """Notes a request of the server for the agent; what no agent can answer is answered."""
        method = message.method or ""
        if method == "ping":
            self.session.tell_later(result_answer(identifier, {}))
            return False
        capability = QUESTIONS.get(method)
        if capability is None or not self.session.offers(capability):
            refusal = error_answer(identifier, METHOD_NOT_FOUND, f"the agent has no {method[:64]}")
            self.session.tell_later(refusal)
            return False
        key = f"{capability}-{secrets.token_hex(4)}"
        params = raw(message, "params")
        members = b'"method":%b' % orjson.dumps(method)
        if params is not None:
            members += b',"params":' + params
        self._open[key] = identifier
        self._asking[key] = b"{" + members + b"}"
        return True

    def _put(self, item: bytes | Refused | UpstreamFailed | None) -> None:
        if self._finished:
            return
        self._inbox.append(item)
        if isinstance(item, bytes):
            self._held += len(item)
            if self._held >= BUFFER_LIMIT:
                self._room.clear()
        self._changed.set()

    async def _run(self) -> None:
        """Sends the call and takes in all that comes, until its answer."""
        try:
            response = await self.session.send("POST", self._body, timeout=PATIENCE_SECONDS)
            if not is_event_stream(response):
                self._put(await self._whole(response))
                return
            place: bytes | None = None
            stream: Response | None = response
            while stream is not None:
                answered, place, pause = await self._follow(stream, place)
                if answered:
                    return
                stream = await self._resume(place, pause)
            self._put(None)
        except UpstreamFailed as failure:
            self._put(failure)

    async def _whole(self, response: Response) -> bytes | Refused:
        body = await response.read(MESSAGE_LIMIT)
        message = inspect_answer(body)
        if message is None or message.kind != "response" or response.status == 404:
            return Refused(Asked(response.status, response.headers, body))
        if message.id is None or identity(message.id) is None:
            # An error about a request whose id the server did not get to read.
            return under(message, b"%d" % self.number)
        if not self._is_answered_by(message):
            detail = "the upstream answered another request in place of this one"
            raise UpstreamFailed("protocol_error", sent=True, detail=detail)
        return body

    def _is_answered_by(self, message: Answer) -> bool:
        return message.id is not None and identity(message.id) == self.number

    async def _follow(
        self, stream: Response, place: bytes | None
    ) -> tuple[bool, bytes | None, float]:
        """Takes in one stream. Whether the answer was on it, the last event id, and the pause
        that the server wants before it is asked to go on."""
        pause = RETRY_SECONDS
        # Silence is for the reader to judge: it knows whether the agent is being asked.
        stream.allow_silence(None)
        async with contextlib.aclosing(events(stream)) as received:
            async for event in received:
                place = event.id if event.id is not None else place
                if event.retry is not None:
                    pause = max(event.retry / 1000, LEAST_RETRY_SECONDS)
                if not event.data:
                    continue
                message = inspect_answer(event.data)
                if message is None or not await self._has_room_for(message):
                    continue
                self._put(event.data)
                if message.kind == "response" and self._is_answered_by(message):
                    await _finish(received)
                    return True, place, pause
        return False, place, pause

    async def _has_room_for(self, message: Answer) -> bool:
        """Whether the agent is to get a message. Agents may share the line that this comes on, so
        one that does not read loses notifications: they are waited for once, and not for long."""
        if message.kind != "notification":
            return True
        if not self._room.is_set() and not self._slow:
            try:
                async with asyncio.timeout(GRACE_SECONDS):
                    await self._room.wait()
            except TimeoutError:
                self._slow = True
                logger.warning("an agent does not read; notifications for it are dropped")
        return self._room.is_set()

    async def _resume(self, place: bytes | None, pause: float) -> Response | None:
        """What comes after the last event that had an id (2025-11-25, Transports)."""
        if place is None:
            return None
        await asyncio.sleep(pause)
        extra: list[Header] = [(b"accept", EVENT_STREAM.encode()), (b"last-event-id", place)]
        stream = await self.session.send("GET", None, extra, timeout=PATIENCE_SECONDS)
        if is_event_stream(stream):
            return stream
        stream.close()
        return None


async def _finish(received: AsyncGenerator[Event, None]) -> None:
    """Reads an answered stream to its end, which is near, so that its connection serves again."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FINISH_SECONDS):
            async for _ in received:
                pass
