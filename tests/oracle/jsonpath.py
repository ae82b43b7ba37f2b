"""JSONPath after RFC 9535, without filter selectors: the oracle's.

A path is a list of segments; a segment says whether it descends, and holds selectors. Above it
`compare`; below it `strict_json` values. Pure.
"""

import re
from dataclasses import dataclass
from typing import TypeAlias

from oracle.strict_json import Json

MAX_INTEGER = 2**53 - 1
MAX_CHARACTERS = 1000
MAX_SEGMENTS = 64
BLANK = re.compile(r"[ \t\n\r]*")
INTEGER = re.compile(r"0|-?[1-9][0-9]*")
FIRST = r"A-Za-z_\u0080-\ud7ff\ue000-\U0010ffff"
SHORTHAND = re.compile(f"[{FIRST}][{FIRST}0-9]*")
ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "/": "/", "\\": "\\"}


@dataclass(frozen=True)
class Slice:
    """A slice selector, `start:end:step`; None is an omitted part."""

    start: int | None
    end: int | None
    step: int


@dataclass(frozen=True)
class Wildcard:
    """The selector `*`."""


Selector: TypeAlias = str | int | Slice | Wildcard


@dataclass(frozen=True)
class Segment:
    """A child segment, or a descendant segment; its selectors are applied in turn."""

    descends: bool
    selectors: tuple[Selector, ...]


class PathError(ValueError):
    """A text that is no path; `offset` is in characters."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(offset, message)


def parse_path(text: str) -> list[Segment]:
    """Read a path; a text that does not start with `$` is read as if `$.` stood before it.

    Such a text starts with a name: a dot there would make `$..`, which nobody wrote.
    """
    if text.startswith("."):
        raise PathError(0, "expected a name")
    full = text if text.startswith("$") else f"$.{text}"
    if len(text) > MAX_CHARACTERS:
        raise PathError(MAX_CHARACTERS, "too long")
    parser = Parser(full)
    segments = parser.segments()
    if len(segments) > MAX_SEGMENTS:
        raise PathError(0, "too many segments")
    return segments


class Parser:
    """A position in the text of a path, and one method for each production."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 1

    def fail(self, message: str) -> PathError:
        return PathError(self.position, message)

    def take(self, literal: str) -> bool:
        found = self.text.startswith(literal, self.position)
        if found:
            self.position += len(literal)
        return found

    def blank(self) -> None:
        match = BLANK.match(self.text, self.position)
        assert match is not None
        self.position = match.end()

    def segments(self) -> list[Segment]:
        segments: list[Segment] = []
        while self.position < len(self.text):
            self.blank()
            segments.append(self.segment())
        return segments

    def segment(self) -> Segment:
        if self.take(".."):
            if self.take("["):
                return Segment(True, self.bracketed())
            return Segment(True, (self.member(),))
        if self.take("."):
            return Segment(False, (self.member(),))
        if self.take("["):
            return Segment(False, self.bracketed())
        raise self.fail("expected a segment")

    def member(self) -> Selector:
        if self.take("*"):
            return Wildcard()
        match = SHORTHAND.match(self.text, self.position)
        if match is None:
            raise self.fail("expected a name")
        self.position = match.end()
        return match.group()

    def bracketed(self) -> tuple[Selector, ...]:
        selectors: list[Selector] = []
        while True:
            self.blank()
            selectors.append(self.selector())
            self.blank()
            if self.take("]"):
                return tuple(selectors)
            if not self.take(","):
                raise self.fail("expected `,` or `]`")

    def selector(self) -> Selector:
        if self.take("?"):
            raise self.fail("filter selectors are not supported")
        if self.take("*"):
            return Wildcard()
        for quote in ("'", '"'):
            if self.take(quote):
                return self.quoted(quote)
        start = self.integer()
        before_colon = self.position
        self.blank()
        if self.take(":"):
            return self.slice(start)
        self.position = before_colon
        if start is None:
            raise self.fail("expected a selector")
        return start

    def slice(self, start: int | None) -> Slice:
        self.blank()
        end = self.integer()
        before_colon = self.position
        self.blank()
        step: int | None = None
        if self.take(":"):
            before_colon = self.position
            self.blank()
            step = self.integer()
            if step is not None:
                before_colon = self.position
        self.position = before_colon
        return Slice(start, end, 1 if step is None else step)

    def integer(self) -> int | None:
        match = INTEGER.match(self.text, self.position)
        if match is None:
            return None
        value = int(match.group())
        if abs(value) > MAX_INTEGER:
            raise self.fail("integer out of range")
        self.position = match.end()
        return value

    def quoted(self, quote: str) -> str:
        characters: list[str] = []
        while True:
            character = self.text[self.position : self.position + 1]
            if character < " ":
                raise self.fail("unfinished name")
            self.position += 1
            if character == quote:
                return "".join(characters)
            characters.append(self.escape(quote) if character == "\\" else character)

    def escape(self, quote: str) -> str:
        character = self.text[self.position : self.position + 1]
        self.position += 1
        if character == quote:
            return quote
        if character in ESCAPES:
            return ESCAPES[character]
        if character != "u":
            raise self.fail("unknown escape")
        unit = self.code_unit()
        if not 0xD800 <= unit <= 0xDFFF:
            return chr(unit)
        if unit >= 0xDC00 or not self.take("\\u"):
            raise self.fail("lone surrogate")
        low = self.code_unit()
        if not 0xDC00 <= low <= 0xDFFF:
            raise self.fail("lone surrogate")
        return chr(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00))

    def code_unit(self) -> int:
        match = re.compile("[0-9a-fA-F]{4}").match(self.text, self.position)
        if match is None:
            raise self.fail("expected four hexadecimal digits")
        self.position = match.end()
        return int(match.group(), 16)


def select(segments: list[Segment], root: Json) -> list[Json]:
    """Return the values that a path selects, in order, repeats kept."""
    values = [root]
    for segment in segments:
        sources = [d for v in values for d in descendants(v)] if segment.descends else values
        values = [
            chosen
            for source in sources
            for selector in segment.selectors
            for chosen in choose(selector, source)
        ]
    return values


def children(value: Json) -> list[Json]:
    """Return the elements of an array or the member values of an object."""
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def descendants(value: Json) -> list[Json]:
    """Return a value and all that it holds, each before what it holds."""
    found = [value]
    for child in children(value):
        found += descendants(child)
    return found


def choose(selector: Selector, value: Json) -> list[Json]:
    """Apply one selector to one value."""
    if isinstance(selector, Wildcard):
        return children(value)
    if isinstance(selector, str):
        return [value[selector]] if isinstance(value, dict) and selector in value else []
    if not isinstance(value, list):
        return []
    if isinstance(selector, int):
        return [value[selector]] if -len(value) <= selector < len(value) else []
    if selector.step == 0:
        return []
    return value[selector.start : selector.end : selector.step]
