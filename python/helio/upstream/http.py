"""The HTTP/1.1 client towards one upstream: a small pool of connections.

Above: `helio.upstream.registry`, `helio.upstream.catalogue`, `helio.runtime`. Below: one connection
(`helio.upstream.connection`). It sends each request once and never retries: whether a call may be
sent again is not the wire's to decide.
"""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from typing import Final

from helio.errors import UpstreamFailed
from helio.upstream.connection import Connection
from helio.upstream.request import Header, RequestWriter, origin_of
from helio.upstream.response import UpstreamResponse

IDLE_SECONDS: Final = 3.0
"""How long an idle connection is kept: common servers close theirs after 5 s."""

_WATCH_INTERVAL: Final = 0.1


class HttpUpstream:
    """Sends requests to one URL over pooled connections, on one event loop.

    `headers` go with every request and win over a request's own. Timeouts are in seconds;
    `request_timeout` is for callers to pass to `send`. `tls` replaces the default context, which
    verifies certificate and host name. Raises `ValueError` for a URL or header that cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        connect_timeout: float,
        request_timeout: float,
        max_connections: int = 256,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._origin = origin_of(url)
        self._writer = RequestWriter(self._origin, headers)
        self.connect_timeout = connect_timeout
        self.request_timeout = request_timeout
        self._tls = (tls or ssl.create_default_context()) if self._origin.tls else None
        self._max_connections = max_connections
        self._free = asyncio.Semaphore(max_connections)
        self._open: set[Connection] = set()
        self._idle: list[Connection] = []
        self._watcher: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._overslept = False
        self._closed = False
        self._all_lost = asyncio.Event()

    @property
    def open_connections(self) -> int:
        """How many connections are open, idle ones included."""
        return len(self._open)

    async def send(
        self,
        method: str,
        headers: Sequence[Header],
        body: bytes | memoryview | None,
        *,
        path_suffix: str = "",
        timeout: float | None,  # noqa: ASYNC109 - between bytes, not around the call
    ) -> UpstreamResponse:
        """Sends one request and returns once the head of its answer is there.

        `timeout` in seconds is how long the upstream may stay silent, here and while the body is
        read; every piece of the body restarts it; None waits for ever. Raises `UpstreamFailed`.
        Redirects are answers like any other. A cancellation closes the connection.
        """
        try:
            head = self._writer.head(
                method, headers, None if body is None else len(body), path_suffix
            )
        except ValueError as error:
            raise UpstreamFailed("protocol_error", sent=False, detail=str(error)) from None
        connection = await self._acquire()
        answer = await connection.request(head, body, head_only=method == "HEAD", timeout=timeout)
        return UpstreamResponse(answer, connection)

    async def aclose(self) -> None:
        """Closes every connection; requests under way fail with `closed`, later ones unsent."""
        self._closed = True
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None
        for connection in tuple(self._open):
            connection.close("closed", "the client was closed")
        while self._open:
            self._all_lost.clear()
            await self._all_lost.wait()

    async def _acquire(self) -> Connection:
        if self._free.locked():
            try:
                async with asyncio.timeout(self.connect_timeout):
                    await self._free.acquire()
            except TimeoutError:
                detail = f"all {self._max_connections} connections are busy"
                raise UpstreamFailed("connect_timeout", sent=False, detail=detail) from None
        else:
            await self._free.acquire()
        while self._idle:
            connection = self._idle.pop()
            if connection.usable():
                return connection
            connection.close("closed", "the upstream closed an idle connection")
        try:
            self._refuse_when_closed()
            return await self._connect()
        except BaseException:
            self._free.release()
            raise

    async def _connect(self) -> Connection:
        origin = self._origin
        loop = asyncio.get_running_loop()
        connection = Connection(loop, self)
        connected = False
        try:
            async with asyncio.timeout(self.connect_timeout):
                await loop.create_connection(
                    lambda: connection, origin.host, origin.port, ssl=self._tls
                )
            connected = True
        except TimeoutError:
            detail = f"no connection within {self.connect_timeout} s"
            raise UpstreamFailed("connect_timeout", sent=False, detail=detail) from None
        except (OSError, UnicodeError) as error:
            raise UpstreamFailed("connect_failed", sent=False, detail=str(error)) from None
        finally:
            if not connected:
                # uvloop does not tell that it closed a connection whose making was cancelled.
                self.connection_lost(connection)
        try:
            self._refuse_when_closed()
        except UpstreamFailed:
            connection.close("closed", "the client was closed")
            raise
        return connection

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise UpstreamFailed("closed", sent=False, detail="the client was closed")

    # What connections tell.

    def connection_made(self, connection: Connection) -> None:
        """A connection is open."""
        self._open.add(connection)

    def connection_idle(self, connection: Connection) -> None:
        """A connection's answer is complete."""
        connection.deadline = asyncio.get_running_loop().time() + IDLE_SECONDS
        self._idle.append(connection)
        self._free.release()
        self.watch()

    def connection_done(self, connection: Connection) -> None:
        """A connection's request is over and it is closing."""
        self._free.release()

    def connection_lost(self, connection: Connection) -> None:
        """A connection is closed."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if not self._open:
            self._all_lost.set()

    def watch(self) -> None:
        """Looks after deadlines from now on: one timer for all connections, while any has one."""
        if self._watcher is None and not self._closed:
            loop = asyncio.get_running_loop()
            self._due = loop.time() + _WATCH_INTERVAL
            self._watcher = loop.call_at(self._due, self._inspect)

    def _inspect(self) -> None:
        self._watcher = None
        now = asyncio.get_running_loop().time()
        overslept = now - self._due > _WATCH_INTERVAL
        if overslept and not self._overslept:
            # This process slept, not the upstreams: let the loop read what they sent meanwhile.
            self._overslept = True
            self.watch()
            return
        self._overslept = overslept
        again = [connection.inspect(now) for connection in tuple(self._open)]
        if any(again):
            self.watch()
