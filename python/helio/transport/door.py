"""The MCP door: streamable HTTP for agents, with its guards.

Above: `helio.app`. Below: `helio.transport.exchange` and `helio.transport.relay`, `helio.runtime`,
`helio.protocol`. A `tools/call` goes through the driver; every other well-formed message passes as
it is. Every body that an agent posts goes through the strict envelope first.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable

from aiohttp.web import BaseRequest, Response, Server, StreamResponse

from helio.errors import ProgrammingError, UpstreamFailed
from helio.evaluator import MalformedMessage, Message, parse_message
from helio.governance.feedback import upstream_failure_answer
from helio.governance.identity import SessionResolver
from helio.pipeline.events import CallReceived
from helio.pipeline.governance import Governance
from helio.pipeline.machine import CallMachine
from helio.protocol import revisions
from helio.protocol.headers import Header, HeaderRefused, request_headers
from helio.protocol.jsonrpc import INTERNAL_ERROR, error_answer, identity
from helio.protocol.media import JSON
from helio.runtime import clock
from helio.runtime.driver import Driver
from helio.transport.admission import Guards, Rejection
from helio.transport.exchange import MAX_ANSWER, HttpExchange
from helio.transport.listener import Listener, Streams, end
from helio.transport.relay import Downstream, is_event_stream, relay_stream, relay_whole
from helio.upstream.registry import Upstream
from helio.upstream.response import UpstreamResponse

logger = logging.getLogger(__name__)

UNSUPPORTED_REVISION = -32022
"""JSON-RPC code of a revision that is not spoken here; `data.supported` lists those that are."""
CANCEL_GRACE_SECONDS = 1.0
"""How long the upstream may still answer a request that the agent cancelled."""
PARTING_SECONDS = 1.0
"""How long requests that were given up may take to be recorded and answered."""

RequestKey = tuple[str, object]
"""An MCP session, and the id of a request in it."""


class McpDoor:
    """Serves one upstream at `/mcp`.

    `governance` gives what the next call is governed by; `record_rejected(reason, detail, body)`
    keeps a message that was refused; `on_tools_changed` is called when the upstream says that its
    tools changed.
    """

    def __init__(
        self,
        *,
        upstream: Upstream,
        driver: Driver,
        governance: Callable[[], Governance],
        sessions: SessionResolver,
        guards: Guards,
        record_rejected: Callable[[str, str, bytes], Awaitable[None]],
        on_tools_changed: Callable[[], None],
    ) -> None:
        self._upstream = upstream
        self._driver = driver
        self._governance = governance
        self._sessions = sessions
        self._guards = guards
        self._record_rejected = record_rejected
        self._on_tools_changed = on_tools_changed
        self._open: dict[RequestKey, HttpExchange] = {}
        self._in_flight: set[HttpExchange] = set()
        self._streams: Streams = {}
        self._closing = False
        self._idle = asyncio.Event()
        self._idle.set()

    def server(self) -> Server:
        """The aiohttp server of this door."""
        return Listener(self.handle, self._streams)

    async def handle(self, request: BaseRequest) -> StreamResponse:
        """Answers one HTTP request."""
        body = b""
        try:
            self._guards.check(request)
            match request.method:
                case "POST":
                    body = await self._guards.read(request)
                    return await self._post(request, body)
                case "GET":
                    return await self._get(request)
                case "DELETE":
                    return await self._delete(request)
                case method:
                    raise Rejection(
                        405,
                        "method_not_allowed",
                        f"{method} is not served here.",
                        allow="GET, POST, DELETE",
                    )
        except Rejection as rejection:
            if request.method == "POST":
                await self._record_rejected(rejection.reason, rejection.detail, body)
            return rejection.response()
        except UpstreamFailed as failure:
            logger.warning("upstream: %s", failure)
            status = 504 if failure.reason in {"timeout", "connect_timeout"} else 502
            answer = upstream_failure_answer(
                b"null", f"upstream_{failure.reason}", str(failure), None
            )
            return Response(status=status, body=answer, content_type=JSON)

    async def drain(self, seconds: float) -> int:
        """Takes no new requests, waits up to `seconds` for those in flight, then gives them up.

        Returns how many were given up. Each of them gets its record, and its answer if the agent
        takes it soon. What belongs to a request in flight (responses, notifications) still passes.
        """
        self._closing = True
        for stream in self._streams.values():
            end(stream)
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

    def _headers(self, request: BaseRequest, identifier: bytes | None = None) -> list[Header]:
        """The headers that go up. A revision that is not spoken here is refused before that."""
        revision = request.headers.get("mcp-protocol-version")
        try:
            if revisions.requested(revision) in revisions.LATER:
                detail = f"Revision {revision} is not available in this version."
                raise _unsupported(revision, detail, identifier)
        except revisions.UnknownRevision as unknown:
            raise _unsupported(unknown.revision, str(unknown), identifier) from None
        try:
            return request_headers(request.raw_headers, self._upstream.rules)
        except HeaderRefused as refusal:
            raise Rejection(400, "header_refused", str(refusal), identifier=identifier) from None

    async def _post(self, request: BaseRequest, body: bytes) -> StreamResponse:
        try:
            message = parse_message(body)
        except MalformedMessage as error:
            reason, code, identifier, detail = error.args
            raise Rejection(400, reason, detail, code, identifier) from None
        headers = self._headers(request, message.id)
        if message.kind == "request":
            self._refuse_when_closing(message.id)
            return await self._request(request, message, headers)
        if message.method == "notifications/cancelled":
            # First, because the upstream may end the stream before it acknowledges this.
            self._cancelled(request, body)
        elif message.kind == "response" and message.id is not None:
            self._answered(request, message.id)
        return await self._tell(message, headers)

    def _refuse_when_closing(self, identifier: bytes | None = None) -> None:
        if self._closing:
            raise Rejection(
                503, "shutting_down", "Helio is shutting down.", INTERNAL_ERROR, identifier
            )

    async def _request(
        self, request: BaseRequest, message: Message, headers: list[Header]
    ) -> StreamResponse:
        """One request, from its bytes to its answer; a call is governed."""
        exchange = HttpExchange(request, message, self._upstream, headers, self._on_tools_changed)
        call_id = clock.new_call_id(clock.now().wall)
        key = _key(request, identity(message.id or b"null"))
        if key is not None:
            self._open[key] = exchange
        self._in_flight.add(exchange)
        self._idle.clear()
        try:
            if message.method == "tools/call":
                received = self._received(request, message, call_id)
                await self._driver.run(CallMachine(self._governance()), received, exchange)
            else:
                await exchange.pass_on()
        except Exception:
            logger.exception("request %s failed inside Helio", call_id)
            exchange.break_off(_internal_error(message, call_id))
        finally:
            self._in_flight.discard(exchange)
            if key is not None and self._open.get(key) is exchange:
                del self._open[key]
            if not self._in_flight:
                self._idle.set()
        if exchange.response is None:
            raise ProgrammingError(f"request {call_id} ended without an answer")
        return exchange.response

    def _received(self, request: BaseRequest, message: Message, call_id: str) -> CallReceived:
        get = request.headers.get
        return CallReceived(
            message=message,
            call_id=call_id,
            upstream=self._upstream.name,
            session=self._sessions.resolve(get),
            agent=None,
            protocol_version=get("mcp-protocol-version"),
        )

    async def _tell(self, message: Message, headers: list[Header]) -> StreamResponse:
        """A notification, or the answer to the upstream's own request: only its receipt is awaited,
        whatever form the upstream gives it.
        """
        silence = self._upstream.client.request_timeout
        try:
            async with asyncio.timeout(silence):
                upstream = await self._send("POST", headers, message.body)
                return await relay_whole(upstream, MAX_ANSWER)
        except TimeoutError:
            detail = f"no receipt from the upstream within {silence} s"
            raise UpstreamFailed("timeout", sent=True, detail=detail) from None

    async def _get(self, request: BaseRequest) -> StreamResponse:
        """The upstream's own stream: it stands until either side, or Helio, ends it."""
        self._refuse_when_closing()
        headers = self._headers(request)
        downstream: Downstream | None = None
        try:
            async with asyncio.timeout(None) as standing:
                self._streams[request.protocol] = standing
                upstream = await self._upstream.send("GET", headers, None, timeout=None)
                if not is_event_stream(upstream):
                    return await relay_whole(upstream, MAX_ANSWER)
                downstream = Downstream(request, upstream)
                await relay_stream(downstream, upstream, self._on_tools_changed)
        except TimeoutError:
            if downstream is None:
                raise Rejection(
                    503, "stream_ended", "The stream ended before it began.", INTERNAL_ERROR
                ) from None
        finally:
            self._streams.pop(request.protocol, None)
        await downstream.end()
        return downstream.response

    async def _delete(self, request: BaseRequest) -> StreamResponse:
        upstream = await self._send("DELETE", self._headers(request), None)
        return await relay_whole(upstream, MAX_ANSWER)

    async def _send(
        self, method: str, headers: list[Header], body: bytes | None
    ) -> UpstreamResponse:
        silence = self._upstream.client.request_timeout
        return await self._upstream.send(method, headers, body, timeout=silence)

    def _cancelled(self, request: BaseRequest, body: bytes) -> None:
        """The agent gave a request up: the upstream is told, and not waited for much longer."""
        params = json.loads(body).get("params")
        found = params.get("requestId") if isinstance(params, dict) else None
        key = _key(request, found) if type(found) in (str, int) else None
        exchange = None if key is None else self._open.get(key)
        if exchange is not None:
            exchange.stop("cancelled", CANCEL_GRACE_SECONDS)

    def _answered(self, request: BaseRequest, question: bytes) -> None:
        """The agent answers what an upstream asked: the request that it belongs to waits for the
        upstream again."""
        session = request.headers.get("mcp-session-id")
        for (owner, _), exchange in self._open.items():
            if owner == session:
                exchange.agent_answered(question)


def _key(request: BaseRequest, identifier: object) -> RequestKey | None:
    """What a request is found by again; None without a session, where agents share their ids."""
    session = request.headers.get("mcp-session-id")
    return None if session is None else (session, identifier)


def _unsupported(revision: str | None, detail: str, identifier: bytes | None) -> Rejection:
    # What is no ASCII came as surrogates, which no JSON may hold.
    requested = (revision or "")[:64].encode("ascii", "backslashreplace").decode()
    data = {"supported": list(revisions.LEGACY), "requested": requested}
    return Rejection(400, "unsupported_revision", detail, UNSUPPORTED_REVISION, identifier, data)


def _internal_error(message: Message, call_id: str) -> bytes:
    return error_answer(
        message.id,
        INTERNAL_ERROR,
        "Helio could not carry out this request; it says why in its log.",
        {"reason": "internal_error", "call_id": call_id},
    )
