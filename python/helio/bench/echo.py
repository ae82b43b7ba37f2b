"""The tools' side of the benchmark: an MCP server over streamable HTTP that costs next to nothing.

    python -m helio.bench.echo

Above: `helio.bench.proxy` starts it and reads its port. Below: `httptools`. It answers
`initialize`, `tools/list` (the tools of the workload) and `tools/call` (the same text each time),
refuses GET with 405 and takes notifications with 202.
"""

import asyncio
from typing import cast

import httptools
import orjson
import uvloop

from helio.bench.load_profile import ANSWER_TEXT, proxy_tools
from helio.bench.processes import LOOPBACK
from helio.bench.serving import announce, end_of_input

SESSION = b"5f2d9a3c7b1e4c0e9a51d2c6e3b8a7f0"
REVISION = "2025-11-25"
_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nmcp-session-id: "
    + SESSION
    + b"\r\ncontent-length: %d\r\n\r\n"
)
_ACCEPTED = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"
_NO_STREAM = b"HTTP/1.1 405 Method Not Allowed\r\nallow: POST\r\ncontent-length: 0\r\n\r\n"
_CALLED = orjson.dumps({"content": [{"type": "text", "text": ANSWER_TEXT}], "isError": False})
_INITIALIZED = orjson.dumps(
    {
        "protocolVersion": REVISION,
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "echo", "version": "1"},
    }
)


def _listed() -> bytes:
    tools = [
        {
            "name": tool.name,
            "inputSchema": {"type": "object"},
            "annotations": tool.annotations,
        }
        for tool in proxy_tools()
    ]
    return orjson.dumps({"tools": tools})


RESULTS = {"tools/call": _CALLED, "initialize": _INITIALIZED, "tools/list": _listed()}


class Echo(asyncio.Protocol):
    """One connection of a client."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._pieces: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self._parser.feed_data(data)

    def on_body(self, piece: bytes) -> None:
        """Called by the parser."""
        self._pieces.append(piece)

    def on_message_complete(self) -> None:
        """Called by the parser: a request is whole."""
        body = b"".join(self._pieces)
        self._pieces.clear()
        if self._parser.get_method() != b"POST":
            self._transport.write(_NO_STREAM)
            return
        message = orjson.loads(body)
        if "id" not in message:
            self._transport.write(_ACCEPTED)
            return
        result = RESULTS.get(message["method"], b"{}")
        answer = b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (orjson.dumps(message["id"]), result)
        self._transport.write(_HEAD % len(answer) + answer)


async def serve() -> None:
    """Serves until the end of stdin."""
    server = await asyncio.get_running_loop().create_server(Echo, LOOPBACK, 0)
    announce(server.sockets[0].getsockname()[1])
    await end_of_input()
    server.close()


if __name__ == "__main__":
    uvloop.run(serve())
