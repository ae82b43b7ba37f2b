"""The SDK port as programs ask it: with their token, in JSON, over connections that are kept.

Above: `client`, `helio.adapters.client`. Below: `http.client`. Threads may share it.
"""

import json
import os
import threading
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from helio.sdk.errors import REFUSALS, HelioError, HelioUnreachable, RequestRefused


class _Answer(NamedTuple):
    """What came back: the body is JSON, None where it is not. `retry_after` is in seconds."""

    status: int
    body: Any
    retry_after: float


_Request = tuple[str, str, bytes | None, dict[str, str]]


class Connections:
    """As many as there are requests at once, to `url` (scheme, host and port, perhaps a path).
    `timeout` is in seconds, for each step of a request. `token` is by default what the variable
    `of_token` holds, read at each request, so that a new one is taken up.
    """

    def __init__(self, url: str, timeout: float, token: str | None, of_token: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise HelioError(f"{url!r} is no URL of a Helio: it looks like http://127.0.0.1:3200")
        self._make = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._url = url
        self._host, self._port = parts.hostname, parts.port
        self._prefix = parts.path.rstrip("/")
        self._timeout = timeout
        self._token = token
        self._of_token = of_token
        self._idle: list[HTTPConnection] = []
        self._lock = threading.Lock()

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The body of the answer to one request; it must do no harm when it is done twice. Raises
        `HelioError`."""
        headers = {"authorization": f"Bearer {self._bearer()}"}
        if body is not None:
            headers["content-type"] = "application/json"
        raw = None if body is None else _json(body)
        answer = self._send((method, self._prefix + path, raw, headers))
        if answer.status not in (200, 201) or not isinstance(answer.body, dict):
            raise _refusal(answer)
        return answer.body

    def close(self) -> None:
        """Closes what is idle; requests under way end first."""
        while (connection := self._take()) is not None:
            connection.close()

    def _bearer(self) -> str:
        token = self._token or os.environ.get(self._of_token)
        if not token:
            raise HelioError(
                f"{self._of_token} is not set: give `helio start` and this program the same token, "
                "or take the one that `helio start` printed"
            )
        if not (token.isascii() and token.isprintable()):
            raise HelioError(f"the token in {self._of_token} holds what no token holds")
        return token

    def _send(self, request: _Request) -> _Answer:
        # Helio may have closed an idle connection: then it goes out again on a new one.
        while True:
            kept = self._take()
            connection = kept or self._make(self._host, self._port, timeout=self._timeout)
            try:
                return self._exchange(connection, request)
            except (OSError, HTTPException) as error:
                connection.close()
                if kept is not None and not isinstance(error, TimeoutError):
                    continue
                why = str(error) or type(error).__name__
                raise HelioUnreachable(
                    f"cannot reach Helio's SDK port at {self._url} ({why}): "
                    "is `helio start` running?"
                ) from error

    def _take(self) -> HTTPConnection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _exchange(self, connection: HTTPConnection, request: _Request) -> _Answer:
        connection.request(*request)
        response = connection.getresponse()
        answer = _read(response)
        if response.will_close:
            connection.close()
        else:
            with self._lock:
                self._idle.append(connection)
        return answer


def _read(response: HTTPResponse) -> _Answer:
    raw = response.read()
    try:
        body = json.loads(raw)
    except ValueError:
        body = None
    retry_after = response.getheader("retry-after", "")
    return _Answer(response.status, body, float(retry_after) if retry_after.isdigit() else 1.0)


def _refusal(answer: _Answer) -> RequestRefused:
    body = answer.body if isinstance(answer.body, dict) else {}
    text = str(body.get("error", f"no answer of Helio's SDK port (HTTP {answer.status})"))
    kind = REFUSALS.get(answer.status, RequestRefused)
    return kind(text, answer.status, str(body.get("reason", "")), answer.retry_after)


def _json(body: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise HelioError(f"this is not JSON: {error}") from error
