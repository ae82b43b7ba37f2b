"""A journal of 10,000 records, altered in every way that one hand can: each is found, and where.

Whole files are verified for a sample. For every position there is the walk along the lines alone,
which looks at no more of them than stand around the place: a test holds both against each other.
"""

import asyncio
import os
import random
import shutil
from collections.abc import Iterable, Sequence
from itertools import accumulate, cycle
from pathlib import Path

import pytest

from helio.audit import segment
from helio.audit.chain import Chain, Entry, Finding, Place
from helio.audit.journal import Journal
from helio.audit.segment import Line
from helio.audit.verification import Verified, verify
from helio.audit.verified_files import parsed

PROOF = os.environ.get("HELIO_PROOF") == "1"
CALLS = 5000
SAMPLE = 60 if PROOF else 6
"""Whole journals verified for each kind of tampering."""
STEP = 1 if PROOF else 997
"""Every so many bytes are flipped."""
FLIPS = (0x01, 0x80, 0x10, 0xFF, 0x40)
"""One after the other."""
AROUND = 2
"""Lines on either side of a place that the walk is given."""


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The journal, in several files."""
    directory = tmp_path_factory.mktemp("journal")

    async def write() -> None:
        journal = Journal.open(directory, durability="relaxed", max_segment_bytes=400_000)
        await journal.start(lambda: {"windows": {}})
        for number in range(CALLS):
            await journal.append_intent(
                {"call_id": f"c{number}", "tool_name": "pay", "tool_input": f'{{"n":{number}.50}}'}
            )
            await journal.append_outcome(
                "outcome", {"call_id": f"c{number}", "status": "answered", "upstream_response": "€"}
            )
        await journal.close()

    asyncio.run(write())
    assert len(segment.segments(directory)) > 2
    return directory


@pytest.fixture
def copy(journal: Path, tmp_path: Path) -> Path:
    """One to tamper with."""
    return Path(shutil.copytree(journal, tmp_path / "copy"))


class Lines:
    """All lines of the journal, as they stand in its files."""

    def __init__(self, directory: Path) -> None:
        self.raw: list[bytes] = []
        self.places: list[Place] = []
        for first in segment.segments(directory):
            path = segment.path_of(directory, first)
            for number, raw in enumerate(path.read_bytes().splitlines(keepends=True), start=1):
                self.raw.append(raw)
                self.places.append(Place(path.name, number))
        self.decoded = [decode(raw) for raw in self.raw]
        last = self.decoded[-1]
        assert isinstance(last, Line)
        self.head = {last.sequence: {last.digest}}

    def around(self, index: int, lines: Sequence[Line | str]) -> list[Finding]:
        """What the walk finds with `lines` in place of the one at `index`."""
        begin = max(0, index - AROUND)
        before = self.decoded[begin - 1] if begin else None
        start = (before.sequence, before.digest) if isinstance(before, Line) else (0, "0" * 64)
        chain = Chain(*start, self.head)
        chain.walk(self._entries(begin, index, lines))
        return chain.findings

    def _entries(self, begin: int, index: int, lines: Sequence[Line | str]) -> Iterable[Entry]:
        for number in range(begin, index):
            yield Entry(self.places[number], self.decoded[number])
        for line in lines:
            yield Entry(self.places[index], line)
        for number in range(index + 1, min(index + AROUND + 1, len(self.decoded))):
            yield Entry(self.places[number], self.decoded[number])


@pytest.fixture(scope="module")
def lines(journal: Path) -> Lines:
    return Lines(journal)


def decode(raw: bytes) -> Line | str:
    return parsed(raw.removesuffix(b"\n"))


def flipped(raw: bytes, position: int, mask: int) -> bytes:
    return raw[:position] + bytes([raw[position] ^ mask]) + raw[position + 1 :]


def places(findings: Iterable[Finding]) -> list[Place]:
    return [Place(each.file, each.line) for each in findings]


def named(findings: Iterable[Finding]) -> set[tuple[str, int | None]]:
    return {(each.kind, each.sequence) for each in findings}


def test_nothing_is_wrong_with_it(journal: Path, lines: Lines) -> None:
    found = verify(journal, lines.head)
    assert found.findings == []
    assert (found.first, found.last, found.torn) == (1, len(lines.raw), 0)
    assert len(lines.raw) > 2 * CALLS


def test_each_flipped_byte_is_found_in_its_line(lines: Lines) -> None:
    """But for line ends, which follow."""
    offset = random.Random(5).randrange(STEP)
    masks = cycle(FLIPS)
    looked_at = 0
    for index, raw in enumerate(lines.raw):
        while offset < len(raw) - 1:
            mask = next(masks)
            pieces = flipped(raw, offset, mask)[:-1].split(b"\n")
            found = lines.around(index, [parsed(piece) for piece in pieces])
            assert found, (index, offset, mask)
            assert set(places(found)) == {lines.places[index]}, (index, offset, mask, found)
            looked_at += 1
            offset += STEP
        offset -= len(raw) - 1
    assert looked_at > 1000


def test_each_lost_line_end_is_found(lines: Lines) -> None:
    for index in range(0, len(lines.raw) - 1, 1 if PROOF else 97):
        if lines.places[index].file != lines.places[index + 1].file:
            continue
        joined = flipped(lines.raw[index], len(lines.raw[index]) - 1, 0x20)
        joined += lines.raw[index + 1]
        chain = Chain(index, lines.decoded[index - 1].digest if index else "0" * 64)  # type: ignore[union-attr]
        behind = slice(index + 2, index + 6)
        following = map(Entry, lines.places[behind], lines.decoded[behind])
        chain.walk([Entry(lines.places[index], decode(joined)), *following])
        assert places(chain.findings) == [lines.places[index]]


def test_each_removed_line_is_found(lines: Lines) -> None:
    for index in range(0, len(lines.raw), 1 if PROOF else 31):
        found = lines.around(index, [])
        if index == len(lines.raw) - 1:
            assert found == []  # Only a head shows that: see `test_each_cut_tail_is_found`.
        else:
            assert [(e.kind, e.sequence) for e in found] == [("removed", index + 1)]
            assert places(found) == [lines.places[index + 1]]


def swapped(lines: Lines, one: int, other: int) -> list[Finding]:
    """What the walk finds when two lines changed places; all between them is there."""
    order = list(range(max(0, one - AROUND), min(len(lines.raw), other + AROUND + 1)))
    begin = order[0]
    order[one - begin], order[other - begin] = other, one
    before = lines.decoded[begin - 1] if begin else None
    start = (before.sequence, before.digest) if isinstance(before, Line) else (0, "0" * 64)
    chain = Chain(*start, lines.head if other + AROUND >= len(lines.raw) - 1 else {})
    chain.walk(
        Entry(lines.places[begin + at], lines.decoded[which]) for at, which in enumerate(order)
    )
    return chain.findings


@pytest.mark.parametrize("distance", [1, 2, 3, 7, 100])
def test_each_swap_is_found(lines: Lines, distance: int) -> None:
    step = (1 if distance < 10 else 7) if PROOF else 53
    for one in range(0, len(lines.raw) - distance - 1, step):
        other = one + distance
        found = swapped(lines, one, other)
        expected = {one + 1, other + 1} if distance > 1 else {other + 1}
        assert {each.sequence for each in found} == expected, (one, found)
        assert {each.kind for each in found} == {"reordered"}, (one, found)
        assert set(places(found)) <= {lines.places[one], lines.places[other]}


def test_whole_files_tell_the_same_as_the_walk(copy: Path, lines: Lines) -> None:
    chance = random.Random(7)
    for _ in range(SAMPLE):
        index = chance.randrange(len(lines.raw))
        position = chance.randrange(len(lines.raw[index]) - 1)
        mask = chance.choice(FLIPS)
        path = copy / lines.places[index].file
        whole = path.read_bytes()
        start = sum(
            len(raw)
            for raw, place in zip(lines.raw, lines.places, strict=True)
            if place.file == path.name and place.line < lines.places[index].line
        )
        path.write_bytes(flipped(whole, start + position, mask))
        found = verify(copy, lines.head)
        pieces = flipped(lines.raw[index], position, mask)[:-1].split(b"\n")
        walked = lines.around(index, [parsed(piece) for piece in pieces])
        assert named(walked) <= named(found.findings)
        assert lines.places[index] in places(found.findings)
        if len(pieces) == 1:
            assert places(found.findings) == [lines.places[index]]
        path.write_bytes(whole)


def rewritten(directory: Path, raw: Sequence[bytes], lines: Lines) -> Verified:
    """Verifies the journal with these lines in the files where they stood."""
    by_file: dict[str, list[bytes]] = {place.file: [] for place in lines.places}
    for each, place in zip(raw, lines.places, strict=True):
        by_file[place.file].append(each)
    for name, content in by_file.items():
        (directory / name).write_bytes(b"".join(content))
    return verify(directory, lines.head)


def test_lines_that_changed_places_in_files_are_found(copy: Path, lines: Lines) -> None:
    chance = random.Random(8)
    for _ in range(SAMPLE):
        one, other = sorted(chance.sample(range(len(lines.raw)), 2))
        raw = list(lines.raw)
        raw[one], raw[other] = raw[other], raw[one]
        found = rewritten(copy, raw, lines)
        assert {lines.places[one], lines.places[other]} & set(places(found.findings))
        assert {one + 1, other + 1} & {each.sequence for each in found.findings}


def test_lines_removed_from_files_are_found(copy: Path, lines: Lines) -> None:
    chance = random.Random(9)
    borders = [
        index
        for index, (place, following) in enumerate(
            zip(lines.places, lines.places[1:], strict=False)
        )
        if place.file != following.file
    ]
    chosen = [0, *borders[:2], *(each + 1 for each in borders[:2])]
    for index in [*chosen, *chance.sample(range(len(lines.raw)), SAMPLE)]:
        raw = list(lines.raw)
        raw[index] = b""
        found = rewritten(copy, raw, lines)
        assert found.findings, index
        assert any(each.sequence in (index, index + 1, index + 2) for each in found.findings)


def test_each_cut_tail_is_found(copy: Path, lines: Lines) -> None:
    """Against a head: behind each line and within it, with the files that come after it gone."""
    chance = random.Random(10)
    behind = len(lines.raw)
    for path in sorted(copy.glob("journal-*"), reverse=True):
        whole = path.read_bytes()
        first = next(at for at, place in enumerate(lines.places) if place.file == path.name)
        ends = list(accumulate((len(raw) for raw in lines.raw[first:behind]), initial=0))
        last = behind - first - (behind == len(lines.raw))
        for kept in range(last + 1) if PROOF else {0, 1, last, *chance.sample(range(last), SAMPLE)}:
            following = len(lines.raw[first + kept]) if kept < behind - first else 1
            for torn in {0, chance.randrange(following)}:
                path.write_bytes(whole[: ends[kept] + torn])
                found = verify(copy, lines.head)
                *others, cut = found.findings
                assert (cut.kind, cut.sequence) == ("truncated", first + kept), (kept, torn)
                # The first line of a file says what the file is.
                assert {each.kind for each in others} <= ({"unreadable"} if kept == 0 else set())
        path.unlink()
        behind = first


def test_only_a_head_shows_a_cut_tail(copy: Path, lines: Lines) -> None:
    last = max(copy.glob("journal-*"))
    os.truncate(last, last.stat().st_size - len(lines.raw[-1]))
    assert verify(copy).findings == []
    last.unlink()
    assert verify(copy).findings == []
    assert [each.kind for each in verify(copy, lines.head).findings] == ["truncated"]
