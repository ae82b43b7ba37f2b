"""The chain: what is wrong with a journal's lines, and where.

Above: `verification`, which reads the files. Below: `segment` (lines). Pure. A line names the hash
of the one before, so a break lies between two lines; which of them is at fault is told by the one
that follows. What is found depends on the lines around it alone, and the walk goes on behind it.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final, Literal, NamedTuple

from helio.audit.segment import Line

Kind = Literal[
    "altered",
    "removed",
    "inserted",
    "reordered",
    "truncated",
    "gap",
    "foreign",
    "carried",
    "unreadable",
    "rewritten",
    "signature",
    "archive",
]

MOST: Final = 1000
"""Findings of one journal that are named; the others are counted."""


class Place(NamedTuple):
    """A line's file, by name, and its number there, from 1."""

    file: str
    line: int


class Entry(NamedTuple):
    """A line where it stands; `line` is a text, what is wrong with it, when it is none."""

    place: Place
    line: Line | str


class Finding(NamedTuple):
    """Something that is not as it was written. `sequence` is the number of the record that is
    meant, if that is known; `what` a sentence for people."""

    kind: Kind
    file: str
    line: int
    sequence: int | None
    what: str


class Missing(NamedTuple):
    """Records that are not where they belong, which is before `place`."""

    first: int
    last: int
    place: Place


class _Jump(NamedTuple):
    """Where numbers went on with others than expected: the last record before, and what came."""

    sequence: int
    digest: str | None
    to: Place


class Chain:
    """A walk along the lines of one journal.

    It begins behind the record `sequence` with the hash `digest`, None where that is not known.
    `named` are hashes that are known from elsewhere, by sequence number. `findings` are those of a
    walk that ended, in no order; `more` is how many further ones there are.
    """

    def __init__(
        self,
        sequence: int,
        digest: str | None,
        named: Mapping[int, Collection[str]] | None = None,
    ) -> None:
        self.sequence = sequence
        self.digest = digest
        self.findings: list[Finding] = []
        self.more = 0
        self._named = named or {}
        self._place = Place("", 0)
        self._unread = 0
        self._strays: list[tuple[int, Place]] = []
        self._missing: list[Missing] = []
        self._jump: _Jump | None = None
        self._contradiction: Finding | None = None

    def walk(self, entries: Iterable[Entry]) -> None:
        """Looks at all of them, in order."""
        current = None
        for following in entries:
            if current is not None:
                self._step(current, following)
            current = following
        if current is not None:
            self._step(current, None)
        self._contradict()
        self._settle()

    def report(self, kind: Kind, place: Place, sequence: int | None, what: str) -> None:
        """Adds a finding."""
        if len(self.findings) < MOST:
            self.findings.append(Finding(kind, *place, sequence, what))
        else:
            self.more += 1

    def _step(self, entry: Entry, following: Entry | None) -> None:
        line = entry.line
        after = None if following is None or isinstance(following.line, str) else following.line
        if isinstance(line, str):
            self._take_unreadable(entry.place, line, after)
            return
        ahead = line.sequence - self.sequence - 1
        if ahead == 0:
            self._take_next(entry.place, line, after)
        elif self._unread and 0 < ahead <= 2 * self._unread:
            # Among those that could not be read: a lost newline makes one line of two.
            self._accept(entry.place, line)
        else:
            self._take_unexpected(entry.place, line, after)

    def _take_unreadable(self, place: Place, why: str, after: Line | None) -> None:
        if after is not None and after.previous == self.digest:
            self.report("inserted", place, None, f"a line that was not written here: {why}")
            return
        self._unread += 1
        self.report("altered", place, self.sequence + self._unread, why)

    def _take_next(self, place: Place, line: Line, after: Line | None) -> None:
        """The number is the one that follows: is the hash, too?"""
        if self.digest is None or line.previous == self.digest or self._unread:
            self._accept(place, line)
        elif not self._place.file:
            what = f"it does not follow record {self.sequence} as that is known from elsewhere"
            self.report("foreign", place, line.sequence, what)
            self._accept(place, line)
        elif self._is_fine(line, after):
            self._contradiction = None
            what = f"its hash is not the one that record {line.sequence} names"
            self.report("altered", self._place, self.sequence, what)
            self._accept(place, line)
        else:
            what = (
                "it does not name the hash of the record before it, and what comes behind it does"
                " not name its own"
            )
            self.report("altered", place, line.sequence, what)
            self._go_on(place, line.sequence)

    def _is_fine(self, line: Line, after: Line | None) -> bool:
        """Whether the line is as it was written, by what names it; the last one is, if nothing
        does."""
        if after is None:
            hashes = self._named.get(line.sequence)
            return hashes is None or line.digest in hashes
        return after.previous == line.digest

    def _take_unexpected(self, place: Place, line: Line, after: Line | None) -> None:
        """The number is another one than should come here."""
        expected = self.sequence + 1
        jump = self._jump
        if self.digest is not None and line.previous == self.digest:
            what = f"it follows record {self.sequence}, and says that it is {line.sequence}"
            self.report("altered", place, expected, what)
            self._go_on(place, expected)
        elif jump is not None and (line.sequence, line.previous) == (
            jump.sequence + 1,
            jump.digest,
        ):
            self._missing = [each for each in self._missing if each.place != jump.to]
            what = f"what stands from here to line {place.line - 1} was not written here"
            self.report("inserted", jump.to, None, what)
            self._accept(place, line)
        elif after is not None and line.sequence == self.sequence and after.previous == line.digest:
            what = f"another record {line.sequence}, which record {after.sequence} does not follow"
            self.report("inserted", self._place, line.sequence, what)
            self._contradiction = None
            self._accept(place, line)
        elif after is not None and after.sequence == expected + 1:
            self._stray(line.sequence, place)
            self._miss(expected, expected, place)
            self._go_on(place, expected)
        elif line.sequence < expected or (after is not None and after.sequence == expected):
            self._stray(line.sequence, place)
        else:
            self._miss(expected, line.sequence - 1, place)
            self._jump = _Jump(self.sequence, self.digest, place)
            self._accept(place, line)

    def _accept(self, place: Place, line: Line) -> None:
        """The line is the record that comes next."""
        self._go_on(place, line.sequence, line.digest)
        hashes = self._named.get(line.sequence)
        if hashes is not None and any(line.digest != each for each in hashes):
            what = "another hash was kept elsewhere: it is altered, or all was written anew"
            self._contradiction = Finding("rewritten", *place, line.sequence, what)

    def _go_on(self, place: Place, sequence: int, digest: str | None = None) -> None:
        self._contradict()
        self._unread = 0
        self._place, self.sequence, self.digest = place, sequence, digest

    def _contradict(self) -> None:
        """A head contradicts the last record, and nothing closer does."""
        found, self._contradiction = self._contradiction, None
        if found is not None:
            self.report(found.kind, Place(found.file, found.line), found.sequence, found.what)

    def _stray(self, sequence: int, place: Place) -> None:
        if len(self._strays) < MOST:
            self._strays.append((sequence, place))
        else:
            self.more += 1

    def _miss(self, first: int, last: int, place: Place) -> None:
        if len(self._missing) < MOST:
            self._missing.append(Missing(first, last, place))
        else:
            self.more += 1

    def _settle(self) -> None:
        """What was found out of place is what is missing elsewhere, or there a second time."""
        for sequence, place in self._strays:
            moved = sequence > self.sequence or any(
                each.first <= sequence <= each.last for each in self._missing
            )
            if moved:
                self.report("reordered", place, sequence, f"record {sequence} does not belong here")
            else:
                what = f"record {sequence} does not belong here, and is there elsewhere"
                self.report("inserted", place, sequence, what)
        found = {sequence for sequence, _ in self._strays}
        for first, last, place in self._missing:
            elsewhere = sum(first <= sequence <= last for sequence in found)
            if elsewhere == last - first + 1:
                continue
            what = f"records {first} to {last}" if last > first else f"record {first}"
            some = f", but for {elsewhere} that stand elsewhere" if elsewhere else ""
            self.report("removed", place, first, f"{what} should stand before this line{some}")
