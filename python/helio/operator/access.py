"""Who may use the operator port: host and origin allowlists, then the secret.

Above: `helio.operator.api`. Below: `helio.protocol.guards`.
"""

import hmac
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from helio.protocol.guards import HostRules, OriginRules, host_allowed, origin_allowed

OPEN_PATHS = frozenset({"/api/health"})
"""What needs no secret: probes have none."""


@dataclass(frozen=True, slots=True)
class Access:
    """The allowlists and the secret; `secret` None (open mode) asks for none."""

    hosts: HostRules
    origins: OriginRules
    secret: str | None

    def refusal(self, request: web.Request) -> web.Response | None:
        """Why this request may not pass, as its answer; None when it may."""
        hosts = request.headers.getall("host", ())
        if len(hosts) != 1 or not host_allowed(hosts[0], self.hosts):
            return fault(403, "this Host is not allowed")
        origins = request.headers.getall("origin", ())
        if len(origins) > 1 or not origin_allowed(request.headers.get("origin"), self.origins):
            return fault(403, "this Origin is not allowed")
        if request.path in OPEN_PATHS or self.secret is None:
            return None
        scheme, _, presented = request.headers.get("authorization", "").partition(" ")
        expected = self.secret.encode()
        if scheme.lower() != "bearer" or not hmac.compare_digest(
            presented.strip().encode(errors="surrogateescape"), expected
        ):
            response = fault(401, "send the operator's secret: Authorization: Bearer <api_secret>")
            response.headers["www-authenticate"] = 'Bearer realm="helio"'
            return response
        return None


def guarded(access: Access) -> Middleware:
    """The middleware: refuses before anything is looked up, and answers every fault as JSON."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        refusal = access.refusal(request)
        if refusal is not None:
            return refusal
        try:
            return await handler(request)
        except web.HTTPException as error:
            response = fault(error.status, error.reason.lower())
            if "allow" in error.headers:
                response.headers["allow"] = error.headers["allow"]
            return response

    return middleware


def fault(status: int, text: str) -> web.Response:
    """An error as every path of the operator port answers it: `{"error": "…"}`."""
    return web.json_response({"error": text}, status=status)
