"""The MCP door: streamable HTTP for agents, with its guards.

Above: `helio.app`. Below: `helio.transport.exchange` and `helio.transport.relay`, `helio.runtime`,
`helio.protocol`. A `tools/call` goes through the driver; every other well-formed message passes as
it is. Every body that an agent posts goes through the strict envelope first.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import orjson
from aiohttp.web import BaseRequest, Response, Server, StreamResponse
from aiohttp.web_protocol import RequestHandler

from helio.errors import UpstreamFailed
from helio.evaluator import MalformedMessage, Message, parse_message
from helio.governance.feedback import upstream_failure_answer
from helio.governance.identity import SessionResolver
from helio.pipeline.events import CallReceived
from helio.pipeline.governance import Governance
from helio.pipeline.machine import CallMachine
from helio.protocol import revisions
from helio.protocol.guards import (
    HostRules,
    OriginRules,
    host_allowed,
    origin_allowed,
    path_allowed,
)
from helio.protocol.headers import Header, HeaderRefused, request_headers
from helio.protocol.jsonrpc import INTERNAL_ERROR, INVALID_REQUEST, error_answer
from helio.protocol.media import JSON, essence
from helio.runtime import clock
from helio.runtime.driver import Driver
from helio.transport.exchange import MAX_ANSWER, HttpExchange
from helio.transport.relay import is_event_stream, relay_stream, relay_whole
from helio.upstream.registry import Upstream
from helio.upstream.response import UpstreamResponse

logger = logging.getLogger(__name__)

UNSUPPORTED_REVISION = -32022
"""JSON-RPC code of a revision that is not spoken here; `data.supported` lists those that are."""
CANCEL_GRACE_SECONDS = 1.0
"""How long the upstream may still answer a call that the agent cancelled."""


@dataclass(eq=False)
class Rejection(Exception):  # noqa: N818
    """A request that goes no further: how it is answered, and why (`reason`, for the audit)."""

    status: int
    reason: str
    detail: str
    code: int = INVALID_REQUEST
    identifier: bytes | None = None
    data: object = None
    allow: str | None = None

    def response(self) -> Response:
        """The HTTP answer: a JSON-RPC error with `data.reason`."""
        data = self.data if self.data is not None else {"reason": self.reason}
        return Response(
            status=self.status,
            body=error_answer(self.identifier, self.code, self.detail, data),
            content_type=JSON,
            headers=None if self.allow is None else {"allow": self.allow},
        )


@dataclass(frozen=True, slots=True)
class Guards:
    """Who may knock, and with how much: hosts, origins, the largest body in bytes."""

    hosts: HostRules
    origins: OriginRules
    max_body: int
    path: str = "/mcp"

    def check(self, request: BaseRequest) -> None:
        """Raises `Rejection` for a path, host or origin that may not pass, in this order."""
        if not path_allowed(request.raw_path, (self.path,)):
            raise Rejection(
                404, "unknown_path", f"Nothing is served here. Agents connect to {self.path}."
            )
        headers = request.headers
        if len(headers.getall("host", ())) != 1 or not host_allowed(headers["host"], self.hosts):
            raise Rejection(
                403, "host_refused", "This Host is not allowed; see listen.allowed_hosts."
            )
        origins = headers.getall("origin", ())
        if len(origins) > 1 or not origin_allowed(headers.get("origin"), self.origins):
            raise Rejection(
                403, "origin_refused", "This Origin is not allowed; see listen.allowed_origins."
            )


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
        self._calls: dict[tuple[str | None, bytes], HttpExchange] = {}
        self._in_flight: set[HttpExchange] = set()
        self._streams: dict[RequestHandler, asyncio.Event] = {}
        self._closing = False
        self._idle = asyncio.Event()
        self._idle.set()

    def server(self) -> Server:
        """The aiohttp server of this door."""
        return _WatchingServer(self.handle, self._streams, access_log=None)

    async def handle(self, request: BaseRequest) -> StreamResponse:
        """Answers one HTTP request."""
        body = b""
        try:
            self._guards.check(request)
            if self._closing:
                raise Rejection(503, "shutting_down", "Helio is shutting down.", INTERNAL_ERROR)
            match request.method:
                case "POST":
                    body = await self._read_body(request)
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
        """Takes no new calls, waits up to `seconds` for those in flight, then gives the rest up.

        Returns how many were given up; each of them gets its record and its answer.
        """
        self._closing = True
        for lost in self._streams.values():
            lost.set()
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            given_up = len(self._in_flight)
            for exchange in list(self._in_flight):
                exchange.stop("shutdown")
            async with asyncio.timeout(2.0):
                await self._idle.wait()
            return given_up
        return 0

    async def _read_body(self, request: BaseRequest) -> bytes:
        if essence(request.headers.get("content-type")) != JSON:
            raise Rejection(
                415, "unsupported_media_type", "The Content-Type must be application/json."
            )
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise Rejection(415, "unsupported_encoding", "A Content-Encoding is not accepted.")
        limit = self._guards.max_body
        length = request.content_length
        too_large = Rejection(413, "body_too_large", f"The body is larger than {limit} bytes.")
        if length is not None and length > limit:
            raise too_large
        pieces: list[bytes] = []
        size = 0
        while piece := await request.content.readany():
            size += len(piece)
            if size > limit:
                raise too_large
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _headers(self, request: BaseRequest, identifier: bytes | None = None) -> list[Header]:
        """The headers that go up. A revision that is not spoken here is refused before that."""
        revision = request.headers.get("mcp-protocol-version")
        if revision is not None and revision.strip() in revisions.LATER:
            raise Rejection(
                400,
                "unsupported_revision",
                f"Revision {revision.strip()} is not available in this version.",
                UNSUPPORTED_REVISION,
                identifier,
                {"supported": list(revisions.LEGACY), "requested": revision.strip()},
            )
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
        if message.method == "tools/call":
            return await self._call(request, message, headers)
        if message.method == "notifications/cancelled":
            # First, because the upstream may end the call's stream before it acknowledges this.
            self._cancelled(request, body)
        elif message.kind == "response" and message.id is not None:
            self._answered(request, message.id)
        return await self._pass(request, message, headers)

    async def _call(
        self, request: BaseRequest, message: Message, headers: list[Header]
    ) -> StreamResponse:
        """One governed call, from its bytes to its answer."""
        exchange = HttpExchange(request, message, self._upstream, headers, self._on_tools_changed)
        get = request.headers.get
        received = CallReceived(
            message=message,
            call_id=clock.new_call_id(clock.now().wall),
            upstream=self._upstream.name,
            session=self._sessions.resolve(get),
            agent=None,
            protocol_version=get("mcp-protocol-version"),
        )
        correlation = (get("mcp-session-id"), message.id or b"")
        self._calls[correlation] = exchange
        self._in_flight.add(exchange)
        self._idle.clear()
        try:
            await self._driver.run(CallMachine(self._governance()), received, exchange)
        except Exception:
            logger.exception("call %s failed inside Helio", received.call_id)
            return _internal_error(message, received.call_id)
        finally:
            self._in_flight.discard(exchange)
            if self._calls.get(correlation) is exchange:
                del self._calls[correlation]
            if not self._in_flight:
                self._idle.set()
        if exchange.response is None:
            return _internal_error(message, received.call_id)
        return exchange.response

    async def _pass(
        self, request: BaseRequest, message: Message, headers: list[Header]
    ) -> StreamResponse:
        """Any other message, as it is."""
        try:
            upstream = await self._send("POST", headers, message.body)
        except UpstreamFailed as failure:
            if message.kind != "request" or message.id is None:
                raise
            answer = upstream_failure_answer(
                message.id, f"upstream_{failure.reason}", str(failure), None
            )
            return Response(body=answer, content_type=JSON)
        if is_event_stream(upstream):
            return await relay_stream(request, upstream, self._on_tools_changed, None)
        return await relay_whole(upstream, MAX_ANSWER)

    async def _get(self, request: BaseRequest) -> StreamResponse:
        """The upstream's own stream: it lives until either side ends it."""
        lost = self._streams.setdefault(request.protocol, asyncio.Event())
        headers = self._headers(request)
        upstream = await self._upstream.send("GET", headers, None, timeout=None)
        try:
            if is_event_stream(upstream):
                return await relay_stream(request, upstream, self._on_tools_changed, lost)
            return await relay_whole(upstream, MAX_ANSWER)
        finally:
            self._streams.pop(request.protocol, None)

    async def _delete(self, request: BaseRequest) -> StreamResponse:
        upstream = await self._send("DELETE", self._headers(request), None)
        return await relay_whole(upstream, MAX_ANSWER)

    async def _send(
        self, method: str, headers: list[Header], body: bytes | None
    ) -> UpstreamResponse:
        silence = self._upstream.client.request_timeout
        return await self._upstream.send(method, headers, body, timeout=silence)

    def _cancelled(self, request: BaseRequest, body: bytes) -> None:
        """The agent gave a call up: the upstream knows, and is not waited for much longer."""
        params = orjson.loads(body).get("params")
        if not isinstance(params, dict):
            return
        session = request.headers.get("mcp-session-id")
        exchange = self._calls.get((session, orjson.dumps(params.get("requestId"))))
        if exchange is not None:
            exchange.stop("cancelled", CANCEL_GRACE_SECONDS)

    def _answered(self, request: BaseRequest, question: bytes) -> None:
        """The agent answers what an upstream asked: the call that it belongs to waits for the
        upstream again."""
        session = request.headers.get("mcp-session-id")
        for (owner, _), exchange in self._calls.items():
            if owner == session:
                exchange.agent_answered(question)


class _WatchingServer(Server):
    """Tells streams when the connection of their agent is lost."""

    def __init__(
        self,
        handler: Callable[[BaseRequest], Awaitable[StreamResponse]],
        streams: dict[RequestHandler, asyncio.Event],
        **options: object,
    ) -> None:
        super().__init__(handler, **options)  # type: ignore[arg-type]
        self._streams = streams

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """Called by aiohttp when a connection is gone."""
        lost = self._streams.pop(handler, None)
        if lost is not None:
            lost.set()
        super().connection_lost(handler, exc)


def _internal_error(message: Message, call_id: str) -> Response:
    body = error_answer(
        message.id,
        INTERNAL_ERROR,
        "Helio could not carry out this call; it says why in its log.",
        {"reason": "internal_error", "call_id": call_id},
    )
    return Response(body=body, content_type=JSON)
