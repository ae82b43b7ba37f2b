"""Who gets in: no browser, a Host that is ours, and a token that is for what is asked.

Above: `api`. Below: `tokens`, `rates`, `helio.protocol.guards`, `helio.operator.faults`.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from helio.operator.faults import Refused
from helio.protocol.guards import HostRules, host_allowed
from helio.protocol.media import is_json
from helio.sideband.rates import Rates
from helio.sideband.tokens import Scope, Token, Tokens

logger = logging.getLogger(__name__)

HEALTH_PATH: Final = "/healthz"
DOCUMENT_PATH: Final = "/openapi.json"
OPEN_PATHS: Final = frozenset({HEALTH_PATH, DOCUMENT_PATH})
"""What needs no token: probes have none, and the document is the same everywhere."""
TOKEN: Final = web.RequestKey("token", Token)
"""Where a request holds its token."""
SDK_PATHS: Final = ("/evidence", "/context", "/session/")
"""Where an SDK's token is asked for; anywhere else it is an adapter's."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Access:
    """The allowlist, the tokens of this moment, and how much each may ask."""

    hosts: HostRules
    tokens: Callable[[], Tokens]
    rates: Rates
    clock: Callable[[], datetime] = _now

    def admit(self, request: web.Request) -> Token | None:
        """Whose request it is; None where nobody is asked. Raises `Refused`."""
        hosts = request.headers.getall("host", ())
        if len(hosts) != 1 or not host_allowed(hosts[0], self.hosts):
            raise Refused(403, "this Host is not allowed")
        if not request.raw_path.startswith("/"):
            raise Refused(400, "send the path alone, and the Host in its header")
        if "origin" in request.headers:
            raise Refused(403, "pages of browsers are not served here: send no Origin")
        if request.path in OPEN_PATHS:
            return None
        token = self._token(request, "sdk" if request.path.startswith(SDK_PATHS) else "adapter")
        self.rates.take(token.name)
        is_change = request.method == "POST" and request.match_info.http_exception is None
        if is_change and not is_json(request.headers.get("content-type")):
            raise Refused(415, "send JSON: Content-Type: application/json")
        return token

    def _token(self, request: web.Request, scope: Scope) -> Token:
        given = request.headers.getall("authorization", ())
        scheme, _, presented = (given[0] if len(given) == 1 else "").partition(" ")
        tokens = self.tokens()
        if scheme.lower() == "bearer":
            token = tokens.find(presented.strip(), self.clock())
            if token is not None and scope in token.scopes:
                return token
        raise Refused(
            401,
            _UNAUTHORIZED[scope] if tokens.has(scope) else _NO_TOKENS,
            headers={"www-authenticate": 'Bearer realm="helio"'},
            more={"reason": "token_refused"},
        )


_UNAUTHORIZED: Final[dict[Scope, str]] = {
    "sdk": "the token is not one of the SDK's: HELIO_SDK_TOKEN, or one of `sdk.tokens`",
    "adapter": (
        "the token is not one of an adapter's: HELIO_ADAPTER_TOKEN, or one of `sdk.tokens`"
    ),
}
_NO_TOKENS: Final = (
    "Helio has no token for adapters: set HELIO_ADAPTER_TOKEN for `helio start`, or write one of "
    "`sdk.tokens` with `scopes: [adapter]`"
)


def guarded(access: Access) -> Middleware:
    """The middleware: refuses before anything is looked up, and answers every fault as JSON."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            token = access.admit(request)
            if token is not None:
                request[TOKEN] = token
            return await handler(request)
        except Refused as refused:
            return refused.answer()
        except web.HTTPException as error:
            headers = {"allow": error.headers["allow"]} if "allow" in error.headers else None
            return Refused(error.status, error.reason.lower(), headers=headers).answer()
        except ConnectionError:
            raise  # Whoever asked is gone.
        except Exception:
            logger.exception("%s %s failed", request.method, request.path)
            return Refused(500, "this failed; Helio's log says why").answer()

    return middleware
