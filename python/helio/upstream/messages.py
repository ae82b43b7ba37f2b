"""Reading answers of a port message by message, and asking it something on Helio's own account.

Above: what stands on a port and has to know what it said (`helio.upstream.sessions`,
`helio.upstream.eras`, `helio.upstream.bridge`). Below: `helio.upstream.port`, `helio.protocol`.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from helio.errors import UpstreamFailed
from helio.evaluator import inspect_answer
from helio.protocol.headers import Header
from helio.protocol.media import EVENT_STREAM, JSON, essence
from helio.protocol.sse import Event, EventStreamParser, EventTooLarge
from helio.upstream.made import find
from helio.upstream.port import Port, Response

MESSAGE_LIMIT: Final = 64 * 1024 * 1024
"""The most bytes of one message that are read here."""

ACCEPT_BOTH: Final[Header] = (b"accept", f"{JSON}, {EVENT_STREAM}".encode())
CONTENT_TYPE: Final[Header] = (b"content-type", JSON.encode())
SESSION_ID: Final = b"mcp-session-id"
PROTOCOL_VERSION: Final = b"mcp-protocol-version"


def is_event_stream(response: Response) -> bool:
    """Whether an answer is `text/event-stream`, by the essence of its media type."""
    return essence((response.header(b"content-type") or b"").decode("latin-1")) == EVENT_STREAM


async def events(response: Response, limit: int = MESSAGE_LIMIT) -> AsyncGenerator[Event, None]:
    """The events of an event stream as they come. Leaving early closes the answer.

    Raises `UpstreamFailed`, also (`too_large`) for an event of over `limit` bytes.
    """
    parser = EventStreamParser(event_cap=limit)
    async with contextlib.aclosing(response.chunks()) as chunks:
        async for chunk in chunks:
            try:
                complete = parser.feed(chunk)
            except EventTooLarge as error:
                raise UpstreamFailed("too_large", sent=True, detail=str(error)) from None
            for event in complete:
                yield event


@dataclass(frozen=True, slots=True)
class Asked:
    """An answer that was read whole.

    `body` is the JSON-RPC response when there was one, else all of a body that is no stream.
    """

    status: int
    headers: tuple[Header, ...]
    body: bytes

    def header(self, name: bytes) -> bytes | None:
        """The first header of this name (in lower case), None without one."""
        return find(self.headers, name)

    @property
    def result(self) -> dict[str, object] | None:
        """The response's result, None when it has none that is an object."""
        return self._member("result")

    @property
    def error(self) -> dict[str, object] | None:
        """The response's error, None when it has none that is an object."""
        return self._member("error")

    def _member(self, name: str) -> dict[str, object] | None:
        try:
            message = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None
        value = message.get(name) if isinstance(message, dict) else None
        return value if isinstance(value, dict) else None


async def read_answer(response: Response, limit: int = MESSAGE_LIMIT) -> Asked:
    """Reads an answer up to the JSON-RPC response in it. Raises `UpstreamFailed`."""
    if not is_event_stream(response):
        return Asked(response.status, response.headers, await response.read(limit))
    body = b""
    async with contextlib.aclosing(events(response, limit)) as stream:
        async for event in stream:
            found = inspect_answer(event.data) if event.data else None
            if event.data and found is not None and found.kind == "response":
                body = event.data
                break
    return Asked(response.status, response.headers, body)


async def ask(
    port: Port,
    headers: Sequence[Header],
    body: bytes,
    *,
    seconds: float,
) -> Asked:
    """POSTs one message and reads its answer, all within `seconds`. Raises `UpstreamFailed`."""
    try:
        async with asyncio.timeout(seconds):
            response = await port.send("POST", headers, body, timeout=seconds)
            try:
                return await read_answer(response)
            finally:
                response.close()
    except TimeoutError:
        detail = f"no answer from the upstream within {seconds} s"
        raise UpstreamFailed("timeout", sent=True, detail=detail) from None
