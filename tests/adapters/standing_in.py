"""A stand-in for the SDK port: what it is asked is kept, what it answers is given."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Port:
    """`asked` holds (path, token, body) of each request; the next answer is `status` and `body`,
    or for a `GET` the next of `later`.
    """

    url: str = ""
    status: int = 200
    body: Any = None
    later: list[Any] = field(default_factory=list)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    def wait_for(self, path: str) -> None:
        """Returns when something at this path was asked."""
        deadline = time.monotonic() + 20
        while not any(asked == path for asked, _, _ in self.asked):
            assert time.monotonic() < deadline, f"nobody asked {path}"
            time.sleep(0.01)


@contextmanager
def standing_in() -> Iterator[Port]:
    """The port, on loopback."""
    port = Port()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            given = self.rfile.read(int(self.headers["content-length"]))
            token = self.headers["authorization"].removeprefix("Bearer ")
            port.asked.append((self.path, token, json.loads(given)))
            body = port.body if isinstance(port.body, bytes) else json.dumps(port.body).encode()
            self._answer(port.status, body)

        def do_GET(self) -> None:
            port.asked.append((self.path, self.headers["authorization"][7:], None))
            self._answer(200, json.dumps(port.later.pop(0)).encode())

        def _answer(self, status: int, answer: bytes) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    port.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
