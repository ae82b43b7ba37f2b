"""Who may knock, and with what: path, host and origin, then the body.

Above: `helio.transport.door`. Below: `helio.protocol`.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from aiohttp import StreamReader
from aiohttp.web import BaseRequest
from aiohttp.web_protocol import RequestPayloadError

from helio.protocol.guards import (
    HostRules,
    OriginRules,
    host_allowed,
    origin_allowed,
    path_allowed,
)
from helio.protocol.headers import Header
from helio.protocol.jsonrpc import INTERNAL_ERROR, INVALID_REQUEST, error_answer
from helio.protocol.media import JSON, is_json
from helio.transport.inbound import Whole

SILENT_SECONDS = 30.0
"""How long nothing may come of a body that is not whole yet."""
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(eq=False)
class Rejection(Exception):
    """A request that goes no further: how it is answered, and why (`reason`, for the audit).

    `recorded` is False for what anybody could send without end: it must not fill the audit.
    """

    status: int
    reason: str
    detail: str
    code: int = INVALID_REQUEST
    identifier: bytes | None = None
    data: object = None
    headers: Sequence[Header] = ()
    recorded: bool = True

    def whole(self) -> Whole:
        """The answer: a JSON-RPC error with `data.reason`."""
        data = self.data if self.data is not None else {"reason": self.reason}
        return json_answer(
            self.status, error_answer(self.identifier, self.code, self.detail, data), self.headers
        )


def json_answer(status: int, body: bytes, headers: Sequence[Header] = ()) -> Whole:
    """An answer of Helio's own."""
    return Whole(status, ((b"content-type", JSON.encode()), *headers), body)


def internal_error(identifier: bytes | None, call_id: str) -> bytes:
    """What a request is answered with that failed inside Helio."""
    text = "Helio could not carry out this request; it says why in its log."
    data = {"reason": "internal_error", "call_id": call_id}
    return error_answer(identifier, INTERNAL_ERROR, text, data)


@dataclass(frozen=True, slots=True)
class Guards:
    """Who may knock, and with how much: hosts, origins, the largest body in bytes."""

    hosts: HostRules
    origins: OriginRules
    max_body: int
    paths: Collection[str] = ("/mcp",)

    def check(self, request: BaseRequest) -> None:
        """Raises `Rejection` for a path, host or origin that may not pass, in this order."""
        if not path_allowed(request.raw_path, self.paths):
            known = ", ".join(path for path in self.paths if path.startswith("/mcp"))
            raise Rejection(
                404, "unknown_path", f"Nothing is served here. Agents connect to {known}."
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

    async def read(self, request: BaseRequest) -> bytes:
        """The body. Raises `Rejection` for one that may not pass, as soon as that is known."""
        if not is_json(request.headers.get("content-type")):
            raise Rejection(
                415,
                "unsupported_media_type",
                "The Content-Type must be application/json, in UTF-8.",
            )
        return await self.receive(request, self.max_body)

    async def receive(self, request: BaseRequest, most: int) -> bytes:
        """A body of any type, of at most so many bytes. Raises as `read`."""
        headers = request.headers
        if any(each.lower() != "identity" for each in headers.getall("content-encoding", ())):
            raise Rejection(415, "unsupported_encoding", "A Content-Encoding is not accepted.")
        if request.content_length is not None and request.content_length > most:
            raise _too_large(most)
        expected = headers.get("expect")
        if expected is not None:
            await _meet(expected, request)
        try:
            return await _received(request, most)
        except ConnectionError:
            # Nobody is there to be told; the audit is.
            raise Rejection(
                400, "incomplete_body", "The connection ended before its request did."
            ) from None
        except RequestPayloadError:
            raise Rejection(400, "invalid_body", "The body's framing is not HTTP.") from None
        except TimeoutError:
            detail = f"Nothing came of the rest of the body for {SILENT_SECONDS:g} s."
            raise Rejection(408, "incomplete_body", detail) from None


async def _received(request: BaseRequest, most: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while not request.content.at_eof():
        piece = await _next_piece(request.content)
        size += len(piece)
        if size > most:
            raise _too_large(most)
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _too_large(most: int) -> Rejection:
    return Rejection(413, "body_too_large", f"The body is larger than {most} bytes.")


async def _next_piece(content: StreamReader) -> bytes:
    """What came next of a body. Raises `TimeoutError`."""
    if content.is_eof():
        return await content.readany()
    async with asyncio.timeout(SILENT_SECONDS):
        return await content.readany()


async def _meet(expected: str, request: BaseRequest) -> None:
    """Does what an agent waits for before it sends its body (RFC 9110, section 10.1.1)."""
    if expected.lower() != "100-continue":
        raise Rejection(417, "expectation_failed", "Only 100-continue can be expected.")
    await request.writer.write(CONTINUE)
    # The answer proper has not begun.
    request.writer.output_size = 0
