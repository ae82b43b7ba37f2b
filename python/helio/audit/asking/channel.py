"""The line's socket in the index's process: several threads send, one receives.

Above: `answering`. Below: `frames`. Once nobody is at the other end, news of the index and logs
have no reader, and go nowhere; whoever sends an answer is told.
"""

import socket
import threading
from typing import Final

from helio.audit.asking.frames import HEADER_SIZE, Fault, Frame, Kind, encoded, header

_LONGEST_TEXT: Final = 16_000
"""Characters of what is told in words."""


class Channel:
    """Both directions of it."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._sending = threading.Lock()
        self._received = line.makefile("rb")

    def receive(self) -> Frame | None:
        """The next frame; None at the end. Raises ValueError for what is none."""
        try:
            raw = self._received.read(HEADER_SIZE)
            if len(raw) < HEADER_SIZE:
                return None
            kind, number, size = header(raw)
            body = self._received.read(size)
        except ConnectionError:
            return None
        return Frame(kind, number, body) if len(body) == size else None

    def piece(self, number: int, piece: bytes) -> None:
        """A piece of an answer. Raises OSError once nobody is there."""
        self._send(Kind.PIECE, number, piece)

    def end(self, number: int, fault: Fault | None, text: str) -> None:
        """The end of an answer, and why it is none."""
        self._tell(Kind.END, number, (fault, _told(text)))

    def status(self, state: str, detail: str) -> None:
        """How it stands with the index."""
        self._tell(Kind.STATUS, 0, (state, _told(detail)))

    def log(self, level: int, name: str, text: str) -> None:
        """A line for the log."""
        self._tell(Kind.LOG, 0, (level, name, _told(text)))

    def close(self) -> None:
        """Says that no more comes."""
        self._received.close()
        self._line.close()

    def _tell(self, kind: Kind, number: int, value: object) -> None:
        try:
            self._send(kind, number, value)
        except OSError:
            return  # The other end is gone, and `receive` says so.

    def _send(self, kind: Kind, number: int, value: object) -> None:
        with self._sending:
            self._line.sendall(encoded(kind, number, value))


def _told(text: str) -> str:
    """As JSON can hold it."""
    return text[:_LONGEST_TEXT].encode(errors="replace").decode()
