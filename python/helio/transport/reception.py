"""Answers what agents ask, whichever door they came by.

Above: the doors, `helio.app`. Below: `helio.transport.exchange` and `helio.transport.relay`,
`helio.runtime`, `helio.protocol`. A `tools/call` goes through the driver; every other well-formed
message passes as it is. Every body that an agent sends goes through the strict envelope first.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping

from helio.errors import ProgrammingError, UpstreamFailed
from helio.evaluator import MalformedMessage, Message, parse_message
from helio.governance.feedback import upstream_failure_answer
from helio.governance.identity import SessionIdentity, SessionResolver
from helio.pipeline.events import CallReceived
from helio.pipeline.machine import CallMachine
from helio.protocol import modern
from helio.protocol.headers import Header
from helio.protocol.jsonrpc import INTERNAL_ERROR, identity
from helio.protocol.media import EVENT_STREAM, accepts
from helio.runtime import clock
from helio.runtime.driver import Driver
from helio.transport.admission import Rejection, internal_error, json_answer
from helio.transport.envelope import headers_up, judge_envelope, mirrored_arguments
from helio.transport.exchange import MAX_ANSWER, HttpExchange
from helio.transport.inbound import Downstream, Inbound, Reply, Whole
from helio.transport.relay import (
    headers_down,
    in_background,
    is_event_stream,
    relay_stream,
    relay_whole,
)
from helio.transport.resumption import Kept, Owner
from helio.transport.sessions import Admission, SessionTable
from helio.transport.target import Target
from helio.transport.tracing import call_trace
from helio.upstream.port import Response

logger = logging.getLogger(__name__)

CANCEL_GRACE_SECONDS = 1.0
"""How long the upstream may still answer a request that the agent cancelled."""
PARTING_SECONDS = 1.0
"""How long requests that were given up may take to be recorded and answered."""

RequestKey = tuple[Owner, object]
"""An agent's session or its own connection, and the id of a request in it."""

Challenged = Callable[[Whole, Inbound], Whole]

RecordRejected = Callable[[str, str, bytes, str | None], Awaitable[None]]
"""Keeps a message that was refused: reason, detail, body, and the upstream it was meant for."""


class Reception:
    """Serves all targets; the one without a name has the key None.

    `held` are the sessions of all agents; `challenged` gives an upstream's answer that asks for a
    token as the agent gets it; under `traces` each call is a span of Helio's own.
    """

    def __init__(
        self,
        *,
        targets: Mapping[str | None, Target],
        driver: Driver,
        sessions: SessionResolver,
        record_rejected: RecordRejected,
        held: SessionTable | None = None,
        challenged: Challenged = lambda answer, _: answer,
        traces: bool = False,
    ) -> None:
        self._targets = targets
        self._held = SessionTable() if held is None else held
        self._challenged = challenged
        self._traces = traces
        self._driver = driver
        self._sessions = sessions
        self._record_rejected = record_rejected
        self._open: dict[RequestKey, HttpExchange] = {}
        self._in_flight: set[HttpExchange] = set()
        self._standing: set[asyncio.Timeout] = set()
        self._kept = Kept()
        self._closing = False
        self._idle = asyncio.Event()
        self._idle.set()

    async def handle(self, inbound: Inbound) -> Reply:
        """Answers one request. A stream that is returned has been written to its end.

        Never raises for what an agent or an upstream does.
        """
        target = self._targets[inbound.target]
        try:
            with self._held.use(target.upstream.name, inbound.session, inbound.caller.agent):
                reply = await self._answer(inbound, target)
            if not isinstance(reply, Whole):
                return reply
            if reply.status == 404 or (inbound.method == "DELETE" and reply.status < 300):
                self._held.closed(target.upstream.name, inbound.session)
            return self._challenged(reply, inbound)
        except Rejection as rejection:
            if inbound.method == "POST" and rejection.recorded:
                await self._record_rejected(
                    rejection.reason, rejection.detail, inbound.body, target.upstream.name
                )
            return rejection.whole()
        except UpstreamFailed as failure:
            logger.warning("upstream %s: %s", target.upstream.name, failure)
            status = 504 if failure.reason in {"timeout", "connect_timeout"} else 502
            reason = f"upstream_{failure.reason}"
            return json_answer(status, upstream_failure_answer(b"null", reason, str(failure), None))

    def _answer(self, inbound: Inbound, target: Target) -> Awaitable[Reply]:
        match inbound.method:
            case "POST":
                return self._post(inbound, target)
            case "GET":
                return self._get(inbound, target)
            case _:
                return self._delete(inbound, target)

    def parameters(self, target: str | None, tool: str) -> modern.Parameters | None:
        """The arguments of a tool that are mirrored in headers (2026-07-28), for doors whose agents
        send none."""
        return self._targets[target].upstream.parameters_of(tool)

    @property
    def in_flight(self) -> int:
        """Requests that are not answered yet."""
        return len(self._in_flight)

    async def drain(self, seconds: float) -> int:
        """Takes no new requests, waits up to `seconds` for those in flight, then gives them up.

        Returns how many were given up. Each of them gets its record, and its answer if the agent
        takes it soon. What belongs to a request in flight (responses, notifications) still passes.
        Those that wait for a person are answered at once.
        """
        self._closing = True
        in_background(self._driver.ask_nobody())
        for stream in self._standing:
            _end(stream)
        if await self._idle_within(seconds):
            return 0
        given_up = len(self._in_flight)
        for exchange in self._in_flight:
            exchange.stop("shutdown")
        await self._idle_within(PARTING_SECONDS)
        return given_up

    async def _idle_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def _post(self, inbound: Inbound, target: Target) -> Reply:
        try:
            posted = parse_message(inbound.body)
        except MalformedMessage as error:
            reason, code, identifier, detail = error.args
            raise Rejection(400, reason, detail, code, identifier) from None
        is_modern = judge_envelope(posted, inbound)
        target, message = target.addressed(posted)
        headers = headers_up(inbound, target, message.id, is_modern=is_modern)
        if is_modern and message is not posted:
            headers = modern.renamed(headers, message)
        if is_modern:
            headers = mirrored_arguments(message, inbound, target, headers)
        if message.kind == "request":
            self._refuse_when_closing(message.id)
            if is_modern and message.method == "subscriptions/listen":
                return await self._stand(inbound, target, headers, is_modern=True)
            if message.method == "initialize" and not is_modern:
                with self._held.admit(target.upstream.name, inbound.caller.agent) as admission:
                    return await self._request(inbound, target, message, headers, admission)
            return await self._request(inbound, target, message, headers, is_modern=is_modern)
        if is_modern:
            return await self._tell(target, message, headers)
        if message.method == "notifications/cancelled":
            # First, because the upstream may end the stream before it acknowledges this.
            if self._cancelled(inbound):
                return Whole(202)
        elif message.kind == "response" and message.id is not None:
            self._answered(inbound, message.id)
        return await self._tell(target, message, headers)

    def _refuse_when_closing(self, identifier: bytes | None = None) -> None:
        if self._closing:
            raise Rejection(
                503, "shutting_down", "Helio is shutting down.", INTERNAL_ERROR, identifier
            )

    async def _request(
        self,
        inbound: Inbound,
        target: Target,
        message: Message,
        headers: list[Header],
        admission: Admission | None = None,
        *,
        is_modern: bool = False,
    ) -> Reply:
        """One request, from its bytes to its answer; a call is governed.

        An agent of 2026-07-28 that goes away cancels its request; to earlier ones it means nothing.
        """
        trace = None
        if message.method == "tools/call":
            trace, headers = call_trace(inbound, message, headers, own=self._traces)
        exchange = HttpExchange(
            inbound.caller,
            message,
            target.upstream,
            headers,
            on_tools_changed=target.on_tools_changed,
            kept=self._kept,
            owner=None if is_modern else _owner(inbound),
            is_modern=is_modern,
            amend=target.amend(message, inbound.caller.agent),
        )
        call_id = clock.new_call_id(clock.now().wall)
        key = None if is_modern else _key(inbound, identity(message.id or b"null"))
        if key is not None:
            self._open[key] = exchange
        if is_modern:
            inbound.caller.on_gone(exchange.agent_left)
        self._in_flight.add(exchange)
        self._idle.clear()
        try:
            if message.method == "tools/call":
                if target.tools_tried is not None:
                    await target.tools_tried()
                session = self._session(inbound, is_modern=is_modern)
                received = CallReceived(
                    message=message,
                    call_id=call_id,
                    upstream=target.upstream.name,
                    session=session,
                    agent=inbound.caller.agent,
                    protocol_version=inbound.revision,
                    trace=trace,
                )
                await self._driver.run(CallMachine(target.governance()), received, exchange)
            else:
                await exchange.pass_on()
        except Exception:
            logger.exception("request %s failed inside Helio", call_id)
            exchange.break_off(internal_error(message.id, call_id))
        finally:
            inbound.caller.on_gone(None)
            self._in_flight.discard(exchange)
            if key is not None and self._open.get(key) is exchange:
                del self._open[key]
            if not self._in_flight:
                self._idle.set()
        if exchange.reply is None:
            raise ProgrammingError(f"request {call_id} ended without an answer")
        if admission is not None and exchange.session is not None:
            admission.opened(exchange.session)
        return exchange.reply

    def _session(self, inbound: Inbound, *, is_modern: bool) -> SessionIdentity:
        channel = inbound.caller.channel
        return self._sessions.resolve(inbound.header, channel=channel, is_modern=is_modern)

    async def _tell(self, target: Target, message: Message, headers: list[Header]) -> Reply:
        """A notification, or the answer to the upstream's own request: only its receipt is awaited,
        whatever form the upstream gives it.
        """
        silence = target.upstream.request_timeout
        try:
            async with asyncio.timeout(silence):
                upstream = await self._send(target, "POST", headers, message.body)
                return await relay_whole(upstream, MAX_ANSWER)
        except TimeoutError:
            detail = f"no receipt from the upstream within {silence} s"
            raise UpstreamFailed("timeout", sent=True, detail=detail) from None

    async def _get(self, inbound: Inbound, target: Target) -> Reply:
        """What the upstream says on its own (legacy revisions), or the rest of a stream."""
        headers = headers_up(inbound, target, None, is_modern=False)
        rest = self._rest(inbound)
        if rest is not None:
            return await rest
        self._refuse_when_closing()
        return await self._stand(inbound, target, headers, is_modern=False)

    async def _stand(
        self, inbound: Inbound, target: Target, headers: list[Header], *, is_modern: bool
    ) -> Reply:
        """A stream without an end: it stands until either side, or Helio, ends it."""
        body = inbound.body if inbound.method == "POST" else None
        downstream: Downstream | None = None
        standing = asyncio.timeout(None)
        try:
            async with standing:
                self._standing.add(standing)
                inbound.caller.on_gone(lambda: _end(standing))
                upstream = await target.upstream.send(inbound.method, headers, body, timeout=None)
                if not is_event_stream(upstream):
                    return await relay_whole(upstream, MAX_ANSWER, is_modern=is_modern)
                downstream = inbound.caller.open_stream(
                    upstream.status, headers_down(upstream, stream=True, is_modern=is_modern)
                )
                await relay_stream(downstream, upstream, target.on_tools_changed)
        except TimeoutError:
            if downstream is None:
                raise Rejection(
                    503, "stream_ended", "The stream ended before it began.", INTERNAL_ERROR
                ) from None
        finally:
            self._standing.discard(standing)
            inbound.caller.on_gone(None)
        await downstream.end()
        return downstream

    def _rest(self, inbound: Inbound) -> Awaitable[Reply] | None:
        """The rest of a stream whose request is, or was a moment ago, under way here; None when the
        upstream is to be asked."""
        owner, place = _owner(inbound), inbound.header("last-event-id")
        accept = inbound.header("accept")
        if owner is None or place is None or accept is None or not accepts(accept, EVENT_STREAM):
            return None
        identifier = place.encode("latin-1")
        stream = self._kept.find(owner, identifier)
        return None if stream is None else stream.go_on(inbound.caller, identifier)

    async def _delete(self, inbound: Inbound, target: Target) -> Reply:
        owner = _owner(inbound)
        if owner is not None:
            self._kept.forget_session(owner)
        headers = headers_up(inbound, target, None, is_modern=False)
        upstream = await self._send(target, "DELETE", headers, None)
        return await relay_whole(upstream, MAX_ANSWER)

    async def _send(
        self, target: Target, method: str, headers: list[Header], body: bytes | None
    ) -> Response:
        silence = target.upstream.request_timeout
        return await target.upstream.send(method, headers, body, timeout=silence)

    def _cancelled(self, inbound: Inbound) -> bool:
        """The agent gave a request up: the upstream is told, and not waited for much longer. True
        for a request that waits for a person: no upstream knows of it."""
        params = json.loads(inbound.body).get("params")
        found = params.get("requestId") if isinstance(params, dict) else None
        key = _key(inbound, found) if type(found) in (str, int) else None
        exchange = None if key is None else self._open.get(key)
        if exchange is None:
            return False
        is_held = exchange.is_held
        exchange.stop("cancelled", CANCEL_GRACE_SECONDS)
        return is_held

    def _answered(self, inbound: Inbound, question: bytes) -> None:
        """The agent answers what an upstream asked: the request that it belongs to waits for the
        upstream again."""
        connection = _connection(inbound)
        for (owner, _), exchange in self._open.items():
            if owner == connection:
                exchange.agent_answered(question)


def _end(standing: asyncio.Timeout) -> None:
    """Ends what stands under the timeout, now."""
    if not standing.expired():
        standing.reschedule(asyncio.get_running_loop().time())


def _key(inbound: Inbound, identifier: object) -> RequestKey | None:
    """What a request is found by again; None without a session, where agents share their ids."""
    connection = _connection(inbound)
    return None if connection is None else (connection, identifier)


def _connection(inbound: Inbound) -> Owner | None:
    """What sets an agent's ids apart from those of others."""
    owner, caller = _owner(inbound), inbound.caller
    if owner is not None or caller.channel is None:
        return owner
    return inbound.target, caller.agent, caller.channel


def _owner(inbound: Inbound) -> Owner | None:
    """Whose requests and streams an agent may come back for; None without a session."""
    session = inbound.session
    return None if session is None else (inbound.target, inbound.caller.agent, session)
