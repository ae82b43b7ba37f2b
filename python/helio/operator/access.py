"""Who may use the operator port: host and origin allowlists, then the secret or a session.

Above: `helio.operator.api`, `sign_in`, `approvals`. Below: `guesses`, `sessions`,
`helio.protocol.guards`.

Scripts send the secret with every request (`Authorization: Bearer`). Browsers send it once, and a
cookie from then on; because a browser sends cookies whoever asks it to, a change by cookie must
carry the session's own token as well. Every change is JSON, which no foreign page can send without
being asked first.
"""

import hmac
import logging
from dataclasses import dataclass, field
from typing import Final, Literal

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from yarl import URL

from helio.operator.faults import Refused, fault
from helio.operator.guesses import Guesses
from helio.operator.sessions import OperatorSessions, SignedIn
from helio.protocol.guards import HostRules, OriginRules, host_allowed, origin_allowed
from helio.protocol.media import is_json

logger = logging.getLogger(__name__)

SESSION_PATH: Final = "/api/auth/session"
CSRF_HEADER: Final = "x-helio-csrf"

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OPEN_PATHS: Final = frozenset({"/", "/api/health"})
ASSETS: Final = "/assets/"
"""What needs no secret: probes have none, and the dashboard asks for it. Below `ASSETS` are files
that are the same for everybody."""


@dataclass(frozen=True, slots=True)
class Operator:
    """Who asks, and how that is known: `open` needs no proof, `nobody` gave none (and signs in)."""

    by: Literal["bearer", "cookie", "open", "nobody"]
    cookie: str = ""
    session: SignedIn | None = None


OPERATOR: Final = web.RequestKey("operator", Operator)
"""Where a request holds its `Operator`."""


@dataclass(frozen=True, slots=True)
class Access:
    """The allowlists and the secret; `secret` None (open mode) asks for none.

    `cookie` is the name of the sessions' cookie: cookies do not tell ports apart.
    """

    hosts: HostRules
    origins: OriginRules
    secret: str | None
    cookie: str = "helio_session"
    sessions: OperatorSessions = field(default_factory=OperatorSessions)
    guesses: Guesses = field(default_factory=Guesses)

    async def admit(self, request: web.Request) -> Operator:
        """Who asks. Raises `Refused` for those who may not."""
        self._check_knock(request)
        _check_form(request)
        if self.secret is None:
            return Operator("open")
        signs_in = (request.method, request.path) == ("POST", SESSION_PATH)
        if signs_in or request.path in _OPEN_PATHS or request.path.startswith(ASSETS):
            return Operator("nobody")
        if "authorization" in request.headers:
            scheme, _, presented = request.headers["authorization"].partition(" ")
            if scheme.lower() != "bearer":
                raise unauthorized()
            await self.check_secret(request, presented.strip())
            return Operator("bearer")
        return self._by_cookie(request)

    async def check_secret(self, request: web.Request, presented: str) -> None:
        """Raises `Refused`: 401 for what is not the secret, 429 where too many try, and 403 in open
        mode, where there is none."""
        if self.secret is None:
            raise Refused(403, "there is no secret in open mode: set dashboard.api_secret")
        if not await self.guesses.turn(request.remote):
            text = "too many wrong secrets from this address: wait a moment"
            raise Refused(429, text, headers={"retry-after": "5"})
        given, expected = presented.encode(errors="surrogateescape"), self.secret.encode()
        if not hmac.compare_digest(given, expected):
            self.guesses.wrong(request.remote)
            raise unauthorized()

    def _check_knock(self, request: web.Request) -> None:
        hosts = request.headers.getall("host", ())
        if len(hosts) != 1 or not host_allowed(hosts[0], self.hosts):
            raise Refused(403, "this Host is not allowed")
        origin = request.headers.get("origin")
        if len(request.headers.getall("origin", ())) > 1:
            raise Refused(403, "this Origin is not allowed")
        # The origin of our own pages is the host, which may be asked for.
        own = origin is not None and _is_own(origin, hosts[0])
        if not own and not origin_allowed(origin, self.origins):
            raise Refused(403, "this Origin is not allowed")

    def _by_cookie(self, request: web.Request) -> Operator:
        cookie = request.cookies.get(self.cookie, "")
        session = self.sessions.find(cookie) if cookie else None
        if session is None:
            raise unauthorized()
        if request.method not in _READING:
            token = request.headers.get(CSRF_HEADER, "").encode(errors="surrogateescape")
            if not hmac.compare_digest(token, session.csrf_token.encode()):
                raise Refused(403, f"a change by cookie needs the session's token: {CSRF_HEADER}")
        return Operator("cookie", cookie, session)


def guarded(access: Access) -> Middleware:
    """The middleware: refuses before anything is looked up, and answers every fault as JSON."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            request[OPERATOR] = await access.admit(request)
            return await handler(request)
        except Refused as refused:
            return refused.answer()
        except web.HTTPException as error:
            response = fault(error.status, error.reason.lower())
            if "allow" in error.headers:
                response.headers["allow"] = error.headers["allow"]
            return response
        except ConnectionError:
            raise  # Whoever asked is gone.
        except Exception:
            logger.exception("%s %s failed", request.method, request.path)
            return fault(500, "this failed; the log says why")

    return middleware


def unauthorized() -> Refused:
    """For those who have not shown the secret."""
    return Refused(
        401,
        "send the operator's secret (Authorization: Bearer <api_secret>), or sign in "
        f"(POST {SESSION_PATH})",
        headers={"www-authenticate": 'Bearer realm="helio"'},
    )


def _check_form(request: web.Request) -> None:
    """Raises `Refused` for a change that is not JSON, on a path that takes changes."""
    if request.method in _READING or request.match_info.http_exception is not None:
        return
    if not is_json(request.headers.get("content-type")):
        raise Refused(415, "send JSON: Content-Type: application/json")


def _is_own(origin: str, host: str) -> bool:
    """Whether an `Origin` is that of the `Host` itself, over HTTP or, behind a proxy, HTTPS."""
    return origin.lower() in {f"{scheme}://{host}".lower() for scheme in ("http", "https")}


def is_plain_loopback(request: web.Request) -> bool:
    """Whether a browser asks without TLS on the machine itself, where `Secure` cookies are lost."""
    if request.headers.get("origin", "").lower().startswith("https:"):
        return False
    return URL(f"http://{request.host}").host in {"localhost", "127.0.0.1", "::1"}
