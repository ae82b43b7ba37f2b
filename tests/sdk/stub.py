"""An SDK port that answers as a test says, and may hang up."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, Any]


class Stub:
    """`answer(path, body)` gives status and JSON; `asked` are the requests that came, `lines` the
    connections that they came by. `hang_up`: each connection is closed after one answer, without
    a word."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any, str]] = []
        self.lines: set[int] = set()
        self.hang_up = False
        self.answer: Callable[[str, Any], Answer] = lambda _path, _body: (201, {"data": {}})
        self.headers: dict[str, str] = {}
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                length = int(self.headers.get("content-length", 0))
                body = json.loads(self.rfile.read(length)) if length else None
                token = self.headers.get("authorization", "")
                stub.asked.append((self.command, self.path, body, token))
                stub.lines.add(self.client_address[1])
                status, found = stub.answer(self.path, body)
                raw = found if isinstance(found, bytes) else json.dumps(found).encode()
                self.send_response(status)
                for name, value in stub.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)
                self.close_connection = stub.hang_up

            do_POST = do_GET  # noqa: N815 - the name that the server asks for

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@contextmanager
def serving() -> Iterator[Stub]:
    """A stub that listens."""
    stub = Stub()
    thread = threading.Thread(target=stub.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        stub.server.shutdown()
        stub.server.server_close()
        thread.join()
