"""HTTP to one place over connections that are kept: as many as there are requests at once.

Above: `client`. Below: `http.client`. Threads may share it.
"""

import json
import threading
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from helio.sdk.errors import HelioError, HelioUnreachable


class Answer(NamedTuple):
    """What came back: the body is JSON, None where it is not. `retry_after` is in seconds."""

    status: int
    body: Any
    retry_after: float | None


class Connections:
    """Connections to `url` (scheme, host and port, perhaps a path). `timeout` is in seconds, for
    each step of a request."""

    def __init__(self, url: str, timeout: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise HelioError(f"{url!r} is no URL of a Helio: it looks like http://127.0.0.1:3200")
        self._make = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._url = url
        self._host, self._port = parts.hostname, parts.port
        self._prefix = parts.path.rstrip("/")
        self._timeout = timeout
        self._idle: list[HTTPConnection] = []
        self._lock = threading.Lock()

    def send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        """One request, which must do no harm when it is done twice: Helio may have closed an idle
        connection, and then it goes out again on a new one. Raises `HelioUnreachable`."""
        while True:
            kept = self._take()
            connection = kept or self._make(self._host, self._port, timeout=self._timeout)
            try:
                return self._exchange(connection, method, path, body, headers)
            except (OSError, HTTPException) as error:
                connection.close()
                if kept is not None and not isinstance(error, TimeoutError):
                    continue
                why = str(error) or type(error).__name__
                raise HelioUnreachable(
                    f"cannot reach Helio's SDK port at {self._url} ({why}): "
                    "is `helio start` running?"
                ) from error

    def close(self) -> None:
        """Closes what is idle; requests under way end first."""
        while (connection := self._take()) is not None:
            connection.close()

    def _take(self) -> HTTPConnection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _exchange(
        self,
        connection: HTTPConnection,
        method: str,
        path: str,
        body: bytes | None,
        headers: dict[str, str],
    ) -> Answer:
        connection.request(method, self._prefix + path, body, headers)
        response = connection.getresponse()
        answer = _read(response)
        if response.will_close:
            connection.close()
        else:
            with self._lock:
                self._idle.append(connection)
        return answer


def _read(response: HTTPResponse) -> Answer:
    raw = response.read()
    try:
        body = json.loads(raw)
    except ValueError:
        body = None
    retry_after = response.getheader("retry-after", "")
    return Answer(response.status, body, float(retry_after) if retry_after.isdigit() else None)
