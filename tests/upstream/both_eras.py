"""An upstream that speaks what a test says, and says of itself what a test says."""

from typing import Any

from helio.upstream.eras import Eras
from upstream.scripted import (
    INITIALIZE,
    LegacyServer,
    ScriptedPort,
    Sent,
    post,
    refusal,
    request,
    result,
)

MODERN = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}


def modern(method: str, params: dict[str, Any] | None = None) -> Any:
    return request(method, {**(params or {}), "_meta": META})


def headers_of(message: Any) -> dict[str, str]:
    return {"mcp-protocol-version": MODERN, "mcp-method": message["method"]}


class Upstream:
    """An upstream that speaks what a test says, and says of itself what a test says."""

    def __init__(self, *, speaks_modern: bool, speaks_legacy: bool, names: Any = None) -> None:
        self.speaks_modern = speaks_modern
        self.speaks_legacy = speaks_legacy
        self.names = [MODERN] if names is None else names
        self.legacy = LegacyServer()

    async def __call__(self, sent: Sent) -> Any:
        if sent.headers.get("mcp-protocol-version") == MODERN:
            return self.modern(sent)
        if not self.speaks_legacy:
            return refusal(400, "no such revision", -32022, {"supported": [MODERN]})
        return await self.legacy(sent)

    def modern(self, sent: Sent) -> Any:
        if not self.speaks_modern:
            return refusal(400, "Bad Request: Missing session ID")
        if sent.asks == "server/discover":
            return result(
                sent,
                {
                    "resultType": "complete",
                    "supportedVersions": self.names,
                    "capabilities": {"tools": {}},
                },
            )
        return result(sent, {"resultType": "complete", "modern": sent.asks})


DUAL = {"speaks_modern": True, "speaks_legacy": True}
ONLY_MODERN = {"speaks_modern": True, "speaks_legacy": False}
ONLY_LEGACY = {"speaks_modern": False, "speaks_legacy": True}


def scene(**speaks: Any) -> tuple[Upstream, ScriptedPort, Eras]:
    upstream = Upstream(**speaks)
    port = ScriptedPort(upstream)
    return upstream, port, Eras(port)


async def open_session(eras: Eras) -> dict[str, str]:
    response = await post(eras, INITIALIZE)
    assert response.status == 200
    given = response.header(b"mcp-session-id")
    assert given is not None
    await response.read(1 << 20)
    return {"mcp-session-id": given.decode(), "mcp-protocol-version": "2025-11-25"}
