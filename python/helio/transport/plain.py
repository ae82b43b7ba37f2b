"""Small whole answers of the HTTP doors, written at once.

Above: `helio.transport.http`. Below: aiohttp, whose own answers can do more than these need, and
cost several times as much.
"""

import time
from email.utils import formatdate
from functools import lru_cache
from typing import Final

from aiohttp import HttpVersion11
from aiohttp.web import BaseRequest, StreamResponse

from helio.transport.inbound import Whole

PLAIN_BYTES: Final = 64 * 1024
"""The largest body that is copied behind its head to be written with it."""


class PlainResponse(StreamResponse):
    """A whole answer that needs none of what aiohttp can do for one (see `is_plain`): written at
    once, at a fraction of the cost. Raises `ConnectionResetError` when nobody is there any more,
    `ValueError` for a header that would break the framing.
    """

    def __init__(self, reply: Whole) -> None:
        super().__init__(status=reply.status)
        self._reply = reply
        self._written = self._stays = False

    @property
    def prepared(self) -> bool:
        """Whether it was written."""
        return self._written

    @property
    def keep_alive(self) -> bool:
        """Whether the connection serves again."""
        return self._stays

    async def prepare(self, request: BaseRequest) -> None:
        """Called by aiohttp: writes all of it."""
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the agent is gone")
        self._stays = request.keep_alive
        transport.write(self._head() + self._reply.body)
        self._written = True

    async def write_eof(self, data: bytes = b"") -> None:
        """Called by aiohttp: nothing is left to be written."""

    def _head(self) -> bytes:
        lines = [
            _status_line(self.status, self.reason),
            *(b"%b: %b\r\n" % header for header in self._reply.headers),
            b"content-length: %d\r\n" % len(self._reply.body),
            _date(int(time.time())),
            b"\r\n" if self._stays else b"connection: close\r\n\r\n",
        ]
        head = b"".join(lines)
        endings = len(lines) if self._stays else len(lines) + 1
        if head.count(b"\n") != endings or head.count(b"\r") != endings:
            raise ValueError("a header holds a line end")
        return head


@lru_cache(maxsize=128)
def _status_line(status: int, reason: str) -> bytes:
    return f"HTTP/1.1 {status} {reason}\r\n".encode("latin-1")


@lru_cache(maxsize=1)
def _date(second: int) -> bytes:
    return f"date: {formatdate(second, usegmt=True)}\r\n".encode("ascii")


def is_plain(request: BaseRequest, reply: Whole) -> bool:
    """Whether an answer is framed by its length alone, is small, and says what its body is."""
    return (
        request.version == HttpVersion11
        and request.method != "HEAD"
        and reply.status not in (204, 304)
        and len(reply.body) <= PLAIN_BYTES
        and (not reply.body or b"content-type" in dict(reply.headers))
    )
