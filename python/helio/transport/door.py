"""The HTTP door: what is served at which path, and who may knock.

Above: `helio.app`. Below: `helio.transport.reception` (answers), `helio.transport.admission` (the
guards), `helio.transport.listener` (the server).
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial

from aiohttp.web import BaseRequest, Server, StreamResponse

from helio.protocol.headers import Header
from helio.transport.admission import Guards, Rejection
from helio.transport.http import HttpCaller, respond
from helio.transport.inbound import Inbound
from helio.transport.listener import Listener, Partings
from helio.transport.reception import Reception, RecordRejected

Handler = Callable[[BaseRequest], Awaitable[StreamResponse]]
"""Answers one HTTP request that passed the guards. Raises `Rejection`."""

Identify = Callable[[BaseRequest], Awaitable[str | None]]
"""Which agent sent a request; None when nobody asks. Raises `Rejection`."""


async def nobody(_request: BaseRequest) -> str | None:
    """Asks nobody who they are (`auth.mode: none`)."""
    return None


class HttpDoor:
    """Serves routes by their exact path; `guards` lets no other path through.

    `record_strangers` False keeps what the guards refuse out of the audit: where agents say who
    they are, nobody else may fill it.
    """

    def __init__(
        self, guards: Guards, record_rejected: RecordRejected, *, record_strangers: bool = True
    ) -> None:
        self._routes: dict[str, Handler] = {}
        self._guards = guards
        self._record_rejected = record_rejected
        self._record_strangers = record_strangers
        self.partings: Partings = {}

    def serve(self, routes: Mapping[str, Handler]) -> None:
        """Adds routes, each by its path."""
        self._routes.update(routes)

    def server(self) -> Server:
        """The aiohttp server of this door."""
        return Listener(self.handle, self.partings)

    async def handle(self, request: BaseRequest) -> StreamResponse:
        """Answers one HTTP request."""
        known = self._record_strangers
        try:
            self._guards.check(request)
            known = True
            return await self._routes[request.raw_path.partition("?")[0]](request)
        except Rejection as rejection:
            if request.method == "POST" and rejection.recorded and known:
                await self._record_rejected(rejection.reason, rejection.detail, b"", None)
            return await respond(rejection.whole(), request)


class McpRoutes:
    """Streamable HTTP at `/mcp` and `/mcp/<name>`: one route for each target of the reception."""

    def __init__(
        self,
        reception: Reception,
        guards: Guards,
        partings: Partings,
        identify: Identify = nobody,
    ) -> None:
        self._reception = reception
        self._guards = guards
        self._partings = partings
        self._identify = identify

    def of(self, targets: Iterable[str | None]) -> dict[str, Handler]:
        """The routes of these targets by path."""
        return {mcp_path(target): partial(self._handle, target) for target in targets}

    async def _handle(self, target: str | None, request: BaseRequest) -> StreamResponse:
        method = request.method
        if method not in ("POST", "GET", "DELETE"):
            detail = f"{method} is not served here."
            raise Rejection(405, "method_not_allowed", detail, headers=_allow("GET, POST, DELETE"))
        agent = await self._identify(request)
        body = await self._guards.read(request) if method == "POST" else b""
        caller = HttpCaller(request, agent, self._partings)
        inbound = Inbound(method, target, request.raw_headers, body, caller)
        return await respond(await self._reception.handle(inbound), request)


def mcp_path(target: str | None) -> str:
    """Where agents reach a target."""
    return "/mcp" if target is None else f"/mcp/{target}"


def _allow(methods: str) -> Sequence[Header]:
    return ((b"allow", methods.encode()),)
