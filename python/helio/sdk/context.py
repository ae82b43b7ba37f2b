"""One agent's session, as the program around the agent sees it.

Above: programs around agents. Below: `client`. Threads may share a context.
"""

import os
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Self

from helio.sdk.client import DEFAULT_URL, EvidenceMark, HelioClient
from helio.sdk.errors import EvidenceMissing

SESSION_HEADER = "x-helio-session-id"
"""The header in which the agent's requests to Helio hold the session's id."""


class HelioContext:
    """The session `session_id`: that of `HELIO_SESSION_ID` by default, else a new one.

    The agent's MCP client must send `headers`, or its calls are another session's.
    `proxy_url` is that of the SDK port, `timeout` in seconds. `agent_id` (by default
    `HELIO_AGENT_ID`) says whose session it is where agents have names and the token has none.
    """

    def __init__(
        self,
        proxy_url: str = DEFAULT_URL,
        session_id: str | None = None,
        *,
        timeout: float = 5.0,
        token: str | None = None,
        agent_id: str | None = None,
    ) -> None:
        self._client = HelioClient(proxy_url, timeout=timeout, token=token)
        self._session_id = session_id or os.environ.get("HELIO_SESSION_ID") or uuid.uuid4().hex
        self._agent_id = agent_id or os.environ.get("HELIO_AGENT_ID") or None

    @property
    def session_id(self) -> str:
        """The session's id."""
        return self._session_id

    @property
    def headers(self) -> dict[str, str]:
        """What the agent's requests to Helio must hold."""
        return {SESSION_HEADER: self._session_id}

    def mark_evidence(self, tool_name: str, evidence_key: str, data: Any, ttl: float = 300) -> None:
        """Says that `data` (a JSON value of at most 4 KiB) was looked at: rules that require
        `tool_name` or `evidence_key` are met for `ttl` seconds, from when this returns.

        Raises `HelioError`; then the mark does not count, or, when Helio did not answer, may.
        """
        mark = EvidenceMark(self._session_id, tool_name, evidence_key, data, ttl, self._agent_id)
        self._client.mark_evidence([mark])

    def require_evidence(self, keys: Iterable[str]) -> None:
        """Returns when the session has evidence under all `keys`, by marks or by calls.

        Raises `EvidenceMissing` with those that it lacks.
        """
        missing, expired = lacking(self.get_evidence_state(), keys)
        if missing or expired:
            raise EvidenceMissing(missing, expired)

    def set(self, key: str, value: Any) -> None:
        """Keeps a JSON value of at most 4 KiB with the session, for people who look at it."""
        self._client.set_context(self._session_id, key, value, self._agent_id)

    def get_evidence_state(self) -> dict[str, Any]:
        """What Helio knows of the session: `{session_id, agent_id, labels, called, completed,
        evidence: [{name, by, about, valid_until, expired}], context, counters}`."""
        return self._client.session(self._session_id, self._agent_id)

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def lacking(state: Mapping[str, Any], keys: Iterable[str]) -> tuple[list[str], list[str]]:
    """Which `keys` a session has no evidence of, and which it has had."""
    wanted = [keys] if isinstance(keys, str) else list(keys)
    valid = {each["name"] for each in state["evidence"] if not each["expired"]}
    known = {each["name"] for each in state["evidence"]}
    lacked = [key for key in wanted if key not in valid]
    return [key for key in lacked if key not in known], [key for key in lacked if key in known]
