"""Fetches an upstream's tool list by speaking MCP itself, in a session of its own.

Above: `helio.runtime.keeper`, which keeps the catalogue (`helio.governance.catalogue`) current with
it, and `helio tools`. Below: the upstreams (`helio.upstream.registry`). Legacy revisions:
initialize, initialized, the pages of `tools/list`, and the session's end (2025-11-25, Lifecycle,
Transports, Pagination).
"""

import asyncio
import logging
from typing import Final, Protocol

import orjson

from helio.errors import CatalogueError, UpstreamFailed
from helio.evaluator import Answer, inspect_answer
from helio.protocol.headers import Header
from helio.protocol.jsonrpc import METHOD_NOT_FOUND
from helio.protocol.media import EVENT_STREAM, JSON, essence
from helio.protocol.revisions import LATEST_LEGACY, LEGACY
from helio.protocol.sse import EventStreamParser, EventTooLarge
from helio.upstream.port import Response

logger = logging.getLogger(__name__)

ANSWER_LIMIT: Final = 16 * 1024 * 1024
"""The most bytes of one answer: one page, or the stream that holds it."""

DEFINITIONS_LIMIT: Final = 64 * 1024 * 1024
"""The most bytes of all definitions together."""

PAGE_LIMIT: Final = 1000
_FAREWELL_SECONDS: Final = 2.0
_NO_CONTENT_LIMIT: Final = 64 * 1024
_ACCEPT: Final = f"{JSON}, {EVENT_STREAM}".encode()


class Sender(Protocol):
    """What this needs of an upstream: `helio.upstream.registry.Upstream.send`, or the client's."""

    async def send(
        self,
        method: str,
        headers: list[Header],
        body: bytes | None,
        *,
        timeout: float | None,  # noqa: ASYNC109 - between bytes, not around the call
    ) -> Response:
        """Sends one request."""


async def fetch_tools(
    upstream: Sender,
    *,
    client_version: str,
    silence: float = 30.0,
    deadline: float = 60.0,
) -> list[bytes]:
    """All tools of an upstream, in its order: the objects of MCP's `Tool`, byte for byte.

    `silence` is how long the upstream may send nothing, `deadline` how long everything may take,
    both in seconds. An upstream without the method has no tools. Raises `UpstreamFailed` when a
    request fails and `CatalogueError` for an answer that is none.
    """
    session = _Session(upstream, client_version, silence)
    try:
        async with asyncio.timeout(deadline):
            try:
                await session.open()
                return await session.list_tools()
            finally:
                await session.close()
    except TimeoutError:
        raise CatalogueError(f"listing the tools took over {deadline} s") from None


class _Session:
    """One session with an upstream, from initialize to its end."""

    def __init__(self, upstream: Sender, client_version: str, silence: float) -> None:
        self._upstream = upstream
        self._client_version = client_version
        self._silence = silence
        self._headers: list[Header] = [(b"content-type", JSON.encode()), (b"accept", _ACCEPT)]
        self._session_id: bytes | None = None
        self._last_id = 0

    async def open(self) -> None:
        """Initializes the session and says so."""
        params: dict[str, object] = {
            "protocolVersion": LATEST_LEGACY,
            "capabilities": {},
            "clientInfo": {"name": "helio", "version": self._client_version},
        }
        result = _result(await self._ask("initialize", params), "initialize")
        revision = result.get("protocolVersion")
        if revision not in LEGACY:
            raise CatalogueError(f"the upstream speaks an unknown revision: {str(revision)[:64]!r}")
        if self._session_id is not None:
            self._headers.append((b"mcp-session-id", self._session_id))
        self._headers.append((b"mcp-protocol-version", str(revision).encode()))
        await self._tell("notifications/initialized")

    async def list_tools(self) -> list[bytes]:
        """The tools of all pages."""
        tools: list[bytes] = []
        size = 0
        cursor: str | None = None
        seen: set[str] = set()
        for _ in range(PAGE_LIMIT):
            answer = await self._ask("tools/list", {"cursor": cursor} if cursor else {})
            if answer.error_code == METHOD_NOT_FOUND:
                return tools
            page = _tools(answer)
            tools.extend(page)
            size += sum(map(len, page))
            if size > DEFINITIONS_LIMIT:
                raise CatalogueError(f"the tools are described in over {DEFINITIONS_LIMIT} bytes")
            following = _value(answer, "result", "nextCursor")
            if following is None:
                return tools
            if not isinstance(following, str) or not following or following in seen:
                raise CatalogueError("tools/list gave a cursor that leads nowhere new")
            seen.add(following)
            cursor = following
        raise CatalogueError(f"tools/list has over {PAGE_LIMIT} pages")

    async def close(self) -> None:
        """Ends the session at the upstream, which may refuse (405) or be gone."""
        if self._session_id is None:
            return
        try:
            async with asyncio.timeout(_FAREWELL_SECONDS):
                response = await self._upstream.send(
                    "DELETE", self._headers[1:], None, timeout=self._silence
                )
                await response.read(_NO_CONTENT_LIMIT)
        except (UpstreamFailed, TimeoutError) as failure:
            # The tools are known or their fault is already on its way; the session ends by itself.
            logger.info("a session for listing tools was left to expire: %r", failure)

    async def _ask(self, method: str, params: dict[str, object]) -> Answer:
        self._last_id += 1
        message = {"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params}
        response = await self._post(message)
        try:
            if response.status != 200:
                raise CatalogueError(f"the upstream answered {method} with HTTP {response.status}")
            if method == "initialize":
                self._session_id = response.header(b"mcp-session-id")
            media_type = essence((response.header(b"content-type") or b"").decode("latin-1"))
            if media_type == EVENT_STREAM:
                return await self._from_stream(response, method)
            if media_type != JSON:
                raise CatalogueError(f"the upstream answered {method} as {media_type}")
            answer = self._answer_in(await response.read(ANSWER_LIMIT))
            if answer is None:
                raise CatalogueError(f"the upstream did not answer {method} with its result")
            return answer
        finally:
            response.close()

    async def _tell(self, method: str) -> None:
        response = await self._post({"jsonrpc": "2.0", "method": method})
        await response.read(_NO_CONTENT_LIMIT)
        if not 200 <= response.status < 300:
            raise CatalogueError(f"the upstream answered {method} with HTTP {response.status}")

    async def _post(self, message: dict[str, object]) -> Response:
        body = orjson.dumps(message)
        return await self._upstream.send("POST", self._headers, body, timeout=self._silence)

    async def _from_stream(self, response: Response, method: str) -> Answer:
        parser = EventStreamParser(event_cap=ANSWER_LIMIT)
        try:
            async for piece in response.chunks():
                for event in parser.feed(piece):
                    answer = self._answer_in(event.data) if event.data else None
                    if answer is not None:
                        return answer
        except EventTooLarge as error:
            raise CatalogueError(f"the upstream's answer to {method}: {error}") from None
        raise CatalogueError(f"the upstream's stream ended without an answer to {method}")

    def _answer_in(self, text: bytes) -> Answer | None:
        """The message, if it is the answer to the last request."""
        answer = inspect_answer(text)
        if answer is None:
            _json(text)
            return None
        if answer.kind != "response":
            return None
        # Errors about a request that could not be read carry null.
        unread = answer.error_code is not None and answer.id in (None, b"null")
        return answer if unread or answer.id == str(self._last_id).encode() else None


def _result(answer: Answer, method: str) -> dict[str, object]:
    _refuse_error(answer, method)
    result = _value(answer, "result")
    if not isinstance(result, dict):
        raise CatalogueError(f"the upstream's answer to {method} has no result")
    return result


def _tools(answer: Answer) -> list[bytes]:
    _refuse_error(answer, "tools/list")
    where = answer.span("result", "tools")
    tools = [answer.body[start:end] for start, end in answer.items("result", "tools")]
    listed = where is not None and answer.body[where[0] : where[0] + 1] == b"["
    if not listed or not all(tool.startswith(b"{") for tool in tools):
        raise CatalogueError("the upstream's tools/list holds something else than tools")
    return tools


def _refuse_error(answer: Answer, method: str) -> None:
    if answer.error_code is not None:
        text = str(answer.error_message)[:200]
        raise CatalogueError(f"the upstream refused {method}: {answer.error_code} {text}")


def _value(answer: Answer, *path: str) -> object:
    """The value at a path; None where there is none."""
    where = answer.span(*path)
    return None if where is None else _json(answer.body[where[0] : where[1]])


def _json(text: bytes) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise CatalogueError(f"the upstream sent what is not JSON: {error}") from None
