"""An MCP upstream in a thread that keeps every byte it was sent, to test what may not arrive."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOOLS: list[dict[str, Any]] = [
    {"name": "create_payment", "inputSchema": {"type": "object"}},
    {
        "name": "read_mail",
        "inputSchema": {"type": "object"},
        "annotations": {"readOnlyHint": True},
    },
    {"name": "delete_order", "inputSchema": {"type": "object"}},
]


@dataclass
class Seen:
    """One request as it arrived."""

    method: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def message(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Recorder:
    """The upstream. `answer(message)` may replace the result of a `tools/call`; `session` is the
    session that every `initialize` opens."""

    tools: list[dict[str, Any]] = field(default_factory=lambda: list(TOOLS))
    answer: Callable[[Any], Any] | None = None
    session: str | None = None
    seen: list[Seen] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def url(self) -> str:
        """Where Helio finds it."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/mcp"

    def add(self, seen: Seen) -> None:
        """Keeps a request."""
        with self._lock:
            self.seen.append(seen)

    def calls(self) -> list[Seen]:
        """The requests that hold the word `tools/call` anywhere, whatever they are."""
        with self._lock:
            return [each for each in self.seen if b"tools" in each.body and b"call" in each.body]

    def arrived(self) -> list[bytes]:
        """Every body but what Helio says on its own account."""
        own = (
            b'"initialize"',
            b'"notifications/initialized"',
            b'"server/discover"',
            b'"tools/list"',
        )
        with self._lock:
            return [
                each.body
                for each in self.seen
                if each.body and not any(word in each.body for word in own)
            ]

    def close(self) -> None:
        """Stops serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def _handler(recorder: Recorder) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body leave together

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            recorder.add(Seen("POST", list(self.headers.items()), body))
            message = json.loads(body)
            if "id" not in message or "method" not in message:
                return self._send(202, b"")
            result = _result(recorder, message)
            text = json.dumps({"jsonrpc": "2.0", "id": message["id"], **result})
            opened = recorder.session if message["method"] == "initialize" else None
            return self._send(200, text.encode(), opened)

        def do_GET(self) -> None:
            recorder.add(Seen("GET", list(self.headers.items()), b""))
            self._send(405, b"")

        def do_DELETE(self) -> None:
            recorder.add(Seen("DELETE", list(self.headers.items()), b""))
            self._send(204, b"")

        def _send(self, status: int, body: bytes, session: str | None = None) -> None:
            self.send_response(status)
            if session is not None:
                self.send_header("mcp-session-id", session)
            if body:
                self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Says nothing: tests look at `seen`."""

    return Handler


def _result(recorder: Recorder, message: Any) -> dict[str, Any]:
    match message["method"]:
        case "initialize":
            return {
                "result": {
                    "protocolVersion": message["params"]["protocolVersion"],
                    "capabilities": {"tools": {}},
                    "serverInfo": {"name": "recorder", "version": "1"},
                }
            }
        case "tools/list":
            return {"result": {"tools": recorder.tools}}
        case "tools/call" if recorder.answer is not None:
            return dict(recorder.answer(message))
        case "tools/call":
            text = json.dumps(message["params"].get("arguments"))
            return {"result": {"content": [{"type": "text", "text": text}]}}
        case method:
            return {"error": {"code": -32601, "message": f"no {method}"}}
