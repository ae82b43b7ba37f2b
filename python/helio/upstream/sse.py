"""An upstream that speaks HTTP+SSE, the transport of 2024-11-05.

Above: `helio.upstream.build`. Below: sessions on lines (`helio.upstream.duplex`) and the HTTP
client. A line is one `GET`, whose event stream names the address for this session's messages and
then carries all that the server says (2024-11-05, Transports).
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

from helio.errors import UpstreamFailed
from helio.protocol.headers import Header
from helio.protocol.media import EVENT_STREAM, JSON, essence
from helio.protocol.sse import Event, EventStreamParser, EventTooLarge
from helio.upstream.duplex import DuplexPort
from helio.upstream.http import HttpUpstream
from helio.upstream.line import MESSAGE_LIMIT, Line, Refused
from helio.upstream.made import StreamResponse, WholeResponse, find
from helio.upstream.response import UpstreamResponse

MAX_SESSIONS: Final = 4096
"""Sessions, each of which keeps a connection open."""
POST_CONNECTIONS: Final = 256

_RECEIPT_LIMIT: Final = 1024 * 1024
_OF_A_MESSAGE: Final = frozenset((b"accept", b"content-type"))
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class SseUpstream:
    """The server whose event stream is at `url`.

    `headers` go with every request and win over the agent's. Timeouts are in seconds; a session
    without use for `idle_timeout` is ended. Raises `ValueError` for a URL or header that cannot be
    used.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        connect_timeout: float,
        request_timeout: float,
        idle_timeout: float = 1800.0,
        max_sessions: int = MAX_SESSIONS,
    ) -> None:
        self._url = url
        self._request_timeout = request_timeout
        self._streams = HttpUpstream(
            url,
            headers=headers,
            connect_timeout=connect_timeout,
            request_timeout=request_timeout,
            max_connections=max_sessions,
        )
        parts = urlsplit(url)
        self._posts = HttpUpstream(
            f"{parts.scheme}://{parts.netloc}/",
            headers=headers,
            connect_timeout=connect_timeout,
            request_timeout=request_timeout,
            max_connections=POST_CONNECTIONS,
        )
        self._port = DuplexPort(self._open, max_sessions=max_sessions, idle_timeout=idle_timeout)

    @property
    def sessions(self) -> int:
        """How many sessions are open."""
        return self._port.sessions

    async def send(
        self,
        method: str,
        headers: Sequence[Header],
        body: bytes | memoryview | None,
        *,
        path_suffix: str = "",
        timeout: float | None,  # noqa: ASYNC109 - between messages, not around the call
    ) -> StreamResponse | WholeResponse:
        """See `helio.upstream.port.Port`."""
        return await self._port.send(
            method, headers, body, path_suffix=path_suffix, timeout=timeout
        )

    async def aclose(self) -> None:
        """See `helio.upstream.port.Port`."""
        await self._port.aclose()
        await self._streams.aclose()
        await self._posts.aclose()

    async def _open(self, headers: Sequence[Header]) -> Line:
        """Asks for the stream, and waits for the address in it. Raises `UpstreamFailed` and
        `Refused`: nothing of what the agent asked was sent by then.
        """
        own = [header for header in headers if header[0] not in _OF_A_MESSAGE]
        try:
            async with asyncio.timeout(self._request_timeout):
                return await self._opened(own)
        except TimeoutError:
            detail = f"no address for messages within {self._request_timeout:g} s"
            raise UpstreamFailed("connect_timeout", sent=False, detail=detail) from None
        except UpstreamFailed as failure:
            raise UpstreamFailed(failure.reason, sent=False, detail=failure.detail) from None

    async def _opened(self, headers: list[Header]) -> Line:
        accept = (b"accept", EVENT_STREAM.encode())
        response = await self._streams.send("GET", [accept, *headers], None, timeout=None)
        try:
            if response.status != 200:
                raise Refused(await _whole(response))
            media_type = essence((response.header(b"content-type") or b"").decode("latin-1"))
            if media_type != EVENT_STREAM:
                raise _unusable(f"its stream is {media_type}, not {EVENT_STREAM}")
            line = SseLine(response, self._posts, headers)
            line.address = _address(self._url, await line.endpoint())
        except BaseException:
            response.close()
            raise
        return line


class SseLine:
    """One session: its event stream, and the `address` of its messages below the origin."""

    address = ""
    gives_receipts = True

    def __init__(
        self, stream: UpstreamResponse, posts: HttpUpstream, headers: Sequence[Header]
    ) -> None:
        self._stream = stream
        self._posts = posts
        self._headers = headers
        self._events = _events(stream)

    async def endpoint(self) -> str:
        """What the first event says."""
        async for event in self._events:
            if event.event == b"endpoint" and event.data:
                return event.data.decode("utf-8", "replace")
        raise _unusable("it ended its stream without an address for messages")

    async def send(
        self,
        message: bytes,
        headers: Sequence[Header],
        timeout: float | None,  # noqa: ASYNC109 - for the receipt
    ) -> None:
        """See `helio.upstream.line.Line`."""
        carried = list(headers or self._headers)
        if find(carried, b"content-type") is None:
            carried.append((b"content-type", JSON.encode()))
        response = await self._posts.send(
            "POST", carried, message, path_suffix=self.address, timeout=timeout
        )
        receipt = await _whole(response)
        if not 200 <= receipt.status < 300:
            raise Refused(receipt)

    async def messages(self) -> AsyncGenerator[bytes, None]:
        """See `helio.upstream.line.Line`."""
        while True:
            # Without a name of its own here, a large message is not kept longer than needed.
            yield await self._next_message()

    async def _next_message(self) -> bytes:
        async for event in self._events:
            if event.event == b"message" and event.data:
                return event.data
        raise UpstreamFailed("closed", sent=True, detail="the upstream ended its event stream")

    async def aclose(self) -> None:
        """See `helio.upstream.line.Line`."""
        await self._events.aclose()
        self._stream.close()


async def _events(stream: UpstreamResponse) -> AsyncGenerator[Event, None]:
    parser = EventStreamParser(event_cap=MESSAGE_LIMIT)
    try:
        async for chunk in stream.chunks():
            events = deque(parser.feed(chunk))
            while events:
                yield events.popleft()
    except EventTooLarge as failure:
        raise UpstreamFailed("too_large", sent=True, detail=str(failure)) from None


async def _whole(response: UpstreamResponse) -> WholeResponse:
    body = await response.read(_RECEIPT_LIMIT)
    return WholeResponse(response.status, body, response.headers)


def _address(url: str, endpoint: str) -> str:
    """The target of messages below the origin of `url`. Raises `UpstreamFailed` for another
    origin: the operator's headers are for this one only.
    """
    try:
        joined = urlsplit(urljoin(url, endpoint))
        same = _origin(joined) == _origin(urlsplit(url))
    except ValueError:
        raise _unusable("its address for messages is no URL") from None
    if not same or joined.username is not None or joined.password is not None:
        raise _unusable("its address for messages is on another origin")
    target = joined.path.removeprefix("/")
    return f"{target}?{joined.query}" if joined.query else target


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)


def _unusable(why: str) -> UpstreamFailed:
    return UpstreamFailed("protocol_error", sent=False, detail=why)
