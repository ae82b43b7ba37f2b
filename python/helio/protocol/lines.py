"""Lines of a byte stream: one JSON-RPC message each (2025-11-25, Transports, stdio).

Used by the stdio door. Pure.
"""

from dataclasses import dataclass
from typing import Final

_ENDS: Final = b"\r\n"
_AS_SPACES: Final = bytes.maketrans(_ENDS, b"  ")


@dataclass(frozen=True, slots=True)
class TooLong:
    """Stands for a line over the cap, of which nothing but its first bytes was kept."""

    head: bytes


class LineParser:
    """Cuts a stream into lines wherever it came in pieces.

    Lines end in LF, may end in CRLF, and may be of any length up to `cap` bytes. Of a longer one
    only the first `kept` bytes are held while the rest of it goes by. The cost is linear in the
    bytes fed, however small the pieces.
    """

    def __init__(self, cap: int, kept: int = 1024) -> None:
        self._cap = cap
        self._kept = kept
        self._pieces: list[bytes] = []
        self._size = 0
        self._head: bytes | None = None

    def feed(self, piece: bytes) -> list[bytes | TooLong]:
        """Takes the next bytes and returns the lines that they end, in order, without their ends.

        Lines of nothing but spaces are left out.
        """
        found: list[bytes | TooLong] = []
        start = 0
        while (end := piece.find(b"\n", start)) >= 0:
            self._hold(piece[start:end])
            line = self._take()
            if line is not None:
                found.append(line)
            start = end + 1
        self._hold(piece[start:])
        return found

    def end(self) -> bytes | TooLong | None:
        """What came after the last line's end, now that nothing more will come; None for
        nothing."""
        return self._take()

    def _hold(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._head is not None:
            return
        self._pieces.append(piece)
        # One byte more may be the CR of the line's end.
        if self._size > self._cap + 1:
            self._head = b"".join(self._pieces)[: self._kept]
            self._pieces.clear()

    def _take(self) -> bytes | TooLong | None:
        head, size = self._head, self._size
        line = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._head, self._size = None, 0
        if head is not None:
            return TooLong(head)
        line = line.removesuffix(b"\r")
        if size > self._cap and len(line) > self._cap:
            return TooLong(line[: self._kept])
        return line if line.strip() else None


def one_line(message: bytes) -> bytes:
    """The JSON text without line ends: in JSON they can only stand between tokens, where a space
    means the same."""
    if b"\n" in message or b"\r" in message:
        return message.translate(_AS_SPACES)
    return message
