"""What no client shows: statuses, headers and bytes on the wire, direct and through Helio."""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from conftest import HelioFactory
from end_to_end.pairs import Pair, running_pair, running_sdk_server
from end_to_end.wire import HEADERS, Reply, request
from processes import HelioProcess
from upstream.peers import Conversation, Handler, Peer

pytestmark = [pytest.mark.end_to_end]

PATIENCE = 20.0
SEEN = ("content-type", "mcp-session-id", "www-authenticate", "allow", "retry-after")
"""Headers whose presence, and mostly value, an agent relies on."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A server whose events have ids."""
    directory = tmp_path_factory.mktemp("wire")
    with (
        running_sdk_server(directory, "--resumable") as url,
        running_pair(directory, url, "", "30s") as running,
    ):
        yield running


def body(method: str, identifier: int | None = None, **params: Any) -> bytes:
    """One JSON-RPC message."""
    message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
    return json.dumps(message if identifier is None else {**message, "id": identifier}).encode()


INITIALIZE = body(
    "initialize",
    1,
    protocolVersion="2025-11-25",
    capabilities={},
    clientInfo={"name": "wire", "version": "1"},
)
ECHO = body(
    "tools/call", 7, name="echo", arguments={"text": "Grüß Gott"}, _meta={"progressToken": 3}
)


def shown(reply: Reply) -> tuple[int, dict[str, str], bytes]:
    """What must be the same: ids of events and sessions are new each time."""
    headers = {name: reply.headers[name] for name in SEEN if name in reply.headers}
    if "mcp-session-id" in headers:
        headers["mcp-session-id"] = "a session"
    return reply.status, headers, re.sub(rb"id: \d+\r?\n", b"id: N\n", reply.body)


def legacy_conversation(url: str) -> list[tuple[int, dict[str, str], bytes]]:
    """A session from its beginning to after its end, with all that can be wrong in between."""
    opened = request(url, INITIALIZE)
    session = {"mcp-session-id": opened.headers["mcp-session-id"]}
    ended = {"mcp-session-id": "never-was"}
    answer = b'{"jsonrpc":"2.0","id":"none-asked","result":{}}'
    replies = [
        opened,
        request(url, body("notifications/initialized"), headers=session),
        request(url, body("notifications/cancelled", requestId=99), headers=session),
        request(url, answer, headers=session),
        request(url, ECHO, headers=session),
        request(url, body("tools/list", 2), headers=session),
        request(url, body("tools/list", 2), headers={**session, "accept": "application/json"}),
        request(url, body("tools/list", 2)),
        request(url, body("tools/list", 2), headers=ended),
        request(url, body("notifications/initialized"), headers=ended),
        request(url, method="GET", headers=session),
        request(url, method="GET", headers={**ended, "accept": "text/event-stream"}),
        request(url, method="GET", headers={"accept": "text/event-stream"}),
        request(url, method="DELETE", headers=session),
        request(url, body("tools/list", 2), headers=session),
        request(url, method="DELETE", headers=session),
        request(url, method="DELETE"),
    ]
    return [shown(reply) for reply in replies]


def test_a_session_is_the_same_on_the_wire(pair: Pair) -> None:
    direct = legacy_conversation(pair.direct)
    statuses = [status for status, _, _ in direct]
    assert statuses[:5] == [200, 202, 202, 202, 200]
    assert [content for _, _, content in direct[1:4]] == [b""] * 3
    assert legacy_conversation(pair.helio.mcp_url) == direct


def modern(method: str, identifier: int | None = 1, **params: Any) -> tuple[bytes, dict[str, str]]:
    """A message of 2026-07-28: its body, and the headers that it needs."""
    envelope = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "wire", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params["_meta"] = {**params.get("_meta", {}), **envelope}
    headers = {"mcp-protocol-version": "2026-07-28", "mcp-method": method}
    headers |= {"mcp-name": params["name"]} if "name" in params else {}
    return body(method, identifier, **params), headers


def modern_conversation(url: str) -> list[tuple[int, dict[str, str], bytes]]:
    """Requests of 2026-07-28, right and wrong."""
    called = {"name": "echo", "arguments": {"text": "Grüß Gott"}, "_meta": {"progressToken": 3}}
    echo, headers = modern("tools/call", **called)
    messages = [
        modern("server/discover"),
        modern("tools/list"),
        (echo, headers),
        (echo, {**headers, "accept": "application/json"}),
        modern("no/such/method"),
        modern("ping"),
        modern("notifications/cancelled", None, requestId=99),
    ]
    return [shown(request(url, content, headers=given)) for content, given in messages]


def test_requests_without_sessions_are_the_same_on_the_wire(pair: Pair) -> None:
    direct = modern_conversation(pair.direct)
    assert [status for status, _, _ in direct] == [200, 200, 200, 406, 404, 404, 202]
    assert modern_conversation(pair.helio.mcp_url) == direct
    for url in (pair.direct, pair.helio.mcp_url):
        for method in ("GET", "DELETE"):
            given = {"mcp-protocol-version": "2026-07-28", "accept": "text/event-stream"}
            reply = request(url, method=method, headers=given)
            assert (reply.status, reply.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("way", ["direct", "through"])
async def test_hanging_up_cancels_in_2026_07_28(pair: Pair, way: str) -> None:
    """And not before: `test_sessions` has that."""
    url = pair.direct if way == "direct" else pair.helio.mcp_url

    async def cancellations() -> str:
        content, headers = modern("tools/call", name="cancellations", arguments={"name": way})
        reply = await asyncio.to_thread(request, url, content, headers=headers)
        (text,) = re.findall(rb'"text":"(\d+)"', reply.body)
        return text.decode()

    assert await cancellations() == "0"
    params = {"name": "slow", "arguments": {"name": way}, "_meta": {"progressToken": 5}}
    connection = await sent(url, *modern("tools/call", 2, **params))
    async with asyncio.timeout(PATIENCE):
        while b"began" not in await connection[0].readline():
            pass
        connection[1].close()
        while await cancellations() == "0":
            pass


async def sent(
    url: str, content: bytes, headers: dict[str, str]
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which a POST was sent."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    lines = {**HEADERS, **headers, "host": parts.netloc, "content-length": str(len(content))}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    writer.write(f"POST {parts.path} HTTP/1.1\r\n{head}\r\n".encode() + content)
    await writer.drain()
    return reader, writer


STREAM = [
    b": a comment first\n\n",
    b"id: p-1\nretry: 250\ndata: \n\n",
    b"retry: 40\n\n",
    b'event: message\r\nid: \xc3\xa9 2\r\ndata: {"jsonrpc":"2.0",\r\ndata: "method":"n/a"}\r\n\r\n',
    b'data:{"jsonrpc":"2.0","method":"n/b","params":{"x":1.0e5}}\nid\n\n',
    b"unknown: field\n\n",
    b'id: last\ndata: {"jsonrpc":"2.0","id":7,"result":{"content":[],"z":1e400}}\n\n',
]


def answering_with(*answers: bytes) -> Handler:
    """Answers `tools/call` with these bytes and an end, everything else with nothing to list."""

    async def handler(conversation: Conversation) -> None:
        while (asked := await conversation.request()) is not None:
            if b'"tools/call"' not in asked.body:
                await conversation.send(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
                continue
            for answer in answers:
                await conversation.send(answer)

    return handler


async def test_a_calls_stream_passes_byte_for_byte(helio: HelioFactory) -> None:
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    pieces = [piece for event in STREAM for piece in (event[:9], event[9:])]
    chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (*pieces, b"")]
    upstream = await Peer(answering_with(head, *chunks)).start()
    process: HelioProcess = await asyncio.to_thread(helio, upstream=upstream.url)
    reply = await asyncio.to_thread(request, process.mcp_url, ECHO)
    assert reply.body == b"".join(STREAM)
    await asyncio.to_thread(process.stop)
    await upstream.stop()


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
async def test_a_challenge_reaches_the_agent(helio: HelioFactory, status: str) -> None:
    challenge = 'Bearer error="insufficient_scope", scope="a b"'
    head = f"HTTP/1.1 {status}\r\nwww-authenticate: {challenge}\r\ncontent-length: 2\r\n\r\nno"
    upstream = await Peer(answering_with(head.encode())).start()
    process: HelioProcess = await asyncio.to_thread(helio, upstream=upstream.url)
    reply = await asyncio.to_thread(request, process.mcp_url, ECHO)
    assert (reply.status, reply.body) == (int(status[:3]), b"no")
    assert reply.headers["www-authenticate"].startswith(challenge)
    (row,) = await asyncio.to_thread(process.calls)
    assert row["upstream_http_status"] == int(status[:3])
    await asyncio.to_thread(process.stop)
    await upstream.stop()
