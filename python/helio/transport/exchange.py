"""One request on streamable HTTP: its bytes to the upstream, the upstream's answer back.

Above: `helio.transport.reception`. Below: `helio.upstream`, `helio.protocol`. It is the `Exchange`
of `helio.runtime.driver`. The answer is held back until the driver delivers it; what an event
stream brings before the answer (progress, logging, the server's own requests) goes to the agent at
once.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

from helio.errors import UpstreamFailed as Failure
from helio.evaluator import Answer, Message, inspect_answer
from helio.governance.feedback import upstream_failure_answer
from helio.governance.ticket import Ticket
from helio.pipeline.events import UpstreamAnswered, UpstreamFailed
from helio.protocol.headers import Header
from helio.protocol.jsonrpc import identity, same_identifier
from helio.protocol.media import EVENT_STREAM, accepts, names
from helio.protocol.sse import Event, EventStreamParser, EventTooLarge, encode_event
from helio.transport import holding, outcomes
from helio.transport.admission import json_answer
from helio.transport.holding import Holding, WaitingWords, answer_event
from helio.transport.inbound import Caller, Reply, Whole
from helio.transport.relay import (
    TOOLS_CHANGED,
    finish_in_background,
    headers_down,
    in_background,
    is_event_stream,
    tell_in_background,
)
from helio.transport.resumption import Kept, Owner, Resumable
from helio.upstream.port import Response
from helio.upstream.registry import Upstream

MAX_ANSWER = 64 * 1024 * 1024
"""Bytes of one answer that are held back while its outcome is recorded; a larger one is refused."""

QUESTION_SECONDS = 3600.0
"""How long an agent, or the person behind it, may take to answer what the upstream asks during a
call. Meanwhile it is not the upstream that is silent."""

GIVEN_UP = frozenset(("timeout", "shutdown", "too_large"))
"""Failures after which an upstream may still be at work on what it was asked."""

RETRY_SECONDS = 1.0
"""How long to wait before a stream is asked to go on, unless the upstream says it (`retry`)."""
LEAST_RETRY_SECONDS = 0.05


class HttpExchange:
    """The `Exchange` of one request.

    `reply` is what the agent gets, once the exchange is done. `on_tools_changed` is called when
    the upstream says that its tool list changed. `owner` may come back for the rest of a stream
    that ends early, which is `kept` until then. `is_modern`: the request is of 2026-07-28.
    `amend` makes of the upstream's answer what the agent is to get.
    """

    def __init__(
        self,
        caller: Caller,
        message: Message,
        upstream: Upstream,
        headers: Sequence[Header],
        *,
        on_tools_changed: Callable[[], None],
        kept: Kept,
        owner: Owner | None,
        is_modern: bool = False,
        amend: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self._caller = caller
        self._is_modern = is_modern
        self._amend = amend
        self._message = message
        self._upstream = upstream
        self._headers = headers
        self._on_tools_changed = on_tools_changed
        self._deadline = asyncio.timeout(None)
        self._waiting = False
        self._stopped: str | None = None
        self._answering: Response | None = None
        self._kept = kept
        self._owner = owner
        self._downstream: Resumable | None = None
        self._holding: Holding | None = None
        self._words: WaitingWords | None = None
        self._held = b""
        self._held_id: bytes | None = None
        self._questions: set[object] = set()
        self._last_event_id = b""
        self._retry_seconds = RETRY_SECONDS
        self.reply: Reply | None = None

    @property
    def session(self) -> str | None:
        """The session that the upstream opened with its answer, None for none."""
        found = None if self._answering is None else self._answering.header(b"mcp-session-id")
        return None if found is None else found.decode("latin-1")

    async def pass_on(self) -> None:
        """Carries a request that nobody governs to its answer."""
        outcome = await self.forward()
        if isinstance(outcome, UpstreamAnswered):
            await self.deliver()
            return
        identifier = self._message.id or b"null"
        reason = f"upstream_{outcome.reason}"
        await self.answer(upstream_failure_answer(identifier, reason, outcome.detail, None))

    async def hold(self, ticket: Ticket, resolved: asyncio.Future[Ticket]) -> holding.Ending:
        """See `helio.runtime.driver.Exchange`."""
        held = self._holding = Holding(resolved)
        self._caller.on_gone(self.agent_left)
        if self._stopped is not None:
            held.part(self._stopped)
        try:
            if self._takes_events():
                stream = self._downstream or self._open_stream(200, holding.HEADERS)
                words = self._words = self._words or WaitingWords(self._message)
                in_background(held.keep_awake(stream.write, words, ticket))
            return await held.end()
        finally:
            self._holding = None
            if not self._is_modern:
                self._caller.on_gone(None)

    @property
    def is_held(self) -> bool:
        """Whether it waits for a person now; no upstream knows of it yet."""
        return self._holding is not None

    async def forward(self) -> UpstreamAnswered | UpstreamFailed:
        """See `helio.runtime.driver.Exchange`."""
        outcome = await self._carry()
        if isinstance(outcome, UpstreamFailed) and outcome.sent and outcome.reason in GIVEN_UP:
            self._cancel_upstream(outcome.reason)
        return outcome

    async def _carry(self) -> UpstreamAnswered | UpstreamFailed:
        started = time.monotonic_ns()
        if self._stopped is not None:
            return outcomes.failed(self._stopped, "the call was not sent any more", False, started)
        try:
            async with self._deadline:
                self._waiting = True
                return await self._forward(started)
        except TimeoutError:
            detail = "waiting for the upstream was given up"
            return outcomes.failed(self._stopped or "timeout", detail, True, started)
        except Failure as failure:
            if self._answering is not None:
                self._upstream.health.failed(failure)
            reason = self._stopped or failure.reason
            sent = failure.sent or self._answering is not None
            return outcomes.failed(reason, failure.detail, sent, started)
        except EventTooLarge as failure:
            return outcomes.failed("too_large", str(failure), True, started)
        finally:
            self._waiting = False

    async def deliver(self) -> None:
        """See `helio.runtime.driver.Exchange`."""
        upstream = self._answering
        if upstream is None:
            raise RuntimeError("there is no answer to deliver")
        if self._downstream is None:
            headers = headers_down(
                upstream, stream=is_event_stream(upstream), is_modern=self._is_modern
            )
            self.reply = Whole(upstream.status, headers, self._held)
            return
        answer = self._held
        if not is_event_stream(upstream):
            answer = answer_event(answer, upstream.status, self._message.id or b"null")
        await self._downstream.write(answer, self._held_id)
        await self._downstream.end()

    async def answer(self, body: bytes) -> None:
        """See `helio.runtime.driver.Exchange`."""
        if self._downstream is None:
            self.reply = json_answer(200, body)
            return
        await self._downstream.write(b"event: message\ndata: " + body + b"\n\n")
        await self._downstream.end()

    def break_off(self, body: bytes) -> None:
        """Answers with `body`, or hangs up when the agent already has a part of another answer."""
        if self._downstream is None:
            self.reply = json_answer(200, body)
        else:
            self._downstream.hang_up()

    def stop(self, reason: str, grace: float = 0.0) -> None:
        """Waits for the upstream at most `grace` seconds more. The outcome is then unknown, for
        `reason`. For a person it waits no longer."""
        self._stopped = reason
        self._give_up_in(grace)
        if self._holding is not None:
            self._holding.part(reason)

    def agent_left(self) -> None:
        """The agent is gone: the end of a request of 2026-07-28, and of any that is held."""
        reason = "cancelled" if self._caller.gave_up else "disconnected"
        if self._is_modern:
            self.stop(reason)
        elif self._holding is not None:
            self._holding.part(reason)

    def agent_answered(self, question: bytes) -> None:
        """The agent answers a request of the upstream; `question` is that request's id."""
        asked = identity(question)
        if asked in self._questions:
            self._questions.discard(asked)
            self._wait_on()

    def _cancel_upstream(self, why: str) -> None:
        """Tells the upstream that nobody waits for its answer any more (2025-11-25, Cancellation).

        Later revisions see it by the end of the connection; `initialize` may not be cancelled.
        """
        if self._is_modern or self._message.method == "initialize" or self._message.id is None:
            return
        body = (
            b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%b,'
            b'"reason":"%b"}}' % (self._message.id, why.encode())
        )
        tell_in_background(self._upstream, self._headers, body)

    async def _forward(self, started: int) -> UpstreamAnswered | UpstreamFailed:
        silence = self._upstream.request_timeout
        upstream = await self._upstream.send(
            "POST", self._headers, self._message.body, timeout=silence
        )
        self._answering = upstream
        try:
            if is_event_stream(upstream):
                return await self._follow(upstream, started)
            body = await upstream.read(MAX_ANSWER)
        except BaseException:
            upstream.close()
            raise
        self._held = body if self._amend is None else self._amend(body)
        return self._answered(upstream.status, body, inspect_answer(body), started)

    async def _follow(self, upstream: Response, started: int) -> UpstreamAnswered | UpstreamFailed:
        """Relays events until the one that answers this call; that one is held back.

        An upstream may end a stream before that and have the client ask for the rest (2025-11-25,
        Transports). Helio asks itself, because the answer must come this way to be recorded. The
        agent's stream ends as the upstream's did, if its door has a way to come back for the rest.
        """
        elapsed, silence = (time.monotonic_ns() - started) / 1e9, self._upstream.request_timeout
        # The head of a stream is no message: what it took counts, unless connecting took it all.
        self._give_up_in(silence - elapsed if elapsed < silence else silence)
        stream: Response | None = upstream
        while stream is not None:
            answered = await self._relay(stream, upstream.status, started)
            if answered is not None:
                return answered
            stream = await self._resume()
        reason = self._stopped or "closed"
        return outcomes.failed(reason, "the event stream ended without an answer", True, started)

    async def _relay(self, stream: Response, status: int, started: int) -> UpstreamAnswered | None:
        """Relays one stream; None when it ended without the answer."""
        parser = EventStreamParser(event_cap=MAX_ANSWER)
        chunks = stream.chunks()
        # From here on it is messages that count, not bytes.
        stream.allow_silence(None)
        try:
            async for chunk in chunks:
                for event in parser.feed(chunk):
                    answer = self._inspect(event)
                    if event.data:
                        self._wait_on()
                    if answer is not None and event.data is not None:
                        self._hold(event, event.data)
                        finish_in_background(stream, chunks)
                        return self._answered(status, event.data, answer, started)
                    self._note_place(event)
                    await self._send_down(event)
        except BaseException:
            stream.close()
            raise
        return None

    def _hold(self, event: Event, data: bytes) -> None:
        """Keeps the event that answers until it may be delivered."""
        self._held, self._held_id = event.raw, event.id
        amended = data if self._amend is None else self._amend(data)
        if amended is not data:
            self._held = encode_event(
                amended, event=event.event, identifier=event.id, retry=event.retry
            )

    async def _resume(self) -> Response | None:
        """What comes after the last event that had an id; None when there is no asking for it."""
        place = self._last_event_id
        if not place or self._stopped is not None:
            return None
        if self._downstream is not None and self._downstream.can_end_early:
            await self._downstream.end_early()
        await asyncio.sleep(self._retry_seconds)
        replaced = (b"accept", b"content-type", b"last-event-id")
        headers = [header for header in self._headers if header[0] not in replaced]
        headers += [(b"accept", b"text/event-stream"), (b"last-event-id", place)]
        silence = self._upstream.request_timeout
        stream = await self._upstream.send("GET", headers, None, timeout=silence)
        if is_event_stream(stream):
            return stream
        stream.close()
        return None

    def _note_place(self, event: Event) -> None:
        if event.id is not None:
            self._last_event_id = event.id
        if event.retry is not None:
            self._retry_seconds = max(event.retry / 1000, LEAST_RETRY_SECONDS)

    def _wait_on(self) -> None:
        """Begins the request's timeout anew: a message came. Comments that only keep a connection
        open do not count, or a hung upstream would never be given up.
        """
        if self._stopped is None:
            silence = self._upstream.request_timeout
            self._give_up_in(max(silence, QUESTION_SECONDS) if self._questions else silence)

    def _give_up_in(self, seconds: float) -> None:
        # A timeout that has expired, or that was left, cannot be moved any more.
        if self._waiting and not self._deadline.expired():
            self._deadline.reschedule(asyncio.get_running_loop().time() + seconds)

    def _inspect(self, event: Event) -> Answer | None:
        """What the event says, if it is the answer to this very call."""
        if not event.data:
            return None
        answer = inspect_answer(event.data)
        if answer is None:
            return None
        if answer.kind != "response":
            if answer.kind == "request" and answer.id is not None:
                self._questions.add(identity(answer.id))
            if TOOLS_CHANGED in event.data:
                self._on_tools_changed()
            return None
        return answer if same_identifier(answer.id, self._message.id) else None

    async def _send_down(self, event: Event) -> None:
        """Gives the agent an event. The time it takes is the agent's, not the upstream's."""
        if self._answering is None:
            raise RuntimeError("there is no answer to pass on")
        stream = self._downstream
        if stream is None:
            headers = headers_down(self._answering, stream=True, is_modern=self._is_modern)
            stream = self._open_stream(self._answering.status, headers)
        due = self._deadline.when()
        if due is None or self._stopped is not None:
            await stream.write(event.raw, event.id)
            return
        left = due - asyncio.get_running_loop().time()
        self._deadline.reschedule(None)
        await stream.write(event.raw, event.id)
        if self._deadline.when() is None:
            self._give_up_in(left)

    def _open_stream(self, status: int, headers: Sequence[Header]) -> Resumable:
        self.reply = self._caller.open_stream(status, headers)
        self._downstream = Resumable(self.reply, headers, self._owner, self._kept)
        return self._downstream

    def _takes_events(self) -> bool:
        """Whether the agent says that it takes an event stream: one that takes anything may well
        expect JSON."""
        found = (value for name, value in self._headers if name == b"accept")
        accept = next(found, b"").decode("latin-1")
        return names(accept, EVENT_STREAM) and accepts(accept, EVENT_STREAM)

    def _answered(
        self, status: int, body: bytes, answer: Answer | None, started: int
    ) -> UpstreamAnswered:
        return outcomes.answered(
            status, body, answer, started, self._message.id, is_modern=self._is_modern
        )
