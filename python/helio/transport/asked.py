"""One request that a door with its own framing sends in an agent's name, and what comes of it.

Above: `helio.transport.channel`. Below: `helio.transport.inbound`, `helio.protocol`. It is the
`Caller` of the request and the `Downstream` of its answer. Whatever form the answer has (JSON, an
event stream, an HTTP status), the agent gets whole JSON-RPC messages, and each request of its own
gets one answer.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from helio.evaluator import Answer, Message, inspect_answer
from helio.governance.feedback import UPSTREAM_CODE
from helio.protocol.headers import Header
from helio.protocol.jsonrpc import error_answer, same_identifier
from helio.protocol.lines import one_line
from helio.protocol.media import EVENT_STREAM, essence
from helio.protocol.sse import EventStreamParser, EventTooLarge
from helio.transport.inbound import Downstream, Reply, Whole

logger = logging.getLogger(__name__)

MAX_EVENT: Final = 65 * 1024 * 1024
"""Bytes of one event: a little more than an answer may have."""

Initialized = Callable[[bytes | None, bytes | None], None]
"""Takes what an answered `initialize` gave: the session's id and the revision."""


class Asked:
    """`send` gives the agent one message. `message` is the request, None for anything else.

    `is_modern`: it is of a revision where a disconnect cancels. `mute`: what is answered is not for
    the agent (the receipt of a notification). `streams` is called when the answer begins to be a
    stream, `initialized` when this is an `initialize` that was answered.
    """

    def __init__(
        self,
        *,
        send: Callable[[bytes], Awaitable[None]],
        agent: str | None,
        channel: str,
        message: Message | None = None,
        is_modern: bool = False,
        mute: bool = False,
        streams: Callable[[], None] | None = None,
        initialized: Initialized | None = None,
    ) -> None:
        self.agent = agent
        self.channel: str | None = channel
        self.method = None if message is None else message.method
        self.identifier = None if message is None else message.id
        self.is_modern = is_modern
        self.gone = self.gave_up = False
        self.passed_on = False
        self.last_event_id: bytes | None = None
        self.retry_milliseconds: int | None = None
        self._send = send
        self._mute = mute
        self._streams = streams
        self._initialized = initialized if self.method == "initialize" else None
        self._left = False
        self._answered = False
        self._session: bytes | None = None
        self._then: Callable[[], None] | None = None
        self._events = EventStreamParser(event_cap=MAX_EVENT)

    # as the caller of the request

    def open_stream(self, status: int, headers: Sequence[Header]) -> Downstream:
        """See `helio.transport.inbound.Caller`."""
        self._note(headers)
        if self._streams is not None:
            self._streams()
        return self

    def on_gone(self, then: Callable[[], None] | None) -> None:
        """See `helio.transport.inbound.Caller`."""
        self._then = then
        if self._left:
            self._part()

    def leave(self, *, gave_up: bool = False) -> None:
        """The agent does not wait for this any more; `gave_up`: and it says so."""
        self.gone = self._left = True
        self.gave_up = gave_up
        self._part()

    def _part(self) -> None:
        then, self._then = self._then, None
        if then is not None:
            then()

    # as the stream of its answer

    async def write(self, data: bytes) -> None:
        """See `helio.transport.inbound.Downstream`."""
        if self.gone:
            return
        try:
            events = self._events.feed(data)
        except EventTooLarge as refusal:
            logger.warning("an answer is given up: %s", refusal)
            self.gone = True
            return
        for event in events:
            if event.id is not None:
                self.last_event_id = event.id
            if event.retry is not None:
                self.retry_milliseconds = event.retry
            if event.data:
                await self._say(event.data)

    async def end(self) -> None:
        """See `helio.transport.inbound.Downstream`."""
        self.gone = True

    def hang_up(self) -> None:
        """See `helio.transport.inbound.Downstream`."""
        self.gone = True

    # what comes of it

    async def take(self, reply: Reply) -> None:
        """Gives the agent what is not given yet, and sees to it that a request has its answer."""
        if isinstance(reply, Whole):
            await self._take_whole(reply)
        if self._unanswered:
            await self.fail(UPSTREAM_CODE, "upstream_closed", "The answer broke off.")

    async def fail(self, code: int, reason: str, text: str, **details: object) -> None:
        """Answers with an error, unless there is an answer."""
        if self._unanswered and self.identifier is not None:
            self._answered = True
            await self._send(
                error_answer(self.identifier, code, text, {"reason": reason, **details})
            )

    @property
    def _unanswered(self) -> bool:
        return self.identifier is not None and not self._answered and not self._left

    async def _take_whole(self, reply: Whole) -> None:
        self._note(reply.headers)
        if reply.body and not self._mute:
            if _is_event_stream(reply.headers):
                await self.write(reply.body)
            else:
                await self._say(reply.body)
        if self._unanswered:
            text = f"The upstream answered with HTTP status {reply.status} and no JSON-RPC message."
            await self.fail(UPSTREAM_CODE, "upstream_protocol_error", text, status=reply.status)

    def _note(self, headers: Sequence[Header]) -> None:
        for name, value in headers:
            if name == b"mcp-session-id":
                self._session = value

    async def _say(self, data: bytes) -> None:
        """Passes one message on, if it is one."""
        answer = inspect_answer(data)
        if answer is None:
            logger.warning("left out what is no JSON-RPC message: %d bytes", len(data))
            return
        message = data
        if answer.kind == "response" and self.identifier is not None:
            message = self._addressed(data, answer, self.identifier)
        self.passed_on = True
        if not self._left:
            await self._send(one_line(message))

    def _addressed(self, data: bytes, answer: Answer, identifier: bytes) -> bytes:
        """The response with the request's id, when it says that it could read none."""
        if answer.id in (None, b"null") and answer.error_code is not None:
            self._answered = True
            start, end = answer.span("error") or (0, 0)
            return b'{"jsonrpc":"2.0","id":%b,"error":%b}' % (identifier, data[start:end])
        if same_identifier(answer.id, identifier):
            self._answered = True
            if self._initialized is not None and answer.error_code is None:
                self._initialized(self._session, _revision(answer))
        return data


def _is_event_stream(headers: Sequence[Header]) -> bool:
    found = next((value for name, value in headers if name == b"content-type"), b"")
    return essence(found.decode("latin-1")) == EVENT_STREAM


def _revision(answer: Answer) -> bytes | None:
    """The revision that the result of an `initialize` names."""
    span = answer.span("result", "protocolVersion")
    revision = None if span is None else json.loads(answer.body[slice(*span)])
    if isinstance(revision, str) and revision.isascii() and revision.isprintable():
        return revision.encode()
    return None
