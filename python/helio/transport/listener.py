"""The HTTP servers under the doors and ports: they close connections on which no request comes, and
keep what is not HTTP, and who is gone, out of the log's errors. That of agents tells when one is
gone.

Above: `helio.transport.door`, `helio.app.ports`. Below: aiohttp.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import BaseRequest, Response, Server, StreamResponse
from aiohttp.web_protocol import RequestHandler

MAX_HEADER_BYTES: Final = 32 * 1024
"""The longest request line, and the longest header: signed tokens go beyond aiohttp's 8190."""

FIRST_REQUEST_SECONDS: Final = 30.0
"""How long a connection may take until the head of its first request is there."""
NEXT_REQUEST_SECONDS: Final = 120.0
"""The same for the next one, from the end of the last answer: longer than idle ones are kept."""

Handler = Callable[[BaseRequest], Awaitable[StreamResponse]]
Partings = dict[RequestHandler, Callable[[], None]]
"""What is to be called, once, when a connection is lost."""


class PunctualServer(Server):
    """Serves `handler`. Closes connections on which no request comes. `how` is aiohttp's."""

    def __init__(self, handler: Handler, **how: Any) -> None:
        super().__init__(self._handle, access_log=None, logger=_logger, **how)
        self._serve = handler
        # By the connection: what ends it, None while a request is answered.
        self._silent: dict[RequestHandler, asyncio.TimerHandle | None] = {}

    async def _handle(self, request: BaseRequest) -> StreamResponse:
        handler = request.protocol
        self._hear(handler)
        try:
            return await self._serve(request)
        except ConnectionResetError:
            if request.transport is not None and not request.transport.is_closing():
                raise
            # Whoever asked is gone: nobody is there to be told, and nothing went wrong here.
            return Response()
        finally:
            if handler in self._silent:
                self._expect(handler, NEXT_REQUEST_SECONDS)

    def _expect(self, handler: RequestHandler, seconds: float) -> None:
        # What was written before is still sent, however slowly it is taken.
        loop = asyncio.get_running_loop()
        self._silent[handler] = loop.call_later(seconds, handler.force_close)

    def _hear(self, handler: RequestHandler) -> None:
        timer = self._silent.get(handler)
        if timer is not None:
            timer.cancel()
            self._silent[handler] = None

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Called by aiohttp when there is a connection."""
        super().connection_made(handler, transport)
        self._expect(handler, FIRST_REQUEST_SECONDS)

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """Called by aiohttp when a connection is gone."""
        self._hear(handler)
        self._silent.pop(handler, None)
        super().connection_lost(handler, exc)


class Listener(PunctualServer):
    """That of agents: it calls the entry of `partings` whose agent's connection is lost."""

    def __init__(self, handler: Handler, partings: Partings) -> None:
        super().__init__(
            handler,
            auto_decompress=False,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
        )
        self._partings = partings

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """Called by aiohttp when a connection is gone."""
        then = self._partings.pop(handler, None)
        if then is not None:
            then()
        super().connection_lost(handler, exc)


def _is_fault(record: logging.LogRecord) -> bool:
    """Whether a record tells of a fault here. What is not HTTP is its sender's: it was answered
    with 400, and is worth a line for those who look for it.
    """
    error = record.exc_info[1] if record.exc_info else None
    if not isinstance(error, HttpProcessingError):
        return True
    _logger.debug("refused what is not HTTP: %r", error.message)
    return False


_logger = logging.getLogger(__name__)
_logger.addFilter(_is_fault)
