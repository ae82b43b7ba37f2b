"""What an agent's HTTP client sends, without a client's good manners."""

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

HEADERS = {
    "content-type": "application/json",
    "accept": "application/json, text/event-stream",
    "mcp-protocol-version": "2025-11-25",
}


@dataclass
class Reply:
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def blocked(self) -> Any:
        """The object of a blocked call, in either form; None for a call that was not blocked."""
        message = self.message
        if "error" in message:
            return message["error"].get("data")
        return message["result"].get("_meta", {}).get("helio/blocked")


def request(
    url: str,
    body: bytes | None = None,
    *,
    method: str = "POST",
    headers: dict[str, str] | None = None,
    path: str | None = None,
    timeout: float = 20.0,
) -> Reply:
    """One request on a connection of its own. `headers` replace those that a good client sends;
    a value of "" leaves one out. `path` replaces the URL's, as it is."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    try:
        merged = {**(HEADERS if method == "POST" else {}), **(headers or {})}
        connection.putrequest(method, path or parts.path, skip_host="host" in merged)
        for name, value in merged.items():
            if value:
                connection.putheader(name, value)
        if body is not None:
            connection.putheader("content-length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def call(
    url: str,
    tool: str,
    arguments: object = None,
    *,
    session: str | None = None,
    identifier: object = 1,
) -> Reply:
    """One `tools/call`."""
    params = {"name": tool, "arguments": {} if arguments is None else arguments}
    body = {"jsonrpc": "2.0", "id": identifier, "method": "tools/call", "params": params}
    headers = {} if session is None else {"x-helio-session-id": session}
    return request(url, json.dumps(body).encode(), headers=headers)
