"""An MCP upstream in a thread that keeps its callers waiting, each tool in a way of its own."""

import json
import threading
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PING_SECONDS = 0.05
TOOLS = ("mute", "headers_only", "comments", "progress_then_mute", "half_an_event", "answers_later")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # By default five connections may wait to be accepted; the next one tries again after 1 s.
    request_queue_size = 128


@dataclass
class Stalling:
    """The upstream. `released` ends everything that waits; `methods` is what it was sent."""

    released: threading.Event = field(default_factory=threading.Event)
    methods: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def url(self) -> str:
        """Where Helio finds it."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/mcp"

    def close(self) -> None:
        """Stops serving."""
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def _handler(upstream: Stalling) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["content-length"])))
            upstream.methods.append(message.get("method", "response"))
            if "id" not in message or "method" not in message:
                return self._whole(202, None)
            result = _result(message)
            if result is not None:
                return self._whole(200, {"jsonrpc": "2.0", "id": message["id"], "result": result})
            try:
                return self._stall(message)
            except ConnectionError:
                self.close_connection = True

        def do_GET(self) -> None:
            self._whole(405, None)

        def do_DELETE(self) -> None:
            self._whole(204, None)

        def _whole(self, status: int, message: Any) -> None:
            body = b"" if message is None else json.dumps(message).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            if message is not None and "protocolVersion" in message["result"]:
                self.send_header("mcp-session-id", uuid.uuid4().hex)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _stall(self, message: Any) -> None:
            tool, params = message["params"]["name"], message["params"]
            if tool == "mute":
                upstream.released.wait()
                return
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("connection", "close")
            self.end_headers()
            if tool == "progress_then_mute":
                token = params["_meta"]["progressToken"]
                self._event("notifications/progress", {"progressToken": token, "progress": 1})
            if tool == "half_an_event":
                self.wfile.write(b"event: message\ndata: {")
            if tool == "answers_later":
                upstream.released.wait()
                result = {"content": [{"type": "text", "text": "at last"}]}
                self._send({"jsonrpc": "2.0", "id": message["id"], "result": result})
                return
            while not upstream.released.wait(PING_SECONDS):
                if tool == "comments":
                    self.wfile.write(b": ping\n\n")

        def _event(self, method: str, params: Any) -> None:
            self._send({"jsonrpc": "2.0", "method": method, "params": params})

        def _send(self, message: Any) -> None:
            self.wfile.write(b"event: message\ndata: " + json.dumps(message).encode() + b"\n\n")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Says nothing."""

    return Handler


def _result(message: Any) -> dict[str, Any] | None:
    """The result of anything but a call that stalls."""
    match message["method"]:
        case "initialize":
            return {
                "protocolVersion": message["params"]["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "stalling", "version": "1"},
            }
        case "tools/list":
            return {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in TOOLS]}
        case _:
            return None
