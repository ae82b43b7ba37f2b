"""Who sends an HTTP request, and what an agent finds that does not know whom to ask for a token.

Above: `helio.app`, the HTTP doors. Below: `helio.transport.authentication` and
`helio.transport.oauth`.
"""

from collections.abc import Awaitable, Callable

from aiohttp.web import BaseRequest, StreamResponse

from helio.transport.admission import Rejection
from helio.transport.authentication import Authenticator
from helio.transport.http import respond
from helio.transport.inbound import Whole
from helio.transport.oauth import WELL_KNOWN, ResourceMetadata

_CHALLENGE = b"www-authenticate"


class Identification:
    """Tells the agents of HTTP requests apart. The requests' Host must have been allowed."""

    def __init__(self, authenticator: Authenticator, metadata: ResourceMetadata) -> None:
        self._authenticator = authenticator
        self._metadata = metadata

    async def agent(self, request: BaseRequest) -> str | None:
        """The agent's id; None when nobody asks. Raises `Rejection`."""
        url = self._metadata.url(_path(request), request.headers["host"])
        given = request.headers.getall("authorization", ())
        return await self._authenticator.authenticate(given, url)

    def routes(self) -> dict[str, Callable[[BaseRequest], Awaitable[StreamResponse]]]:
        """What is served besides, by path: the metadata of all that needs tokens (RFC 9728)."""
        return dict.fromkeys(self._metadata.paths, self._tell)

    def challenged(self, answer: Whole, path: str, host: str) -> Whole:
        """An upstream's answer as the agent at `path` gets it: one that asks for a token leads to
        Helio's own metadata, or asks no more where the agent's tokens are not the upstream's.
        """
        if answer.status not in (401, 403):
            return answer
        headers = []
        for name, value in answer.headers:
            relayed: bytes | None = value
            if name == _CHALLENGE:
                relayed = self._metadata.relayed_challenge(value, path, host)
            if relayed is not None:
                headers.append((name, relayed))
        return Whole(answer.status, headers, answer.body)

    async def _tell(self, request: BaseRequest) -> StreamResponse:
        if request.method != "GET":
            raise Rejection(
                405,
                "method_not_allowed",
                f"{request.method} is not served here.",
                headers=((b"allow", b"GET"),),
            )
        path = _path(request).removeprefix(WELL_KNOWN)
        metadata = await self._metadata.metadata(path, request.headers["host"])
        return await respond(metadata, request)


def _path(request: BaseRequest) -> str:
    return request.raw_path.partition("?")[0]
