"""What every upstream looks like from inside, whatever its transport and revision: a streamable
HTTP server.

Above: `helio.upstream.registry` and all that sends. Below: the ports themselves (HTTP, SSE, a stdio
child, the bridges between revisions), each of which may stand on another one. So whoever sends a
message need not know what is at the other end.
"""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from helio.protocol.headers import Header


class Response(Protocol):
    """One answer. Read it to its end or `close` it: until then it keeps what it stands on.

    `headers` have names in lower case.
    """

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> tuple[Header, ...]:
        """The headers, in the order received."""

    @property
    def complete(self) -> bool:
        """Whether the whole answer has arrived (some of it may still wait to be read)."""

    def header(self, name: bytes) -> bytes | None:
        """The first header of this name (in lower case), None without one."""

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes, in pieces of any size, never empty.

        Raises `UpstreamFailed` (always `sent`) when it ends early. Leaving before the end closes
        the answer.
        """

    async def read(self, limit: int) -> bytes:
        """The whole rest of the body, of at most `limit` bytes. Raises `UpstreamFailed`."""

    def allow_silence(self, timeout: float | None) -> None:
        """Replaces the request's timeout for what is left: seconds between bytes; None for ever."""

    def close(self) -> None:
        """Gives the answer up."""


class Port(Protocol):
    """An upstream as a streamable HTTP server (2025-11-25 and 2026-07-28, Transports)."""

    async def send(
        self,
        method: str,
        headers: Sequence[Header],
        body: bytes | memoryview | None,
        *,
        path_suffix: str = "",
        timeout: float | None,  # noqa: ASYNC109 - between bytes, not around the call
    ) -> Response:
        """Sends one request, once, and returns when the head of its answer is there.

        POST carries one message that passed the strict envelope: a request is answered by JSON or
        an event stream that ends with its answer, anything else by 202. GET is the stream of what
        the server says on its own, DELETE the end of a session; both are of the legacy revisions.
        `headers` have names in lower case. `timeout` is how long the upstream may stay silent;
        None is a standing stream. Raises `UpstreamFailed`; its `sent` is False only when not one
        byte left this process. A cancellation gives the request up.
        """

    async def aclose(self) -> None:
        """Ends everything; requests under way fail with `closed`."""
