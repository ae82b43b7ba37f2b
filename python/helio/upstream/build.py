"""Builds the port of one upstream from its settings: the transport, and what stands on it.

Above: `helio.upstream.registry`. Below: the ports.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from helio.protocol.headers import Header
from helio.protocol.revisions import LATEST_LEGACY, is_modern
from helio.upstream.bridge.legacy_agent import ParametersOf, no_parameters
from helio.upstream.child import Processes, StdioUpstream
from helio.upstream.eras import Eras
from helio.upstream.http import HttpUpstream
from helio.upstream.port import Port, Response
from helio.upstream.sessions import ReopenedSessions
from helio.upstream.sse import SseUpstream

CALL_CONNECTIONS = 256
STREAM_CONNECTIONS = 4096
"""Agents' standing streams have connections of their own, so that they never keep calls waiting."""

Transport = Literal["streamable-http", "sse", "stdio"]


@dataclass(frozen=True, slots=True)
class UpstreamSettings:
    """What one upstream needs; timeouts in seconds. `open_mode`: `auth.mode` is none.

    `url` and `headers` are of the HTTP transports; `command`, `args`, `env`, `cwd`, `processes` and
    `max_processes` of stdio; `idle_timeout` is of SSE and stdio, whose sessions Helio keeps.
    `headers` and `env` are the operator's own and may hold secrets: they are left out of the
    representation. `protocol_version` None finds out what the upstream speaks.
    """

    name: str
    url: str = ""
    transport: Transport = "streamable-http"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    forward_headers: Sequence[str] = ()
    connect_timeout: float = 10.0
    request_timeout: float = 30.0
    open_mode: bool = True
    command: str | None = None
    args: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cwd: Path | None = None
    processes: Processes = "per_session"
    max_processes: int = 64
    idle_timeout: float = 1800.0
    protocol_version: str | None = None


def build_port(settings: UpstreamSettings, parameters_of: ParametersOf = no_parameters) -> Eras:
    """The port of an upstream, for agents of every revision. `parameters_of` gives the arguments of
    a tool that 2026-07-28 mirrors in headers. Raises `ValueError` for settings that cannot be used.
    """
    pinned = settings.protocol_version
    if settings.transport == "sse":
        if is_modern(pinned):
            raise ValueError(f"no server speaks {pinned} over HTTP+SSE")
        # The transport is older than any other era, so there is nothing to find out.
        pinned = pinned or LATEST_LEGACY
    return Eras(_transport(settings), pinned=pinned, parameters_of=parameters_of)


def _transport(settings: UpstreamSettings) -> Port:
    match settings.transport:
        case "stdio":
            return _stdio(settings)
        case "sse":
            return SseUpstream(
                settings.url,
                headers=settings.headers,
                connect_timeout=settings.connect_timeout,
                request_timeout=settings.request_timeout,
                idle_timeout=settings.idle_timeout,
            )
        case _:
            return ReopenedSessions(HttpPort(settings))


def _stdio(settings: UpstreamSettings) -> StdioUpstream:
    if settings.command is None:
        raise ValueError("a stdio upstream needs a command")
    return StdioUpstream(
        settings.command,
        settings.args,
        env=settings.env,
        cwd=settings.cwd,
        name=settings.name,
        processes=settings.processes,
        max_processes=settings.max_processes,
        idle_timeout=settings.idle_timeout,
        patience=settings.connect_timeout,
    )


class HttpPort:
    """A streamable HTTP server, with separate connections for requests and for standing streams."""

    def __init__(self, settings: UpstreamSettings) -> None:
        self._calls = _client(settings, CALL_CONNECTIONS)
        self._streams = _client(settings, STREAM_CONNECTIONS)

    async def send(
        self,
        method: str,
        headers: Sequence[Header],
        body: bytes | memoryview | None,
        *,
        path_suffix: str = "",
        timeout: float | None,  # noqa: ASYNC109 - between bytes, not around the call
    ) -> Response:
        """See `helio.upstream.port.Port`."""
        client = self._streams if timeout is None else self._calls
        return await client.send(method, headers, body, path_suffix=path_suffix, timeout=timeout)

    async def aclose(self) -> None:
        """See `helio.upstream.port.Port`."""
        await self._calls.aclose()
        await self._streams.aclose()


def _client(settings: UpstreamSettings, max_connections: int) -> HttpUpstream:
    return HttpUpstream(
        settings.url,
        headers=settings.headers,
        connect_timeout=settings.connect_timeout,
        request_timeout=settings.request_timeout,
        max_connections=max_connections,
    )
