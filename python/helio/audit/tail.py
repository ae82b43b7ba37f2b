"""The journal's bytes in pieces of whole lines, from a place on, while it grows.

Above: `loader`. Below: `segment`. Reads files; checks no chain (`recovery` does).
"""

from pathlib import Path
from typing import Final, NamedTuple

from helio.audit import segment
from helio.audit.segment import Header, Position
from helio.errors import JournalDamaged

PIECE: Final = 4 * 1024 * 1024
"""Bytes of a piece."""


class Piece(NamedTuple):
    """Whole lines of one segment, between two places."""

    start: Position
    end: Position
    lines: bytes


class Tail:
    """Walks through the segments of one directory. `place` is how far it came."""

    def __init__(
        self, directory: Path, place: Position | None = None, *, piece: int = PIECE
    ) -> None:
        """Begins at `place`, or with the oldest segment. `piece` is how many bytes are read at
        once, more only where one line is longer."""
        self._directory = directory
        self._piece = piece
        self.place = place

    def next(self, limit: Position | None = None) -> Piece | None:
        """The lines that come next; None when there are none yet.

        `limit` is as far as the journal may be read; None reads what the files hold, but for a torn
        last line. Raises `JournalDamaged` when the place is not in the journal.
        """
        while True:
            present = segment.segments(self._directory)
            if limit is not None:
                present = [first for first in present if first <= limit.segment]
            if not present:
                return None
            if self.place is None or self.place.segment < present[0]:
                self.place = Position(present[0], 0)
            end, following = self._bounds(self.place, present, limit)
            if self.place.offset < end:
                return self._read(self.place, end)
            if following is None:
                return None
            self.place = Position(following, 0)

    def _bounds(
        self, place: Position, present: list[int], limit: Position | None
    ) -> tuple[int, int | None]:
        """Where the place's segment stops counting, and which one follows it."""
        header = self._following(place, present)
        path = segment.path_of(self._directory, place.segment)
        if place.segment not in present:
            raise JournalDamaged(path.name, 1, "the segment is missing")
        if header is not None and header.follows is not None:
            return header.follows.offset, header.line.sequence
        if limit is not None and limit.segment == place.segment:
            return limit.offset, None
        size = path.stat().st_size
        if place.offset > size:
            raise JournalDamaged(path.name, 1, "the segment is shorter than it was")
        return size, None

    def _following(self, place: Position, present: list[int]) -> Header | None:
        later = [first for first in present if first > place.segment]
        return segment.read_header(self._directory, later[0]) if later else None

    def _read(self, place: Position, end: int) -> Piece | None:
        """The whole lines from the place on; None when there is only the beginning of one."""
        size = self._piece
        with segment.path_of(self._directory, place.segment).open("rb") as file:
            while True:
                file.seek(place.offset)
                raw = file.read(min(size, end - place.offset))
                lines = raw[: raw.rfind(b"\n") + 1]
                if lines:
                    self.place = Position(place.segment, place.offset + len(lines))
                    return Piece(place, self.place, lines)
                if len(raw) < size:
                    return None
                size *= 2
