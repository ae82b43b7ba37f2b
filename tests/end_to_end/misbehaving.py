"""An upstream in a thread that answers at once, late, or never, as the call's tool asks for."""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Misbehaving:
    """The upstream. `hang` answers only after `release()`; `echo_headers` tells what it was sent.

    `tools` is what it lists.
    """

    tools: list[dict[str, Any]] = field(default_factory=list)
    arrived: list[str] = field(default_factory=list)
    port: int = 0

    def __post_init__(self) -> None:
        self._released = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def url(self) -> str:
        """Where Helio finds it."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/mcp"

    def count(self, tool: str) -> int:
        """How many calls of the tool arrived."""
        with self._lock:
            return self.arrived.count(tool)

    def release(self) -> None:
        """Lets what hangs go on."""
        self._released.set()

    def result(self, message: Any, headers: dict[str, str]) -> Any:
        """What a request is answered with."""
        match message["method"]:
            case "initialize":
                info = {"name": "misbehaving", "version": "1"}
                version = message["params"]["protocolVersion"]
                return {"protocolVersion": version, "capabilities": {}, "serverInfo": info}
            case "tools/list":
                return {"tools": self.tools}
        tool = message["params"]["name"]
        with self._lock:
            self.arrived.append(tool)
        if tool == "hang":
            self._released.wait(60)
        text = json.dumps(headers) if tool == "echo_headers" else "ok"
        return {"content": [{"type": "text", "text": text}]}

    def close(self) -> None:
        """Stops serving."""
        self.release()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def _handler(upstream: Misbehaving) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body leave together

        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if "id" not in message:
                return self._send(202, b"")
            result = upstream.result(message, dict(self.headers.items()))
            answer = {"jsonrpc": "2.0", "id": message["id"], "result": result}
            return self._send(200, json.dumps(answer).encode())

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Says nothing."""

    return Handler
