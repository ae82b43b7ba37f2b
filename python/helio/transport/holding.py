"""One request that is kept open while a person is asked (`approval.mode: hold`).

Above: `helio.transport.exchange`. Below: `helio.governance.ticket`, `helio.transport.inbound`.

An agent that names `text/event-stream` in its `Accept` gets the stream at once: comments, so that
nothing on the way closes it, and progress where its request brought a token, because most clients
give up what they hear nothing of. Any other agent just waits. No upstream knows of the request yet.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias

import orjson

from helio.evaluator import Message, inspect_answer
from helio.governance.feedback import upstream_failure_answer
from helio.governance.ticket import Ticket
from helio.protocol.headers import Header
from helio.protocol.jsonrpc import same_identifier
from helio.protocol.media import EVENT_STREAM
from helio.protocol.sse import encode_event
from helio.transport.relay import HEARTBEAT, HEARTBEAT_SECONDS

PROGRESS_SECONDS: Final = 10.0
"""How long an agent with a progress token is told nothing."""
STEPS: Final = 1_000_000
"""Progress only ever rises (2025-11-25, Progress), and the upstream's own, which may begin at 1,
follows on it: so what Helio tells is counted in millionths."""
HEADERS: Final[tuple[Header, ...]] = (
    (b"content-type", EVENT_STREAM.encode()),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)

Ending: TypeAlias = Literal["resolved", "gone", "cancelled"]
"""Why a request is held no longer: its ticket came to its end, its agent left without a word, or
its agent does not want it any more."""


class Holding:
    """How one wait of one request ends: with its ticket, or with its agent before that."""

    def __init__(self, resolved: asyncio.Future[Ticket]) -> None:
        self._ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._resolved = resolved
        resolved.add_done_callback(self._resolve)

    def part(self, why: str) -> None:
        """The agent gave the request up (`why` is then "cancelled"), or nobody waits for it."""
        self._end("cancelled" if why == "cancelled" else "gone")

    async def end(self) -> Ending:
        """Waits for the end. What comes first counts."""
        try:
            return await self._ended
        finally:
            self._ended.cancel()
            self._resolved.remove_done_callback(self._resolve)

    async def keep_awake(
        self, say: Callable[[bytes], Awaitable[None]], pieces: "WaitingWords", ticket: Ticket
    ) -> None:
        """Says at once, and again and again, that the request waits; returns after its end.

        It is never ended in the middle of a piece, and holds up nobody: an agent that takes nothing
        of a stream would otherwise keep the answer of its ticket waiting.
        """
        while not self._ended.done():
            await say(pieces.next(ticket))
            await asyncio.wait({self._ended}, timeout=pieces.seconds)

    def _resolve(self, _: asyncio.Future[Ticket]) -> None:
        self._end("resolved")

    def _end(self, how: Ending) -> None:
        if not self._ended.done():
            self._ended.set_result(how)


class WaitingWords:
    """What the agent of one request is told while it waits, over all its tickets."""

    def __init__(self, message: Message) -> None:
        self._token = message.progress_token
        self._told = 0

    @property
    def seconds(self) -> float:
        """How long nothing may be said."""
        return HEARTBEAT_SECONDS if self._token is None else PROGRESS_SECONDS

    def next(self, ticket: Ticket) -> bytes:
        """The next piece of the stream."""
        if self._token is None:
            return HEARTBEAT
        self._told += 1
        text = f"A person is asked to approve {ticket.tool_name}, until {_instant(ticket)}."
        return encode_event(
            b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":%b,'
            b'"progress":%b,"message":%b}}'
            % (self._token, b"%.6f" % (self._told / STEPS), orjson.dumps(text)),
            event=b"message",
        )


def answer_event(body: bytes, status: int, identifier: bytes) -> bytes:
    """An upstream's whole answer as the event that ends a stream which began before it came.

    A status and headers cannot be given any more: what is no answer to the request (an error
    without an id, a page of HTML) becomes one, because the agent waits for nothing else.
    """
    answer = inspect_answer(body)
    if answer is not None and answer.kind == "response":
        if same_identifier(answer.id, identifier):
            return encode_event(body, event=b"message")
        error = answer.span("error")
        if error is not None and answer.id in (None, b"null"):
            addressed = b'{"jsonrpc":"2.0","id":%b,"error":%b}' % (identifier, body[slice(*error)])
            return encode_event(addressed, event=b"message")
    text = f"The upstream answered with HTTP status {status} and no answer to this request."
    failure = upstream_failure_answer(identifier, "upstream_protocol_error", text, None)
    return encode_event(failure, event=b"message")


def _instant(ticket: Ticket) -> str:
    """To the second, as people read it."""
    return f"{datetime.fromtimestamp(ticket.timeout_at / 1e9, UTC):%Y-%m-%d %H:%M:%S} UTC"
