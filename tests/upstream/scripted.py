"""A port that answers as a test says, and small servers in its shape."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from helio.protocol.headers import Header
from helio.upstream.made import WholeResponse
from helio.upstream.port import Port, Response


@dataclass(frozen=True)
class Sent:
    """One request that reached the port."""

    method: str
    headers: dict[str, str]
    body: bytes
    timeout: float | None

    @property
    def message(self) -> Any:
        """The JSON that was posted, None without a body."""
        return json.loads(self.body) if self.body else None

    @property
    def asks(self) -> str:
        """The JSON-RPC method, or the HTTP method of what posts nothing."""
        return str(self.message.get("method", "response")) if self.body else self.method


Answering = Callable[[Sent], Awaitable[Response]]


class ScriptedPort:
    """A `Port` that keeps what it was sent and lets `answering` answer."""

    def __init__(self, answering: Answering) -> None:
        self.answering = answering
        self.sent: list[Sent] = []
        self.closed = False

    async def send(
        self,
        method: str,
        headers: Sequence[Header],
        body: bytes | memoryview | None,
        *,
        path_suffix: str = "",
        timeout: float | None,  # noqa: ASYNC109 - the port's own
    ) -> Response:
        texts = {name.decode(): value.decode() for name, value in headers}
        assert len(texts) == len(headers), "a header came twice"
        sent = Sent(method, texts, bytes(body or b""), timeout)
        self.sent.append(sent)
        return await self.answering(sent)

    async def aclose(self) -> None:
        self.closed = True

    @property
    def asked(self) -> list[str]:
        """What reached the port, by `Sent.asks`."""
        return [sent.asks for sent in self.sent]


class LegacyServer:
    """Sessions of streamable HTTP, as a server keeps them; `forget` is its restart."""

    def __init__(self, unknown: Response | None = None) -> None:
        self.sessions: set[str] = set()
        self.opened = 0
        self.revision = "2025-11-25"
        self.capabilities: dict[str, Any] = {}
        self.unknown = unknown

    def forget(self) -> None:
        self.sessions.clear()

    async def __call__(self, sent: Sent) -> Response:
        if sent.asks == "initialize":
            return self.initialize(sent)
        if sent.headers.get("mcp-session-id") not in self.sessions:
            return refusal(404, "Session not found")
        if sent.method == "DELETE":
            self.sessions.discard(sent.headers["mcp-session-id"])
            return WholeResponse(200)
        if "id" not in (sent.message or {}) or "method" not in sent.message:
            return WholeResponse(202)
        return result(sent, {"asked": sent.asks})

    def initialize(self, sent: Sent) -> Response:
        self.opened += 1
        name = f"session-{self.opened}"
        self.sessions.add(name)
        told = {
            "protocolVersion": self.revision,
            "capabilities": self.capabilities,
            "serverInfo": {"name": "s"},
        }
        return result(sent, told, [(b"mcp-session-id", name.encode())])


def result(sent: Sent, value: Any, headers: Sequence[Header] = ()) -> WholeResponse:
    """A JSON answer to what was sent."""
    body = {"jsonrpc": "2.0", "id": sent.message["id"], "result": value}
    return WholeResponse(200, json.dumps(body).encode(), headers)


def refusal(status: int, message: str, code: int = -32600, data: Any = None) -> WholeResponse:
    """An HTTP error whose body is a JSON-RPC error without an id."""
    error = {"code": code, "message": message} | ({} if data is None else {"data": data})
    return WholeResponse(
        status, json.dumps({"jsonrpc": "2.0", "id": None, "error": error}).encode()
    )


async def post(
    port: Port,
    message: Any,
    headers: dict[str, str] | None = None,
    timeout: float | None = 5.0,  # noqa: ASYNC109 - the port's own
) -> Response:
    """POSTs a message as a client does."""
    return await send(port, "POST", json.dumps(message).encode(), headers, timeout)


async def send(
    port: Port,
    method: str,
    body: bytes | None,
    headers: dict[str, str] | None = None,
    timeout: float | None = 5.0,  # noqa: ASYNC109 - the port's own
) -> Response:
    """Sends a request as a client does."""
    described = {"accept": "application/json, text/event-stream"}
    if body is not None:
        described["content-type"] = "application/json"
    pairs = [
        (name.encode(), value.encode()) for name, value in {**described, **(headers or {})}.items()
    ]
    return await port.send(method, pairs, body, timeout=timeout)


async def said(response: Response) -> Any:
    """The JSON of an answer, or its last message when it is an event stream."""
    body = await response.read(1 << 20)
    if (response.header(b"content-type") or b"").startswith(b"text/event-stream"):
        body = [line[6:] for line in body.splitlines() if line.startswith(b"data: ")][-1]
    return json.loads(body)


def request(method: str, params: Any = None, identifier: Any = 1) -> dict[str, Any]:
    """A JSON-RPC request."""
    message = {"jsonrpc": "2.0", "id": identifier, "method": method}
    return message if params is None else {**message, "params": params}


INITIALIZE = request(
    "initialize",
    {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "tests", "version": "1"},
    },
)
