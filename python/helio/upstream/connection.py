"""One connection to an upstream: an asyncio protocol that carries one request and its answer at a
time.

Above: the client (`helio.upstream.http`), which owns the connections. Below: the answer's framing
(`helio.upstream.answer`).
"""

import asyncio
import select
import socket
from collections.abc import Callable
from math import inf
from typing import Final, Protocol, cast

from helio.errors import UpstreamFailed, UpstreamFailure
from helio.upstream.answer import Answer, AnswerFault, AnswerReader

BUFFER_LIMIT: Final = 256 * 1024
"""Bytes of a body that may wait for their reader before the connection stops reading."""

_PIECE: Final = 64 * 1024
_ENDED_EARLY: Final = "the upstream closed the connection before its answer ended"


class Owner(Protocol):
    """What a connection tells the client that owns it."""

    def connection_made(self, connection: "Connection") -> None:
        """The connection is open."""

    def connection_idle(self, connection: "Connection") -> None:
        """The answer is complete and the connection may carry another request."""

    def connection_done(self, connection: "Connection") -> None:
        """The request is over and the connection is closing."""

    def connection_lost(self, connection: "Connection") -> None:
        """The connection is closed."""

    def watch(self) -> None:
        """The connection has a deadline again."""


class Connection(asyncio.Protocol):
    """Carries requests one after the other. `deadline` is on the loop's clock, in seconds.

    Idle, it is open and carries nothing; any byte or end of stream then closes it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, owner: Owner) -> None:
        self.deadline = inf
        self._loop = loop
        self._owner = owner
        self._reader = AnswerReader()
        self._answer: Answer | None = None
        self._timeout: float | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._reading = True
        self._write_paused = False
        self._writing = False

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is open."""
        self._transport = cast(asyncio.Transport, transport)
        peer: socket.socket = transport.get_extra_info("socket")
        # A stream without deadline would otherwise never notice a peer that vanished.
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._pending = _poller(peer.fileno())
        self._owner.connection_made(self)

    def data_received(self, data: bytes) -> None:
        """Bytes of the answer came."""
        answer = self._answer
        if answer is None:
            self._transport.abort()
            return
        had_head, had_bytes = answer.head_complete, answer.buffered
        try:
            self._reader.feed(data)
        except AnswerFault as fault:
            self._fail(answer, fault)
            return
        if answer.complete:
            self._finish(answer)
        elif answer.buffered >= BUFFER_LIMIT:
            self._pause()
        elif answer.head_complete > had_head or answer.buffered > had_bytes:
            # Only what the answer's reader can see is progress: neither a head that trickles in nor
            # interim answers keep a call alive.
            self._restart_deadline()
        self._wake()

    def eof_received(self) -> None:
        """The peer sends no more; the transport closes itself."""
        answer = self._answer
        if answer is None:
            return
        self._reader.finish()
        if answer.complete:
            self._finish(answer)
            self._wake()
        else:
            self._fail(answer, AnswerFault("closed", _ENDED_EARLY))

    def connection_lost(self, error: Exception | None) -> None:
        """The transport is closed."""
        answer = self._answer
        if answer is not None:
            self._fail(answer, AnswerFault("closed", str(error) if error else _ENDED_EARLY))
        self._owner.connection_lost(self)

    def pause_writing(self) -> None:
        """The transport's write buffer is full."""
        self._write_paused = True

    def resume_writing(self) -> None:
        """The transport's write buffer has room again."""
        self._write_paused = False
        self._wake()

    # What the client calls.

    def usable(self) -> bool:
        """Whether an idle connection is still good: open, and nothing is there to be read.

        Asking the kernel finds an end of stream, or bytes that nobody asked for, which the loop has
        not seen yet: a request sent after those would be lost without an answer.
        """
        return not self._transport.is_closing() and not self._pending()

    async def request(
        self,
        head: bytes,
        body: bytes | memoryview | None,
        *,
        head_only: bool,
        timeout: float | None,  # noqa: ASYNC109 - between bytes, not around the call
    ) -> Answer:
        """Sends a request and waits for the head of its answer.

        `timeout` in seconds: how long no byte may come; None for ever. Raises `UpstreamFailed` with
        `sent=True`. An exception, a cancellation included, closes the connection.
        """
        answer = Answer(head_only=head_only)
        self._reader.begin(answer)
        self._answer = answer
        self._timeout = timeout
        self._restart_deadline()
        try:
            if body is None:
                self._transport.write(head)
            elif len(body) <= _PIECE:
                self._transport.write(b"".join((head, body)))
            else:
                await self._send_pieces(answer, head, memoryview(body))
            while not answer.head_complete:
                await self.wait(answer)
        except BaseException:
            self.drop(answer, "the request was given up")
            raise
        return answer

    async def wait(self, answer: Answer) -> None:
        """Waits until more of the answer came. Raises `UpstreamFailed` when no more will."""
        if answer.failure is not None:
            raise UpstreamFailed(answer.failure.reason, sent=True, detail=answer.failure.detail)
        self._waiter = waiter = self._loop.create_future()
        try:
            await waiter
        finally:
            if self._waiter is waiter:
                self._waiter = None

    def allow_silence(self, answer: Answer, timeout: float | None) -> None:
        """How long no byte may come from now on, in seconds; None for ever."""
        if self._answer is answer:
            self._timeout = timeout
            self._restart_deadline()

    def drop(self, answer: Answer, why: str) -> None:
        """Closes the connection if it still carries this answer."""
        if self._answer is answer:
            self._fail(answer, AnswerFault("closed", why))

    def consumed(self, answer: Answer) -> None:
        """The reader took what was buffered: reads on if reading was paused."""
        if self._answer is answer and not self._reading:
            self._reading = True
            self._transport.resume_reading()
            self._restart_deadline()

    def close(self, reason: UpstreamFailure, why: str) -> None:
        """Closes the connection, whatever it carries."""
        if self._answer is not None:
            self._fail(self._answer, AnswerFault(reason, why))
        else:
            self._transport.abort()

    def inspect(self, now: float) -> bool:
        """Acts on a passed deadline; whether there is one to look at again."""
        if now >= self.deadline:
            if self._answer is None:
                self._transport.abort()
            else:
                self.close("timeout", f"no byte from the upstream within {self._timeout} s")
        return self.deadline != inf

    # Inside.

    async def _send_pieces(self, answer: Answer, head: bytes, body: memoryview) -> None:
        self._writing = True
        self._transport.write(head)
        for start in range(0, len(body), _PIECE):
            # An answer that comes before the request is whole, such as 413, ends the sending.
            if answer.head_complete:
                return
            self._transport.write(body[start : start + _PIECE])
            while self._write_paused and not answer.head_complete:
                await self.wait(answer)
            self._restart_deadline()
        self._writing = False

    def _restart_deadline(self) -> None:
        if self._timeout is None:
            self.deadline = inf
        else:
            self.deadline = self._loop.time() + self._timeout
            self._owner.watch()

    def _pause(self) -> None:
        if self._reading:
            self._reading = False
            self._transport.pause_reading()
            # The reader is slow, not the upstream.
            self.deadline = inf

    def _finish(self, answer: Answer) -> None:
        self._answer = None
        self.deadline = inf
        transport = self._transport
        sent = not self._writing and not transport.get_write_buffer_size()
        if sent and self._reader.reusable and not transport.is_closing():
            self._owner.connection_idle(self)
        else:
            transport.abort()
            self._owner.connection_done(self)

    def _fail(self, answer: Answer, fault: AnswerFault) -> None:
        answer.failure = fault
        self._answer = None
        self.deadline = inf
        self._transport.abort()
        self._owner.connection_done(self)
        self._wake()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


def _poller(descriptor: int) -> Callable[[], bool]:
    """A cheap question to the kernel: is there anything to be read from this socket?"""
    if not hasattr(select, "poll"):
        return lambda: bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return lambda: bool(poll.poll(0))
