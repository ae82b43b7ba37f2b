"""Event streams: an incremental parser and an encoder (WHATWG HTML, section 9.2).

The transport and the upstream room feed it what the network gives and get whole events back, each
with the raw bytes as they came. Pure.
"""

from dataclasses import dataclass
from typing import Final

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_LINE_ENDS: Final = (b"\n", b"\r")
DEFAULT_EVENT_CAP: Final = 16 * 1024 * 1024
"""The most bytes one event may have, unless told otherwise."""


class EventTooLarge(ValueError):
    """An event grew over the cap. `cap` is in bytes."""

    def __init__(self, cap: int) -> None:
        super().__init__(f"an event of the stream is over {cap} bytes")
        self.cap = cap


@dataclass(frozen=True, slots=True)
class Event:
    """One block of an event stream, up to and with its blank line.

    `raw`: the bytes as they came; all raws of a stream, joined, are the stream. `data`: the data
    lines joined by LF, None when the block has no data field (a comment, a lone `retry`); such a
    block is no message. `id`: the block's id field, None without one. `event`: its type,
    `b"message"` unless set. `retry`: milliseconds, None unless the block sets it.
    """

    raw: bytes
    data: bytes | None
    id: bytes | None
    event: bytes
    retry: int | None


class EventStreamParser:
    """Cuts a stream into events wherever the network cut it into pieces.

    Lines end in LF, CR or CRLF and may be of any length; an event may have `event_cap` bytes. The
    cost is linear in the bytes fed, however small the pieces.
    """

    def __init__(self, *, event_cap: int = DEFAULT_EVENT_CAP) -> None:
        self._event_cap = event_cap
        self._raw: list[bytes] = []
        self._raw_size = 0
        self._line: list[bytes] = []
        self._at_start = True
        self._after_carriage_return = False
        self._data: list[bytes] = []
        self._id: bytes | None = None
        self._event = b""
        self._retry: int | None = None

    def feed(self, piece: bytes) -> list[Event]:
        """Takes the next bytes and returns the events that they complete, in order.

        Raises `EventTooLarge` when the event in the making is over the cap; the parser is then of
        no further use.
        """
        events: list[Event] = []
        if self._after_carriage_return and piece:
            # The CR has ended its line already; an LF right behind it belongs to the same line end.
            self._after_carriage_return = False
            if piece[:1] == b"\n":
                self._keep(b"\n")
                piece = piece[1:]
        # bytes.splitlines cuts exactly at LF, CR and CRLF.
        for line in piece.splitlines(keepends=True):
            self._keep(line)
            if not line.endswith(_LINE_ENDS):
                self._line.append(line)
                continue
            if self._line:
                self._line.append(line)
                line = b"".join(self._line)  # noqa: PLW2901
                self._line.clear()
            event = self._take_line(line)
            if event is not None:
                events.append(event)
        self._after_carriage_return = (
            piece.endswith(b"\r") if piece else self._after_carriage_return
        )
        return events

    @property
    def pending(self) -> bytes:
        """The bytes of the event in the making; at the end of a stream they are not an event."""
        return b"".join(self._raw)

    def _keep(self, piece: bytes) -> None:
        self._raw_size += len(piece)
        if self._raw_size > self._event_cap:
            raise EventTooLarge(self._event_cap)
        self._raw.append(piece)

    def _take_line(self, line: bytes) -> Event | None:
        """Takes a line with its end. A value is cut out of it once: it may be very large."""
        start, end = 0, len(line) - (2 if line.endswith(b"\r\n") else 1)
        if self._at_start:
            self._at_start = False
            if line.startswith(_BYTE_ORDER_MARK):
                start = len(_BYTE_ORDER_MARK)
        if start == end:
            return self._complete()
        colon = line.find(b":", start, end)
        if colon < 0:
            self._take_field(line[start:end], b"")
            return None
        after = colon + 2 if line.startswith(b" ", colon + 1, end) else colon + 1
        self._take_field(line[start:colon], line[after:end])
        return None

    def _take_field(self, name: bytes, value: bytes) -> None:
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._event = value
        elif name == b"id" and b"\0" not in value:
            self._id = value
        elif name == b"retry" and value.isdigit() and len(value) <= 15:
            self._retry = int(value)

    def _complete(self) -> Event:
        event = Event(
            raw=b"".join(self._raw),
            data=b"\n".join(self._data) if self._data else None,
            id=self._id,
            event=self._event or b"message",
            retry=self._retry,
        )
        self._raw.clear()
        self._raw_size = 0
        self._forget_fields()
        return event

    def _forget_fields(self) -> None:
        self._data.clear()
        self._id = None
        self._event = b""
        self._retry = None


def encode_event(
    data: bytes,
    *,
    event: bytes | None = None,
    identifier: bytes | None = None,
    retry: int | None = None,
) -> bytes:
    """One event as bytes; `retry` is in milliseconds.

    Line ends inside `data` become several data lines, which a reader joins by LF. Raises
    `ValueError` for an event type or id that would break the framing.
    """
    lines: list[bytes] = []
    for name, value in ((b"event", event), (b"id", identifier)):
        if value is None:
            continue
        if any(byte in value for byte in (b"\r", b"\n", b"\0")):
            raise ValueError(f"a line end or NUL in the {name.decode()} field of an event")
        lines.append(name + b": " + value)
    if retry is not None:
        lines.append(b"retry: %d" % retry)
    normalized = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    lines.extend(b"data: " + line for line in normalized.split(b"\n"))
    # The blank line is joined too: adding it would copy a large event once more.
    lines += (b"", b"")
    return b"\n".join(lines)
