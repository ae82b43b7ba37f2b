"""What the SDK port can be asked, one method each.

Above: `context`, `asynchronous`. Below: `connections`. Threads may share a client.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast
from urllib.parse import quote, urlencode

from helio.sdk.connections import Connections

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
        self._port = Connections(proxy_url, timeout, token, TOKEN_VARIABLE)

    def mark_evidence(self, marks: Sequence[EvidenceMark]) -> list[dict[str, Any]]:
        """Marks evidence, all of it or none; returns when it is on Helio's disk.

        Gives for each `{session_id, agent_id, names, valid_until}`; under `names` it counts. Past
        `MOST_MARKS` they go in several requests, each whole.
        """
        kept: list[dict[str, Any]] = []
        for first in range(0, len(marks), MOST_MARKS):
            some = [_told(mark) for mark in marks[first : first + MOST_MARKS]]
            told = self._port.ask(
                "POST", "/evidence", some[0] if len(some) == 1 else {"marks": some}
            )["data"]
            kept += told if isinstance(told, list) else [told]
        return kept

    def set_context(
        self, session_id: str, key: str, value: Any, agent_id: str | None = None
    ) -> None:
        """Keeps a JSON value with the session, for people who look at it."""
        body = {"session_id": session_id, "key": key, "value": value}
        self._port.ask("POST", "/context", _with_agent(body, agent_id))

    def session(self, session_id: str, agent_id: str | None = None) -> dict[str, Any]:
        """What is known of a session; all of it empty for one in which nothing happened yet."""
        query = "" if agent_id is None else "?" + urlencode({"agent": agent_id})
        answer = self._port.ask("GET", f"/session/{quote(session_id, '')}{query}")
        return cast("dict[str, Any]", answer["data"])

    def close(self) -> None:
        """Closes the connections. The client may be used again."""
        self._port.close()


def _told(mark: EvidenceMark) -> dict[str, Any]:
    told = mark._asdict()
    return _with_agent(told, told.pop("agent_id"))


def _with_agent(body: dict[str, Any], agent_id: str | None) -> dict[str, Any]:
    return body if agent_id is None else {**body, "agent_id": agent_id}
