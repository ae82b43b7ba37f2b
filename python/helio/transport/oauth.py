"""Where agents find out who gives out the tokens that are needed here (RFC 9728).

Above: `helio.transport.door`, `helio.transport.reception`. Below: `helio.upstream.document`,
`helio.protocol.challenges`. Clients compare `resource` with the URL that they dialled, so it is
always Helio's own: with `auth.mode: jwt` Helio is the resource; with `none` an upstream may be, and
its metadata are served as Helio's.
"""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from helio.errors import UpstreamFailed
from helio.protocol.challenges import parameter, replace_parameter
from helio.protocol.media import JSON
from helio.transport.inbound import Whole
from helio.upstream.document import fetch
from helio.upstream.request import origin_of

logger = logging.getLogger(__name__)

WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"
DEFAULT_PATH: Final = "/mcp"
KEPT_SECONDS: Final = 300.0
"""How long an upstream's metadata are served before they are asked for again."""
RETRY_SECONDS: Final = 5.0
"""How long after a failure they are not asked for again."""

_PARAMETER: Final = b"resource_metadata"
_UNSIGNED: Final = "signed_metadata"

Members = dict[str, Any]
Fetch = Callable[[str], Awaitable[tuple[int, bytes]]]


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs the tokens that Helio itself asks for (`auth.mode: jwt`)."""

    name: str


@dataclass(frozen=True, slots=True)
class Protected:
    """An upstream that asks agents for tokens itself: its URL."""

    url: str


Resource = Issuer | Protected | None
"""Who asks for tokens at a path; None when no token that an agent could get helps there."""


class ResourceMetadata:
    """The metadata of everything that is served.

    `resources` tells by path (`/mcp`, `/mcp/<name>`, `/sse`) who asks for tokens there.
    `public_url` is how agents reach Helio, None for the Host that they name. `clock` gives
    monotonic seconds.
    """

    def __init__(
        self,
        resources: Mapping[str, Resource],
        public_url: str | None,
        *,
        fetch: Fetch = fetch,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resources = resources
        self._public_url = None if public_url is None else public_url.rstrip("/")
        self._upstreams = {
            resource.url: _UpstreamMetadata(resource.url, fetch, clock)
            for resource in resources.values()
            if isinstance(resource, Protected)
        }

    @property
    def paths(self) -> list[str]:
        """Where metadata are served."""
        own = [WELL_KNOWN + path for path in self._resources]
        return [WELL_KNOWN, *own] if DEFAULT_PATH in self._resources else own

    def url(self, path: str, host: str) -> str | None:
        """Where the metadata of `path` are, for a challenge; None when there are none.

        `host` is the request's Host, which must have been allowed.
        """
        if self._resources.get(path) is None:
            return None
        return self._base(host) + WELL_KNOWN + path

    async def metadata(self, path: str, host: str) -> Whole:
        """What is at `WELL_KNOWN` + `path`: 200, 404 when there is nothing, 502 when the upstream
        does not say. `host` as for `url`.
        """
        path = path or DEFAULT_PATH
        resource = self._resources.get(path)
        if resource is None:
            return _error(404, "No token is asked for here that an agent could get.")
        url = self._base(host) + path
        if isinstance(resource, Issuer):
            return _json(200, _own(url, resource.name))
        try:
            members = await self._upstreams[resource.url].members()
        except UpstreamFailed as failure:
            logger.warning("the metadata of an upstream cannot be had: %s", failure)
            return _error(502, "The upstream does not give its metadata.")
        if members is None:
            return _error(404, "The upstream publishes no metadata.")
        return _json(200, {**members, "resource": url})

    def relayed_challenge(self, challenge: bytes, path: str, host: str) -> bytes | None:
        """An upstream's `WWW-Authenticate` as the agent gets it: with Helio's own metadata, or None
        where the agent's tokens are not the upstream's.
        """
        resource = self._resources.get(path)
        if not isinstance(resource, Protected):
            return None
        advertised = parameter(challenge, _PARAMETER)
        if advertised is None:
            return challenge
        self._upstreams[resource.url].advertised(advertised.decode("latin-1"))
        url = f"{self._base(host)}{WELL_KNOWN}{path}"
        return replace_parameter(challenge, _PARAMETER, url.encode("latin-1"))

    def _base(self, host: str) -> str:
        return f"http://{host}" if self._public_url is None else self._public_url


class _UpstreamMetadata:
    """What one upstream says of itself, asked for at its own origin only, and rarely."""

    def __init__(self, url: str, fetch: Fetch, clock: Callable[[], float]) -> None:
        self._places = _places(url)
        self._origin = _origin(url)
        self._advertised: str | None = None
        self._fetch = fetch
        self._clock = clock
        self._members: Members | None = None
        self._failure: UpstreamFailed | None = None
        self._due = float("-inf")
        self._asking = asyncio.Lock()

    def advertised(self, url: str) -> None:
        """The upstream says where its metadata are. Elsewhere than at its own origin, nobody goes
        there.
        """
        known = url == self._advertised or url in self._places
        if not known and _origin(url) == self._origin:
            self._advertised = url
            self._due = float("-inf")

    async def members(self) -> Members | None:
        """The metadata; None when there are none. Raises `UpstreamFailed` when nobody can tell."""
        async with self._asking:
            if self._clock() >= self._due:
                await self._ask()
        if self._failure is not None:
            raise self._failure
        return self._members

    async def _ask(self) -> None:
        self._failure = None
        try:
            self._members = await self._found()
        except UpstreamFailed as failure:
            self._failure = failure
        except (ValueError, RecursionError) as error:
            self._failure = UpstreamFailed("protocol_error", sent=True, detail=str(error))
        there = self._failure is None and self._members is not None
        self._due = self._clock() + (KEPT_SECONDS if there else RETRY_SECONDS)

    async def _found(self) -> Members | None:
        places = self._places if self._advertised is None else (self._advertised, *self._places)
        for place in places:
            status, body = await self._fetch(place)
            if status == 200:
                return _members(body)
            if status >= 500:
                detail = f"HTTP {status} for its metadata"
                raise UpstreamFailed("protocol_error", sent=True, detail=detail)
        return None


def _own(url: str, issuer: str) -> Members:
    members: Members = {"resource": url, "bearer_methods_supported": ["header"]}
    if urlsplit(issuer).scheme in ("http", "https"):
        members["authorization_servers"] = [issuer]
    return members


def _members(body: bytes) -> Members:
    """An upstream's metadata, without what a rewritten `resource` makes untrue (RFC 9728, section
    2.2: signed members win over the others). Raises `ValueError`.
    """
    found = json.loads(body)
    if not isinstance(found, dict) or not isinstance(found.get("resource"), str):
        raise ValueError("its metadata are not those of a protected resource")
    found.pop(_UNSIGNED, None)
    return found


def _places(url: str) -> tuple[str, ...]:
    """Where a resource's metadata may be: with its path inserted, then at the root (RFC 9728,
    section 3.1; MCP, Authorization).
    """
    path = urlsplit(url).path.rstrip("/")
    parts = urlsplit(url)
    root = f"{parts.scheme}://{parts.netloc}{WELL_KNOWN}"
    return (root + path, root) if path else (root,)


def _origin(url: str) -> tuple[bool, str, int] | None:
    """Whether it is TLS, host and port; None for a URL that could not be asked."""
    try:
        origin = origin_of(url)
    except ValueError:
        return None
    return origin.tls, origin.host, origin.port


def _json(status: int, value: object) -> Whole:
    headers = ((b"content-type", JSON.encode()), (b"cache-control", b"no-store"))
    return Whole(status, headers, json.dumps(value, ensure_ascii=False).encode())


def _error(status: int, why: str) -> Whole:
    return _json(status, {"error": why})
