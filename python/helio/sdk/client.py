"""What the SDK port can be asked, one method each.

Above: `context`, `asynchronous`. Below: `connections`. Threads may share a client.
"""

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast
from urllib.parse import quote, urlencode

from helio.sdk.connections import Answer, Connections
from helio.sdk.errors import HelioError, RequestRefused, TokenRefused, TooManyRequests

DEFAULT_URL = "http://127.0.0.1:3200"
TOKEN_VARIABLE = "HELIO_SDK_TOKEN"  # noqa: S105 - the name of a variable
MOST_MARKS = 1000
"""Marks of one request."""


class EvidenceMark(NamedTuple):
    """That `data` (a JSON value) was looked at: by this tool, under this key, for `ttl` seconds.

    `agent_id` says whose session it is where agents have names (`auth`) and the token is not bound
    to one of them.
    """

    session_id: str
    tool_name: str
    evidence_key: str
    data: Any
    ttl: float = 300
    agent_id: str | None = None


class HelioClient:
    """The SDK port at `proxy_url`. `timeout` is in seconds; `token` is by default that of
    `HELIO_SDK_TOKEN`, read at each request, so that a new one is taken up."""

    def __init__(
        self, proxy_url: str = DEFAULT_URL, *, timeout: float = 5.0, token: str | None = None
    ) -> None:
        self._connections = Connections(proxy_url, timeout)
        self._token = token

    def mark_evidence(self, marks: Sequence[EvidenceMark]) -> list[dict[str, Any]]:
        """Marks evidence, all of it or none; returns when it is on Helio's disk.

        Gives for each `{session_id, agent_id, names, valid_until}`; under `names` it counts. Past
        `MOST_MARKS` they go in several requests, each whole.
        """
        kept: list[dict[str, Any]] = []
        for first in range(0, len(marks), MOST_MARKS):
            some = [_told(mark) for mark in marks[first : first + MOST_MARKS]]
            told = self._ask("POST", "/evidence", some[0] if len(some) == 1 else {"marks": some})
            kept += told if isinstance(told, list) else [told]
        return kept

    def set_context(
        self, session_id: str, key: str, value: Any, agent_id: str | None = None
    ) -> None:
        """Keeps a JSON value with the session, for people who look at it."""
        body = {"session_id": session_id, "key": key, "value": value}
        self._ask("POST", "/context", _with_agent(body, agent_id))

    def session(self, session_id: str, agent_id: str | None = None) -> dict[str, Any]:
        """What is known of a session; all of it empty for one in which nothing happened yet."""
        query = "" if agent_id is None else "?" + urlencode({"agent": agent_id})
        return cast("dict[str, Any]", self._ask("GET", f"/session/{quote(session_id, '')}{query}"))

    def close(self) -> None:
        """Closes the connections. The client may be used again."""
        self._connections.close()

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The `data` of an answer. Raises `HelioError`."""
        token = self._token or os.environ.get(TOKEN_VARIABLE)
        if not token:
            raise HelioError(
                f"{TOKEN_VARIABLE} is not set: give `helio start` and this program the same token, "
                "or take the one that `helio start` printed"
            )
        if not (token.isascii() and token.isprintable()):
            raise HelioError(f"the token in {TOKEN_VARIABLE} holds what no token holds")
        headers = {"authorization": f"Bearer {token}"}
        raw = None
        if body is not None:
            raw = _json(body)
            headers["content-type"] = "application/json"
        answer = self._connections.send(method, path, raw, headers)
        if answer.status not in (200, 201) or not isinstance(answer.body, dict):
            raise _refusal(answer)
        return answer.body.get("data")


def _told(mark: EvidenceMark) -> dict[str, Any]:
    told = mark._asdict()
    return _with_agent(told, told.pop("agent_id"))


def _with_agent(body: dict[str, Any], agent_id: str | None) -> dict[str, Any]:
    return body if agent_id is None else {**body, "agent_id": agent_id}


def _json(body: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise HelioError(f"this is not JSON: {error}") from error


def _refusal(answer: Answer) -> RequestRefused:
    body = answer.body if isinstance(answer.body, dict) else {}
    text = str(body.get("error", f"no answer of Helio's SDK port (HTTP {answer.status})"))
    reason = str(body.get("reason", ""))
    if answer.status in (401, 403):
        return TokenRefused(text, answer.status, reason)
    if answer.status == 429:
        return TooManyRequests(text, 429, reason, answer.retry_after or 1.0)
    return RequestRefused(text, answer.status, reason)
