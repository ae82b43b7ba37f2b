"""Segments: the journal's files, their names, their lines and the chain that links them.

Above: `journal` writes them, `recovery` and `chunks` read them. Below: nothing of Helio but errors.
Encoding and decoding are pure; `segments`, `read_header` and `lines` read files.

A line is `{"seq":…,"prev":"…","at":"…","kind":"…","data":{…}}`, always in this order and without
spaces, so that a reader can tell its parts without parsing JSON. `"carried":true` stands before
`data` where a line was written to a failed segment first (see `journal`).
"""

import hashlib
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from helio.errors import JournalDamaged

FORMAT = 1
NO_HASH = "0" * 64
"""What the first line of a journal follows."""

_NAME = re.compile(r"journal-(\d{16})\.jsonl")
_LINE = re.compile(
    rb'\{"seq":(0|[1-9]\d*),"prev":"([0-9a-f]{64})","at":"([0-9T:.-]+Z)","kind":"([a-z_]+)",'
    rb'(?P<carried>"carried":true,)?"data":(?P<data>\{.*\})\}'
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Position(NamedTuple):
    """A place between two lines: a segment's first sequence number, and a byte offset in it."""

    segment: int
    offset: int


class Line(NamedTuple):
    """One record as it stands in a file. `data` is JSON text; `digest` is the line's own sha256."""

    sequence: int
    previous: str
    at: str
    kind: str
    carried: bool
    data: bytes
    digest: str

    def values(self) -> dict[str, Any]:
        """The record's data."""
        values: dict[str, Any] = parse(self.data)
        return values


class Header(NamedTuple):
    """The first line of a segment.

    `follows` is the place in the segment before where the chain goes on; bytes after it do not
    count.
    """

    line: Line
    follows: Position | None
    state: Mapping[str, Any] | None


class Encoder:
    """The chain's end: gives each record its number, its time and the hash before it."""

    def __init__(self, sequence: int, digest: str) -> None:
        """`sequence` and `digest` are those of the last line; 0 and `NO_HASH` for a new journal."""
        self.sequence = sequence
        self.digest = digest
        self._second = -1
        self._prefix = b""

    def encode(self, kind: bytes, at: int, data: bytes, *, carried: bool = False) -> bytes:
        """The record's line, newline included. `at`: wall time in ns, `data`: a JSON object."""
        second, rest = divmod(at, 1_000_000_000)
        if second != self._second:
            self._second = second
            self._prefix = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)).encode()
        line = b'{"seq":%d,"prev":"%b","at":"%b.%06dZ","kind":"%b",%b"data":%b}' % (
            self.sequence + 1,
            self.digest.encode(),
            self._prefix,
            rest // 1000,
            kind,
            b'"carried":true,' if carried else b"",
            data,
        )
        self.sequence += 1
        self.digest = hashlib.sha256(line).hexdigest()
        return line + b"\n"


def encode_data(data: Mapping[str, object]) -> bytes:
    """The record's data as JSON text on one line. Raises TypeError for what JSON cannot hold."""
    text = orjson.dumps(data)
    if b"\n" in text:
        # Only raw JSON that was spliced in brings newlines, and in JSON they stand between tokens.
        text = text.replace(b"\n", b" ")
    return text


def checkpoint_data(
    node: str, follows: Position | None, state: Mapping[str, object], open_calls: object
) -> bytes:
    """The data of a segment's first line, as JSON text; `follows` is where the chain goes on."""
    return encode_data(
        {
            "format": FORMAT,
            "node": node,
            "follows": None if follows is None else list(follows),
            "state": state,
            "open": open_calls,
        }
    )


def decode(raw: bytes) -> Line | str:
    """The line without its newline, or what is wrong with it."""
    match = _LINE.fullmatch(raw)
    if match is None:
        return "not a journal line"
    sequence, previous, at, kind = match.group(1, 2, 3, 4)
    return Line(
        int(sequence),
        previous.decode(),
        at.decode(),
        kind.decode(),
        match["carried"] is not None,
        match["data"],
        hashlib.sha256(raw).hexdigest(),
    )


def parse(text: bytes) -> Any:
    """A JSON value. Numbers beyond a double's range, which a call may hold, do not stop it."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


def nanoseconds(at: str) -> int:
    """A record's time as wall nanoseconds."""
    return (datetime.fromisoformat(at) - _EPOCH) // timedelta(microseconds=1) * 1000


def path_of(directory: Path, segment: int) -> Path:
    """The file of the segment that begins with this sequence number."""
    return directory / f"journal-{segment:016d}.jsonl"


def segments(directory: Path) -> list[int]:
    """The first sequence numbers of the directory's segments, in order."""
    names = (_NAME.fullmatch(entry.name) for entry in directory.iterdir())
    return sorted(int(name[1]) for name in names if name is not None)


def read_header(directory: Path, segment: int) -> Header | None:
    """The segment's first line; None when it was never written whole.

    Raises `JournalDamaged` when it is whole and wrong.
    """
    path = path_of(directory, segment)
    with path.open("rb") as file:
        raw = file.readline()
    if torn(raw):
        return None
    line = decode(raw[:-1])
    if isinstance(line, str):
        raise JournalDamaged(path.name, 1, line)
    if line.kind != "segment" or line.sequence != segment:
        raise JournalDamaged(path.name, 1, "not the header that the file's name promises")
    try:
        data = parse(line.data)
        if data["format"] != FORMAT:
            raise JournalDamaged(path.name, 1, f"format {data['format']!r} is not known")
        follows = data["follows"]
        nanoseconds(line.at)
        return Header(line, None if follows is None else Position(*follows), data["state"])
    except (ValueError, KeyError, TypeError) as error:
        raise JournalDamaged(path.name, 1, f"the header cannot be read: {error!r}") from error


def torn(raw: bytes) -> bool:
    """Whether a last line was not written whole: no newline, or a hole in it."""
    return not raw.endswith(b"\n") or b"\0" in raw


def lines(directory: Path, header: Header, end: int | None = None) -> Iterator[tuple[int, Line]]:
    """The segment's lines, header first, each with the offset behind it, the chain checked.

    `end` is where the segment stops counting; None reads to the end of the file and leaves out a
    last line that is torn. Raises `JournalDamaged` with the number of the line that is wrong.
    """
    path = path_of(directory, header.line.sequence)
    sequence, previous = header.line.sequence, header.line.previous
    offset = 0
    with path.open("rb") as file:
        limit = os.fstat(file.fileno()).st_size if end is None else end
        for number, raw in enumerate(file, start=1):
            if offset >= limit:
                return
            last = offset + len(raw) >= limit
            if last and end is None and torn(raw):
                return
            line = decode(raw.removesuffix(b"\n"))
            if isinstance(line, str):
                raise JournalDamaged(path.name, number, line)
            if line.sequence != sequence:
                raise JournalDamaged(path.name, number, f"it is not record {sequence}")
            if line.previous != previous:
                why = f"its hash is not the one that line {number} names"
                raise JournalDamaged(path.name, number - 1, why)
            if last:
                _check_data(path, number, line)
            offset += len(raw)
            sequence, previous = sequence + 1, line.digest
            yield offset, line
    if end is not None and offset != end:
        number = sequence - header.line.sequence
        raise JournalDamaged(path.name, number, "the lines behind it are missing")


def _check_data(path: Path, number: int, line: Line) -> None:
    """No hash covers the last line yet: at least it must be JSON."""
    try:
        line.values()
    except ValueError as error:
        raise JournalDamaged(path.name, number, f"not JSON: {error}") from error
