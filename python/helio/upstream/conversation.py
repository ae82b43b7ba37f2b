"""What is said on one line, sorted: whose request an answer belongs to, and where all else goes.

Above: the ports (`helio.upstream.duplex`, `helio.upstream.shared`). Below: the line
(`helio.upstream.line`) and the streams (`helio.upstream.made`).

Towards the line every request has an id of Helio's own, which is also its progress token: agents
use one id again and again, and several may share a line. On the way back the agent's own stand
there again, byte for byte. Messages are edited at these places only.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Final

from helio.errors import UpstreamFailed
from helio.evaluator import Answer, Message, inspect_answer
from helio.protocol.headers import Header
from helio.protocol.jsonrpc import INTERNAL_ERROR, error_answer, identity
from helio.upstream.line import Edit, Line, Refused, edited
from helio.upstream.made import StreamResponse
from helio.upstream.receipts import taken, taken_or_begun

logger = logging.getLogger(__name__)

REMEMBERED: Final = 1024
"""How many requests that nobody waits for any more a line remembers: their answers, progress and
cancellations may still come."""

CANCELLED: Final = "notifications/cancelled"
PROGRESS: Final = "notifications/progress"
SUBSCRIPTION_ID: Final = "io.modelcontextprotocol/subscriptionId"
LOG_LEVEL: Final = "io.modelcontextprotocol/logLevel"

Settle = Callable[[Answer | None], None]


@dataclass(slots=True, eq=False)
class Party:
    """One agent's side of a line: its requests by Helio's ids, and its standing stream."""

    requests: dict[int, "Asked"] = field(default_factory=dict)
    standing: StreamResponse | None = None

    @property
    def listening(self) -> bool:
        """Whether somebody reads its standing stream."""
        return self.standing is not None and not self.standing.closed

    @property
    def latest(self) -> StreamResponse | None:
        """The stream of the request that was asked last and is still open."""
        for asked in reversed(self.requests.values()):
            if not asked.stream.closed:
                return asked.stream
        return None


@dataclass(slots=True, eq=False)
class Asked:
    """One request under way. `identifier` and `token` are the agent's own, as raw JSON."""

    number: int
    identifier: bytes
    token: bytes | None
    method: str
    party: Party
    stream: StreamResponse
    logs: bool
    on_settled: Settle | None = None


class Conversation:
    """The messages of one line. `on_end` is called once, when the line can carry no more.

    What belongs to no request, and how long a full stream is waited for, is for subclasses to say.
    """

    cancels_what_is_left = False
    """Whether an agent that leaves a stream has thereby cancelled its request (2026-07-28)."""

    def __init__(self, line: Line, on_end: Callable[["Conversation"], None]) -> None:
        self._line = line
        self._on_end = on_end
        self._last = 0
        self._open: dict[int, Asked] = {}
        self._finished: OrderedDict[int, Asked] = OrderedDict()
        self._full: list[StreamResponse] = []
        self._failure: UpstreamFailed | None = None
        self._background: set[asyncio.Task[None]] = set()
        self.served = False
        """Whether it has answered anything."""
        self._reading = asyncio.create_task(self._read())

    @property
    def failure(self) -> UpstreamFailed | None:
        """Why the line carries no more; None while it does."""
        return self._failure

    @property
    def in_use(self) -> bool:
        """Whether somebody waits for what it says."""
        return bool(self._open)

    # What agents say.

    async def ask(
        self,
        message: Message,
        party: Party,
        *,
        headers: Sequence[Header] = (),
        answer_headers: Sequence[Header] = (),
        timeout: float | None,  # noqa: ASYNC109 - between messages, not around the request
        on_settled: Settle | None = None,
    ) -> StreamResponse:
        """Sends a request; its stream ends with the answer, with the agent's own id.

        `on_settled` gets the answer before the agent does, or None when that will not read it.
        Raises `UpstreamFailed` and `Refused`.
        """
        asked = self._asked(message, party, answer_headers, timeout, on_settled)
        self._open[asked.number] = party.requests[asked.number] = asked
        try:
            sending = self._line.send(_with_own_id(message, asked), headers, timeout)
            if self._line.gives_receipts:
                receipt = await taken_or_begun(sending, asked.stream.begun())
                if receipt is not None:
                    self.soon(taken(receipt))
            else:
                await sending
        except BaseException:
            # An answer may have come all the same; then nobody reads it.
            self._forget(asked)
            raise
        return asked.stream

    async def tell(
        self,
        message: Message,
        headers: Sequence[Header] = (),
        *,
        timeout: float | None,  # noqa: ASYNC109 - for the line to take it
    ) -> None:
        """Sends a notification, or an agent's answer to a question, as it is."""
        await self._line.send(message.body, headers, timeout)

    async def cancel(
        self,
        message: Message,
        party: Party,
        headers: Sequence[Header] = (),
        *,
        timeout: float | None,  # noqa: ASYNC109 - for the line to take it
    ) -> None:
        """Passes a `notifications/cancelled` on, with the id that the line knows; nothing is sent
        for a request that it does not know.
        """
        span = message.span("params", "requestId")
        if span is None:
            return
        number = self._number_of(message.body[slice(*span)], party)
        if number is not None:
            body = edited(message.body, [(*span, b"%d" % number)])
            await self._line.send(body, headers, timeout)

    async def aclose(self, why: str = "the conversation was ended") -> None:
        """Ends the line; what is under way fails with `closed`."""
        self._finish(UpstreamFailed("closed", sent=True, detail=why))
        for task in (self._reading, *self._background):
            task.cancel()
        await asyncio.wait([self._reading])
        await self._line.aclose()

    # What the other side says.

    def unclaimed(self, answer: Answer, body: bytes, asked: Asked | None) -> None:
        """A question, or a notification that belongs to no open request (`asked`: to a former)."""
        raise NotImplementedError

    async def relieve(self, stream: StreamResponse) -> None:
        """Waits, or not, until the agent has taken something of a stream that is full."""
        raise NotImplementedError

    def put(self, stream: StreamResponse, body: bytes, *, last: bool = False) -> None:
        """Gives a stream a message. `last`: it is the answer, and ends the stream."""
        stream.put(body)
        if last:
            stream.end()
        if stream.full:
            self._full.append(stream)

    async def _read(self) -> None:
        failure = UpstreamFailed("closed", sent=True, detail="the upstream said no more")
        try:
            async for body in self._line.messages():
                self._received(body)
                # A large one is not held here as well while an agent takes its time.
                del body
                while self._full:
                    await self.relieve(self._full.pop())
        except UpstreamFailed as reported:
            failure = reported
        except Exception:
            logger.exception("a conversation with an upstream failed inside Helio")
        finally:
            self._finish(failure)
        await self._line.aclose()

    def _received(self, body: bytes) -> None:
        answer = inspect_answer(body)
        if answer is None:
            # Not shown: what a server prints in the wrong place may well be a secret.
            logger.warning("%d bytes that are no JSON-RPC message are dropped", len(body))
        elif answer.kind == "response":
            self._answered(answer, body)
        elif answer.kind == "notification" and answer.method == PROGRESS:
            self._progress(answer, body)
        else:
            subscribed = self._at(answer, "params", "_meta", SUBSCRIPTION_ID)
            if subscribed is not None:
                self._subscribed(*subscribed, body)
            elif not self._ends_subscription(answer):
                self.unclaimed(answer, body, None)

    def _answered(self, answer: Answer, body: bytes) -> None:
        asked = self._open.get(_number(answer.id))
        span = answer.span("id")
        if asked is None or span is None:
            logger.debug("an answer to a request that is not open is dropped")
            return
        self.served = True
        edits: list[Edit] = [(*span, asked.identifier)]
        subscribed = answer.span("result", "_meta", SUBSCRIPTION_ID)
        if subscribed is not None and _number(body[slice(*subscribed)]) == asked.number:
            edits.append((*subscribed, asked.identifier))
        self._forget(asked)
        self._remember(asked)
        if asked.on_settled is not None:
            asked.on_settled(answer)
        self.put(asked.stream, edited(body, edits), last=True)

    def _progress(self, answer: Answer, body: bytes) -> None:
        found = self._at(answer, "params", "progressToken")
        if found is None or found[0].token is None:
            logger.debug("progress of a request that is not known is dropped")
            return
        asked, span = found
        restored = edited(body, [(*span, asked.token or b"null")])
        if asked.number in self._open:
            self.put(asked.stream, restored)
        else:
            self.unclaimed(answer, restored, asked)

    def _subscribed(self, asked: Asked, span: tuple[int, int], body: bytes) -> None:
        self.put(asked.stream, edited(body, [(*span, asked.identifier)]))

    def _ends_subscription(self, answer: Answer) -> bool:
        """On one shared line a server ends a subscription by cancelling its request (2026-07-28,
        Cancellation); on a stream of its own by ending that.
        """
        if answer.method != CANCELLED or not self.cancels_what_is_left:
            return False
        found = self._at(answer, "params", "requestId")
        if found is not None:
            self._forget(found[0])
            found[0].stream.end()
        return True

    def _at(self, answer: Answer, *path: str) -> tuple[Asked, tuple[int, int]] | None:
        """The request that an id of Helio's own names, and where it stands."""
        span = answer.span(*path)
        if span is None:
            return None
        number = _number(answer.body[slice(*span)])
        asked = self._open.get(number) or self._finished.get(number)
        return None if asked is None else (asked, span)

    # Inside.

    def soon(self, sending: Coroutine[None, None, None]) -> None:
        """Sends something that nobody waits for."""
        task = asyncio.create_task(self._unheeded(sending))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _unheeded(self, sending: Coroutine[None, None, None]) -> None:
        try:
            await sending
        except (UpstreamFailed, Refused) as error:
            logger.info("a message to an upstream was lost: %s", error)

    def decline(self, answer: Answer, code: int = INTERNAL_ERROR, why: str = "") -> None:
        """Answers a question in the agent's place: there is nobody to ask."""
        why = why or "The agent cannot be asked now."
        body = error_answer(answer.id, code, why)
        self.soon(self._line.send(body, (), None))

    def _asked(
        self,
        message: Message,
        party: Party,
        answer_headers: Sequence[Header],
        timeout: float | None,
        on_settled: Settle | None,
    ) -> Asked:
        if self._failure is not None:
            raise UpstreamFailed("closed", sent=False, detail=self._failure.detail)
        self._last = number = self._last + 1
        return Asked(
            number=number,
            identifier=message.id or b"null",
            token=message.progress_token,
            method=message.method or "",
            party=party,
            stream=StreamResponse(
                timeout=timeout, headers=answer_headers, on_close=lambda: self._left(number)
            ),
            logs=message.span("params", "_meta", LOG_LEVEL) is not None,
            on_settled=on_settled,
        )

    def _left(self, number: int) -> None:
        """The agent reads a request's stream no more."""
        asked = self._open.get(number)
        if asked is None:
            return
        self._forget(asked)
        if asked.on_settled is not None:
            asked.on_settled(None)
        if not self.cancels_what_is_left:
            # It still runs, and its agent may cancel it by name.
            self._remember(asked)
            return
        notice = b'{"jsonrpc":"2.0","method":"%b","params":{"requestId":%d}}'
        self.soon(self._line.send(notice % (CANCELLED.encode(), number), (), None))

    def _number_of(self, identifier: bytes, party: Party) -> int | None:
        """The number of a party's latest request with this id."""
        sought = identity(identifier)
        for known in (party.requests, self._finished):
            for number, asked in reversed(known.items()):
                if asked.party is party and identity(asked.identifier) == sought:
                    return number
        return None

    def _forget(self, asked: Asked) -> None:
        self._open.pop(asked.number, None)
        asked.party.requests.pop(asked.number, None)

    def _remember(self, asked: Asked) -> None:
        self._finished[asked.number] = asked
        if len(self._finished) > REMEMBERED:
            self._finished.popitem(last=False)

    def _finish(self, failure: UpstreamFailed) -> None:
        if self._failure is not None:
            return
        self._failure = failure
        for asked in tuple(self._open.values()):
            self._forget(asked)
            asked.stream.fail(failure)
        self._finished.clear()
        self._on_end(self)


def _with_own_id(message: Message, asked: Asked) -> bytes:
    own = b"%d" % asked.number
    edits: list[Edit] = []
    for path in (("id",), ("params", "_meta", "progressToken")):
        span = message.span(*path)
        if span is not None:
            edits.append((*span, own))
    return edited(message.body, edits)


def _number(identifier: bytes | None) -> int:
    """The id of Helio's own that raw JSON holds; 0, which none is, for anything else."""
    if identifier is None or not identifier.isdigit() or len(identifier) > 18:
        return 0
    return int(identifier)
