"""A line: one full-duplex channel of whole JSON-RPC messages, and what it takes to use one.

Above: the conversations (`helio.upstream.conversation`), which know what the messages mean. Below:
the lines themselves, a child's pipes (`helio.upstream.process`) and an SSE session
(`helio.upstream.sse`).
"""

from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import Final, Protocol

from helio.errors import UpstreamFailed
from helio.protocol.headers import Header
from helio.upstream.made import WholeResponse

MESSAGE_LIMIT: Final = 64 * 1024 * 1024
"""Bytes of one message of an upstream; a longer one ends the line."""

Edit = tuple[int, int, bytes]
"""Bytes from `start` to `end` of a message, and what stands there instead."""


class Refused(Exception):
    """The other side answered with an HTTP refusal, which is the agent's to see. Nothing ran."""

    def __init__(self, response: WholeResponse) -> None:
        super().__init__(f"HTTP {response.status}")
        self.response = response


class Line(Protocol):
    """One full-duplex channel of messages.

    `gives_receipts`: `send` waits for the other side's receipt, which may come after its answer.
    """

    @property
    def gives_receipts(self) -> bool:
        """See above."""

    async def send(
        self,
        message: bytes,
        headers: Sequence[Header],
        timeout: float | None,  # noqa: ASYNC109 - for the other side to take it
    ) -> None:
        """Sends one message. `headers` are those of the agent's request, for lines that have any.

        Raises `UpstreamFailed` and `Refused`.
        """

    def messages(self) -> AsyncGenerator[bytes, None]:
        """What the other side says, message by message; to be read once.

        Nothing more is read while nobody asks for more. Raises `UpstreamFailed` (`sent`) at its
        end, which is never an orderly one: a line stands as long as it is needed.
        """

    async def aclose(self) -> None:
        """Ends the line, within bounded time; a second time it does nothing."""


class LineCutter:
    """Cuts a byte stream into lines of at most `MESSAGE_LIMIT` bytes, in linear time."""

    def __init__(self, limit: int = MESSAGE_LIMIT) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes, without their ends; empty ones are left out.

        Raises `UpstreamFailed` (`too_large`) for a line over the limit.
        """
        *complete, rest = data.split(b"\n")
        lines = [self._joined(piece) for piece in complete]
        self._keep(rest)
        return [line for line in lines if line]

    def _joined(self, piece: bytes) -> bytes:
        if not self._pieces:
            return piece.removesuffix(b"\r")
        self._keep(piece)
        line = b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        return line.removesuffix(b"\r")

    def _keep(self, piece: bytes) -> None:
        if not piece:
            return
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > self._limit:
            detail = f"a message of the upstream is over {self._limit} bytes"
            raise UpstreamFailed("too_large", sent=True, detail=detail)


def on_one_line(message: bytes) -> bytes:
    """A JSON text without line ends. Outside of strings they are mere whitespace, and inside of
    strings JSON allows none (RFC 8259, sections 2 and 7).
    """
    return message.replace(b"\n", b" ").replace(b"\r", b" ")


def edited(message: bytes, edits: Iterable[Edit]) -> bytes:
    """The message with each edit made; they may come in any order and must not overlap."""
    pieces: list[bytes | memoryview] = []
    view = memoryview(message)
    at = 0
    for start, end, value in sorted(edits):
        pieces += (view[at:start], value)
        at = end
    if not pieces:
        return message
    pieces.append(view[at:])
    return b"".join(pieces)
