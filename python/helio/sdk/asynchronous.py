"""The same for programs on asyncio: each question in a thread, so that the loop goes on.

Above: programs around agents. Below: `client`, `context`.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Self

from helio.sdk.client import DEFAULT_URL, EvidenceMark, HelioClient
from helio.sdk.context import HelioContext


class AsyncHelioClient:
    """`HelioClient`, awaited."""

    def __init__(
        self, proxy_url: str = DEFAULT_URL, *, timeout: float = 5.0, token: str | None = None
    ) -> None:
        self._client = HelioClient(proxy_url, timeout=timeout, token=token)

    async def mark_evidence(self, marks: Sequence[EvidenceMark]) -> list[dict[str, Any]]:
        """As `HelioClient.mark_evidence`."""
        return await asyncio.to_thread(self._client.mark_evidence, marks)

    async def set_context(
        self, session_id: str, key: str, value: Any, agent_id: str | None = None
    ) -> None:
        """As `HelioClient.set_context`."""
        await asyncio.to_thread(self._client.set_context, session_id, key, value, agent_id)

    async def session(self, session_id: str, agent_id: str | None = None) -> dict[str, Any]:
        """As `HelioClient.session`."""
        return await asyncio.to_thread(self._client.session, session_id, agent_id)

    async def aclose(self) -> None:
        """Closes the connections."""
        self._client.close()


class AsyncHelioContext:
    """`HelioContext`, awaited; used by `async with`."""

    def __init__(
        self,
        proxy_url: str = DEFAULT_URL,
        session_id: str | None = None,
        *,
        timeout: float = 5.0,
        token: str | None = None,
        agent_id: str | None = None,
    ) -> None:
        self._context = HelioContext(
            proxy_url, session_id, timeout=timeout, token=token, agent_id=agent_id
        )

    @property
    def session_id(self) -> str:
        """The session's id."""
        return self._context.session_id

    @property
    def headers(self) -> dict[str, str]:
        """What the agent's requests to Helio must hold."""
        return self._context.headers

    async def mark_evidence(
        self, tool_name: str, evidence_key: str, data: Any, ttl: float = 300
    ) -> None:
        """As `HelioContext.mark_evidence`."""
        await asyncio.to_thread(self._context.mark_evidence, tool_name, evidence_key, data, ttl)

    async def require_evidence(self, keys: Iterable[str]) -> None:
        """As `HelioContext.require_evidence`."""
        await asyncio.to_thread(self._context.require_evidence, keys)

    async def set(self, key: str, value: Any) -> None:
        """As `HelioContext.set`."""
        await asyncio.to_thread(self._context.set, key, value)

    async def get_evidence_state(self) -> dict[str, Any]:
        """As `HelioContext.get_evidence_state`."""
        return await asyncio.to_thread(self._context.get_evidence_state)

    async def aclose(self) -> None:
        """Closes the connections."""
        self._context.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
