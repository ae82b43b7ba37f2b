"""The ports that Helio listens on.

Above: `helio.app.application`. Below: `helio.transport`, `helio.operator`, aiohttp.
"""

from dataclasses import dataclass

from aiohttp import web
from aiohttp.http_parser import HttpRequestParserC

from helio.errors import StartFailed
from helio.transport.listener import PunctualServer

CLOSE_SECONDS = 0.5
"""How long a connection may take to close; the HTTP server grants it twice."""


@dataclass(frozen=True, slots=True)
class Listeners:
    """Where Helio serves: URLs. None is not served."""

    mcp: tuple[str, ...]
    operator: str | None
    sideband: str | None = None


class _AppRunner(web.AppRunner):
    """Serves an application as the doors are served."""

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return PunctualServer(made.request_handler, request_factory=made.request_factory)


class Ports:
    """The listening sockets and what is behind them."""

    def __init__(self) -> None:
        self._runners: list[web.BaseRunner] = []

    async def listen(self, served: web.Server | web.Application, host: str, port: int) -> str:
        """Serves on a port (0: any free one) and gives the URL. Raises `StartFailed`."""
        if HttpRequestParserC is None:
            raise StartFailed(
                "aiohttp runs without its C parser", "Reinstall aiohttp from a wheel."
            )
        runner: web.BaseRunner = (
            _AppRunner(served, shutdown_timeout=CLOSE_SECONDS)
            if isinstance(served, web.Application)
            else web.ServerRunner(served, shutdown_timeout=CLOSE_SECONDS)
        )
        await runner.setup()
        self._runners.append(runner)
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise StartFailed(
                f"{host}:{port} cannot be listened on: {error.strerror or error}",
                "Another process may hold the port; choose another one.",
            ) from error
        bound = runner.addresses[0][1]
        name = f"[{host}]" if ":" in host else host
        return f"http://{name}:{bound}"

    async def close(self) -> None:
        """Closes everything."""
        for runner in self._runners:
            await runner.cleanup()
