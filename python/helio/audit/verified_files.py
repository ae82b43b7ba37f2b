"""The files of a journal as one row of lines for `chain`, and what files themselves can lack.

Above: `verification`. Below: `chain`, `segment`. Reads files a line at a time. A file counts up to
the place where the next one says that it goes on; what stands behind it was given up when a disk
failed, and serves only to be compared with what was carried over.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from helio.audit import segment
from helio.audit.chain import Entry, Finding, Kind, Place
from helio.audit.recovery import line_before
from helio.audit.segment import Header, Line
from helio.errors import JournalDamaged

Progress = Callable[[int], None]
"""Gets the number of bytes that were read since the last call."""

_LONGEST: Final = 1024 * 1024 * 1024
"""Bytes of a line at most: a file without line ends is not read whole."""
_STEP: Final = 1024 * 1024
_CLOSEST: Final[tuple[Kind, ...]] = ("gap", "foreign", "truncated")
_VAGUEST: Final[tuple[Kind, ...]] = ("unreadable",)


class _Border(NamedTuple):
    """A file that does not end where the `following` one says: its size, and where it should."""

    file: str
    following: int
    size: int
    offset: int


class Files:
    """The segments `present` of a directory, in order.

    After the walk: `torn`, the bytes at the end of a line that was never written whole; `end`, the
    last line's place; `node`, which the last header names.
    """

    def __init__(self, directory: Path, present: list[int], progress: Progress) -> None:
        self.torn = 0
        self.node: str | None = None
        self.end = Place(segment.path_of(directory, 1).name, 1)
        self._directory = directory
        self._present = present
        self._progress = progress
        self._unreported = 0
        self._header: Header | str = "it was never written whole"
        self._tail: dict[tuple[str, str], set[bytes]] = {}
        self._lacks: list[Finding] = []
        self._borders: list[_Border] = []

    def entries(self, until: int | None) -> Iterator[Entry]:
        """Every line that counts, up to the record `until`."""
        if self._present:
            self._header = self._read_header(self._present[0])
        earlier = None
        for first, following in zip_longest(self._present, self._present[1:]):
            self._look_at_header(first, earlier)
            if following is not None:
                self._header = self._read_header(following)
            yield from self._lines(first, following, until)
            earlier = first
        self._progress(self._unreported)

    def findings(self, found: list[Finding]) -> list[Finding]:
        """Those of the chain and of the files, in the order of the files, one for a line."""
        everything = self._closed(found) + self._lacks
        order = {self._name(first): number for number, first in enumerate(self._present)}
        by_place: dict[Place, Finding] = {}
        for finding in sorted(everything, key=_closeness):
            by_place.setdefault(Place(finding.file, finding.line), finding)
        return sorted(by_place.values(), key=lambda each: (order.get(each.file, 0), each.line))

    def _read_header(self, first: int) -> Header | str:
        """The header, or what is wrong with it."""
        try:
            found = segment.read_header(self._directory, first)
        except JournalDamaged as error:
            return error.why
        return "it was never written whole" if found is None else found

    def _look_at_header(self, first: int, earlier: int | None) -> None:
        """Does the file follow the one before?"""
        header, place = self._header, Place(self._name(first), 1)
        if isinstance(header, str):
            if first != self._present[-1] or header != "it was never written whole":
                self._lack("unreadable", place, first, header)
            return
        self.node = header.line.values().get("node")
        follows = header.follows
        if follows is None:
            if earlier is not None or header.line.previous != segment.NO_HASH:
                self._lack(
                    "foreign", place, first, "it begins a journal, and others stand before it"
                )
        elif earlier is not None and follows.segment != earlier:
            name = self._name(follows.segment)
            self._lack("gap", place, first, f"{name}, which it follows, is not there")

    def _end(self, first: int, following: int) -> int | None:
        """Where the file stops counting; None when what the next one says cannot be trusted."""
        header = self._header
        if isinstance(header, str) or header.follows is None or header.follows.segment != first:
            return None
        path, offset = self._path(first), header.follows.offset
        size = path.stat().st_size
        if not 0 < offset <= size:
            self._borders.append(_Border(path.name, following, size, offset))
            return None
        line = segment.decode(line_before(path, offset))
        if isinstance(line, str) or line.sequence != following - 1:
            self._borders.append(_Border(path.name, following, size, offset))
            return None
        return offset

    def _lines(self, first: int, following: int | None, until: int | None) -> Iterator[Entry]:
        end = None if following is None else self._end(first, following)
        path = self._path(first)
        number = offset = 0
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size if end is None else end
            while offset < size and (raw := file.readline(_LONGEST)):
                number, offset = number + 1, offset + len(raw)
                self._count(len(raw))
                if following is None and offset >= size and segment.torn(raw):
                    self.torn = len(raw)
                    return
                line = parsed(raw.removesuffix(b"\n"))
                place = Place(path.name, number)
                if isinstance(line, Line):
                    if until is not None and line.sequence > until:
                        return
                    if end is None and line.sequence == following and line.kind != "segment":
                        return  # It was given up, and the next file has the record.
                    self._look_at_carried(line, place)
                self.end = place
                yield Entry(place, line)
            if following is not None:
                self._tail = {} if end is None else _given_up(file)

    def _look_at_carried(self, line: Line, place: Place) -> None:
        """A line that was carried over is the one that was written first."""
        if not line.carried:
            return
        first = self._tail.get((line.kind, line.at))
        if first is not None and hashlib.sha256(line.data).digest() not in first:
            what = "it was carried over from the file before, where it reads differently"
            self._lack("carried", place, line.sequence, what)

    def _closed(self, found: list[Finding]) -> list[Finding]:
        """The chain's findings; what is missing between two files is missing in one of them."""
        findings = list(found)
        for border in self._borders:
            begin = Place(self._name(border.following), 1)
            behind = [each for each in findings if each[1:3] == begin and each.kind == "removed"]
            if not behind and any(each.file == border.file for each in findings):
                continue  # What is at fault in the file moved its end.
            findings = [each for each in findings if each not in behind]
            what = (
                f"it has {border.size} bytes, and {begin.file} goes on behind byte {border.offset}"
            )
            if behind:
                what += f": {behind[0].what.removesuffix(' should stand before this line')} missing"
            lines = self._path_lines(border.file)
            findings.append(Finding("truncated", border.file, lines, border.following - 1, what))
        return findings

    def _path_lines(self, name: str) -> int:
        """How many lines the file has."""
        with (self._directory / name).open("rb") as file:
            return sum(piece.count(b"\n") for piece in iter(lambda: file.read(_STEP), b""))

    def _path(self, first: int) -> Path:
        return segment.path_of(self._directory, first)

    def _name(self, first: int) -> str:
        return self._path(first).name

    def _lack(self, kind: Kind, place: Place, sequence: int, what: str) -> None:
        self._lacks.append(Finding(kind, *place, sequence, what))

    def _count(self, size: int) -> None:
        self._unreported += size
        if self._unreported >= _STEP:
            self._progress(self._unreported)
            self._unreported = 0


def parsed(raw: bytes) -> Line | str:
    """The line without its newline, or what is wrong with it; its data is JSON."""
    line = segment.decode(raw)
    if isinstance(line, str):
        return line
    try:
        line.values()
    except ValueError as error:
        return f"not JSON: {error}"
    return line


def _given_up(file: BinaryIO) -> dict[tuple[str, str], set[bytes]]:
    """The records behind the place where a file stops counting: hashes of their data, by kind and
    time."""
    found: dict[tuple[str, str], set[bytes]] = {}
    for raw in file:
        line = segment.decode(raw.removesuffix(b"\n"))
        if isinstance(line, Line):
            found.setdefault((line.kind, line.at), set()).add(hashlib.sha256(line.data).digest())
    return found


def _closeness(finding: Finding) -> int:
    """Of several findings at one place, which says it best."""
    if finding.kind in _CLOSEST:
        return 0
    return 2 if finding.kind in _VAGUEST else 1
