"""YAML with everything that a layout needs: entries, their comments and blank lines. Pure.

Above: `writing`, `ordering`. Below: PyYAML's events. Scalars and flow collections stay the text
that they are; only block collections are taken apart. The text was read by
`helio.diagnostics.yaml_document` before, so that it is one document without faults of form.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Final

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

_Parser: Final[Any] = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_KEEPING: Final = re.compile(r"[|>]\d?\+")
"""The opening of a block scalar that keeps the empty lines behind it."""


@dataclass(slots=True)
class Comment:
    """A comment in a line of its own; `blank`: an empty line stands before it; `within`: it stands
    in place of a value that is not there."""

    text: str
    blank: bool
    within: bool = False


@dataclass(slots=True)
class Leaf:
    """A scalar, an alias or a flow collection, as it is written, its anchor included.

    `value` and `style` are a scalar's. `parts` are the keys and values of a flow collection, and
    `bracket` opens it; None for the one pair of `[a: b]`. `anchor` is the name of an anchor, or of
    the alias that it is. `keeps`: it is a block scalar, and the empty lines behind it are a part
    of its value.
    """

    text: str
    value: str | None = None
    style: str | None = None
    keeps: bool = False
    anchor: str | None = None
    parts: "list[tuple[Leaf | None, Leaf]] | None" = None
    bracket: str | None = None


@dataclass(slots=True)
class Block:
    """A block mapping or sequence."""

    entries: "list[Entry]"
    is_mapping: bool
    anchor: str | None = None


@dataclass(slots=True)
class Entry:
    """A key with its value, or an item of a list, whose `key` is None.

    `line` and `column`, from 0, are where it begins, `end_line` is where it ends. `before` are the
    comments above it, `head` is the one behind the key or the dash, `tail` the one behind the
    value, and `after` are those that stand below it, as indented as it is.
    """

    key: Leaf | None
    line: int
    column: int
    value: "Leaf | Block | None" = None
    end_line: int = 0
    blank: bool = False
    before: list[Comment] = field(default_factory=list)
    head: str | None = None
    tail: str | None = None
    after: list[Comment] = field(default_factory=list)


@dataclass(slots=True)
class Document:
    """A whole text. `opening` are the comments above a `---`, None where there is none; `closing`
    the comments of a text without entries. `comments` are all of them, those within flow
    collections too, in order."""

    root: Block | Leaf | None
    opening: list[Comment] | None
    closing: list[Comment]
    comments: list[str]


class _Reader:
    """Builds a document from events."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = text.split("\n")
        self._starts = [0]
        for line in self.lines:
            self._starts.append(self._starts[-1] + len(line) + 1)
        self._events: Iterator[Any] = iter(_Parser(text).get_event, None)
        self.entries: list[Entry] = []
        self.solid: list[tuple[int, int]] = []
        """The stretches of the text that are written as they stand."""
        self.scalars: list[tuple[int, int]] = []
        self._last = 0
        self.opened: int | None = None

    def document(self) -> Block | Leaf | None:
        """The root; None where there is nothing."""
        event = next(self._events)
        while not isinstance(event, DocumentStartEvent):
            if isinstance(event, StreamEndEvent):
                return None
            event = next(self._events)
        if event.explicit and event.start_mark is not None:
            self.opened = event.start_mark.line
            self.solid.append((self._at(event.start_mark), self._at(event.start_mark) + 3))
            self._last = self._at(event.start_mark) + 3
        return self._node(next(self._events))

    def line_of(self, offset: int) -> int:
        """The number of the line, from 0, in which an offset is."""
        return bisect_right(self._starts, offset) - 1

    def start_of(self, line: int) -> int:
        """The offset where a line begins."""
        return self._starts[line]

    def _at(self, mark: Any) -> int:
        return self._starts[int(mark.line)] + int(mark.column)

    def _node(self, event: Any) -> Block | Leaf | None:
        if isinstance(event, (MappingStartEvent, SequenceStartEvent)) and not event.flow_style:
            return self._block(event, isinstance(event, MappingStartEvent))
        leaf = self._leaf(event)
        return leaf if leaf.text else None

    def _leaf(self, event: Any) -> Leaf:
        start = self._at(event.start_mark)
        if isinstance(event, (ScalarEvent, AliasEvent)):
            leaf = Leaf(self.text[start : self._at(event.end_mark)], anchor=event.anchor)
            if isinstance(event, ScalarEvent):
                leaf.value, leaf.style = event.value, event.style or ""
                opening = leaf.text.partition("\n")[0]
                leaf.keeps = leaf.style in ("|", ">") and bool(_KEEPING.search(opening))
                # The empty lines behind other block scalars are the layout's.
                text = leaf.text
                leaf.text = text.removesuffix("\n") if leaf.keeps else text.rstrip("\n")
                self.scalars.append((start, start + len(leaf.text)))
        else:
            parts = self._flow(event)
            leaf = Leaf(self.text[start : self._last], anchor=event.anchor, parts=parts)
            opening = leaf.text.removeprefix(f"&{event.anchor}").lstrip()[:1]
            leaf.bracket = opening if opening in ("[", "{") else None
        if leaf.text:
            self._last = start + len(leaf.text)
            self.solid.append((start, self._last))
        return leaf

    def _flow(self, start: Any) -> list[tuple[Leaf | None, Leaf]]:
        """The parts of a flow collection; `_last` is behind its closing bracket afterwards."""
        found: list[tuple[Leaf | None, Leaf]] = []
        is_mapping = isinstance(start, MappingStartEvent)
        event = next(self._events)
        while not type(event).__name__.endswith("EndEvent"):
            key = self._leaf(event) if is_mapping else None
            value = self._leaf(next(self._events) if is_mapping else event)
            found.append((key, value))
            event = next(self._events)
        self._last = self._at(event.end_mark)
        return found

    def _block(self, start: Any, is_mapping: bool) -> Block:
        block = Block([], is_mapping, start.anchor)
        if start.anchor is not None:
            self._last = self._at(start.start_mark) + 1 + len(start.anchor)
        event = next(self._events)
        while not type(event).__name__.endswith("EndEvent"):
            if is_mapping:
                entry = Entry(None, event.start_mark.line, event.start_mark.column)
                self.entries.append(entry)
                entry.key = self._leaf(event)
                event = next(self._events)
            else:
                dash = self._dash(self._at(event.start_mark))
                line = self.line_of(dash)
                entry = Entry(None, line, dash - self.start_of(line))
                self.entries.append(entry)
                self._last = dash + 1
            entry.value = self._node(event)
            entry.end_line = self.line_of(max(self._last - 1, 0))
            block.entries.append(entry)
            event = next(self._events)
        return block

    def _dash(self, item: int) -> int:
        """Where the dash of an item is that begins at an offset."""
        at = self._last
        while True:
            if self.text[at] == "#":
                at = self.text.index("\n", at)
            elif self.text[at] == "-":
                return at
            at += 1
            if at > item:
                return item


def read_layout(text: str) -> Document:
    """The layout of one document; lines end with a line feed."""
    reader = _Reader(text)
    document = Document(reader.document(), None, [], [])
    document.comments = _all_comments(reader)
    _Comments(reader, document).place()
    return document


class _Comments:
    """Gives each comment to the entry that it is about."""

    def __init__(self, reader: _Reader, document: Document) -> None:
        self._reader = reader
        self._document = document
        self._entries = reader.entries
        self._open: list[Entry] = []
        self._next = 0
        self._solid = sorted(reader.solid)
        self._solid_ends = list(accumulate((end for _, end in self._solid), max))
        self._starting: dict[int, Entry] = {}
        for entry in self._entries:
            self._starting.setdefault(entry.line, entry)
        self._last_starting = {entry.line: entry for entry in self._entries}
        leaves = (entry for entry in self._entries if isinstance(entry.value, Leaf))
        self._ending = {entry.end_line: entry for entry in leaves}

    def place(self) -> None:
        """Places all of them."""
        run: list[tuple[int, Comment]] = []
        blank = False
        inside = self._inside()
        for number, line in enumerate(self._reader.lines):
            if number in inside:
                blank = False
                self._behind(number, line)
            elif not line.strip():
                blank = True
            elif line.lstrip().startswith("#"):
                column = len(line) - len(line.lstrip())
                run.append((column, Comment(line.strip(), blank)))
                blank = False
            else:
                self._line(number, run, blank)
                self._behind(number, line)
                run, blank = [], False
        self._end(run, len(self._reader.lines))

    def _inside(self) -> set[int]:
        """The lines that begin within a value: nothing of them is a comment in its own line."""
        found: set[int] = set()
        for start, end in self._solid:
            lines = range(self._reader.line_of(start), self._reader.line_of(end))
            found.update(line + 1 for line in lines)
        return found

    def _line(self, number: int, run: list[tuple[int, Comment]], blank: bool) -> None:
        """A line with something in it: the comments above it go to what begins there, but for
        those that are indented deeper, which belong to what came before."""
        if number == self._reader.opened:
            self._document.opening = [comment for _, comment in run]
            return
        entry = self._starting.get(number)
        if entry is None:
            self._end(run, number)
            return
        entry.blank = blank
        for place, (column, comment) in enumerate(run):
            owner = self._owner(number, column) if column > entry.column else None
            if owner is None:
                entry.before = [each for _, each in run[place:]]
                return
            _put_behind(owner, column, comment)

    def _end(self, run: list[tuple[int, Comment]], line: int) -> None:
        for column, comment in run:
            owner = self._owner(line, column)
            if owner is None:
                self._document.closing.append(comment)
            else:
                _put_behind(owner, column, comment)

    def _owner(self, line: int, column: int) -> Entry | None:
        """The last entry above a line of those that are open there and not deeper indented than
        the column; the outermost when all are. Lines are asked for in their order."""
        while self._next < len(self._entries) and self._entries[self._next].line < line:
            entry = self._entries[self._next]
            while self._open and self._open[-1].column >= entry.column:
                self._open.pop()
            self._open.append(entry)
            self._next += 1
        fitting = (entry for entry in reversed(self._open) if entry.column <= column)
        return next(fitting, self._open[0] if self._open else None)

    def _behind(self, number: int, line: str) -> None:
        """The comment behind something in a line."""
        start = self._reader.start_of(number)
        at = next((each for each in _hashes(line, start) if not self._is_solid(each)), None)
        if at is None or not line[: at - start].strip():
            return
        text = line[at - start :].rstrip()
        entry = self._last_starting.get(number)
        if entry is None or isinstance(entry.value, Leaf):
            ending = self._ending.get(number)
            if ending is not None:
                ending.tail = text
                return
        if entry is not None:
            entry.head = text

    def _is_solid(self, at: int) -> bool:
        place = bisect_right(self._solid, (at, len(self._reader.text) + 1)) - 1
        return place >= 0 and at < self._solid_ends[place]


def _put_behind(owner: Entry, column: int, comment: Comment) -> None:
    comment.within = owner.value is None and column > owner.column
    owner.after.append(comment)


def _hashes(line: str, start: int) -> Iterator[int]:
    """The offsets of all `#` that could begin a comment."""
    for column, character in enumerate(line):
        if character == "#" and (column == 0 or line[column - 1] in " \t"):
            yield start + column


def comments_in(text: str) -> list[str]:
    """All comments of a text, those within flow collections too, in order."""
    reader = _Reader(text)
    reader.document()
    return _all_comments(reader)


def _all_comments(reader: _Reader) -> list[str]:
    """Those of a text that was read."""
    taken = sorted(reader.scalars)
    found = []
    for number, line in enumerate(reader.lines):
        for at in _hashes(line, reader.start_of(number)):
            place = bisect_right(taken, (at, len(reader.text) + 1)) - 1
            if place < 0 or at >= taken[place][1]:
                found.append(line[at - reader.start_of(number) :].rstrip())
                break
    return found
