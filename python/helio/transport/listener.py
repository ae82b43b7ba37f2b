"""The HTTP server under the door: it tells standing streams when their agent is gone, and keeps
what is not HTTP out of the log's errors.

Above: `helio.transport.door`. Below: aiohttp.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import BaseRequest, Server, StreamResponse
from aiohttp.web_protocol import RequestHandler

MAX_HEADER_BYTES: Final = 32 * 1024
"""The longest request line, and the longest header: signed tokens go beyond aiohttp's 8190."""

Streams = dict[RequestHandler, asyncio.Timeout]


class Listener(Server):
    """Serves `handler`. Ends the entry of `streams` whose agent's connection is lost."""

    def __init__(
        self, handler: Callable[[BaseRequest], Awaitable[StreamResponse]], streams: Streams
    ) -> None:
        super().__init__(
            handler,
            access_log=None,
            logger=_logger,
            auto_decompress=False,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
        )
        self._streams = streams

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """Called by aiohttp when a connection is gone."""
        stream = self._streams.pop(handler, None)
        if stream is not None:
            end(stream)
        super().connection_lost(handler, exc)


def end(stream: asyncio.Timeout) -> None:
    """Ends what stands under the timeout, now."""
    if not stream.expired():
        stream.reschedule(asyncio.get_running_loop().time())


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
