"""JSON with comments, read with the place of every value, so that one can be replaced alone.

Above: `takeover`. Below: nothing. Pure. Reads what clients read: JSON, and beyond it comments
(`//`, `/* */`) and a comma behind the last item, as VS Code allows them.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NoReturn

MOST_DEPTH: Final = 64
"""Nesting beyond which a file is refused."""

_SPACE = re.compile(r"(?:[ \t\r\n]+|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_SCALAR = re.compile(r"-?\d[\d.eE+-]*|true|false|null")
_DECODER = json.JSONDecoder()


class NotReadable(Exception):
    """A text that is not JSON with comments. `line` and `column` count from 1."""

    def __init__(self, what: str, text: str, at: int) -> None:
        super().__init__(what)
        self.line = text.count("\n", 0, at) + 1
        self.column = at - (text.rfind("\n", 0, at) + 1) + 1

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.args[0]}"


@dataclass(frozen=True, slots=True)
class Value:
    """A value and the characters that it takes, from `start` until before `end`.

    `content` is what a scalar says; `members` are those of an object, `items` those of an array,
    each None for any other value.
    """

    start: int
    end: int
    content: object = None
    members: Mapping[str, "Value"] | None = None
    items: tuple["Value", ...] | None = None

    def member(self, *names: str) -> "Value | None":
        """The value at these names, each inside the one before it; None where there is none."""
        found: Value | None = self
        for name in names:
            found = None if found is None or found.members is None else found.members.get(name)
        return found

    def text(self) -> str | None:
        """What a string says; None for any other value."""
        return self.content if isinstance(self.content, str) else None

    def texts(self) -> list[str] | None:
        """What the strings of an array say; None for any other value."""
        if self.items is None:
            return None
        said = [item.text() for item in self.items]
        return None if None in said else [each for each in said if each is not None]


def parsed(text: str) -> Value:
    """The one value of a text. Raises `NotReadable`."""
    reader = _Reader(text)
    value = reader.value(reader.after_space(1 if text.startswith("\ufeff") else 0), 0)
    rest = reader.after_space(value.end)
    if rest != len(text):
        reader.refuse("nothing may follow the value", rest)
    return value


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text

    def refuse(self, what: str, at: int) -> NoReturn:
        raise NotReadable(what, self._text, min(at, len(self._text)))

    def after_space(self, at: int) -> int:
        """Where what follows spaces and comments begins."""
        match = _SPACE.match(self._text, at)
        return at if match is None else match.end()

    def value(self, at: int, depth: int) -> Value:
        if depth > MOST_DEPTH:
            self.refuse(f"more than {MOST_DEPTH} levels", at)
        match self._text[at : at + 1]:
            case "{":
                return self._object(at, depth)
            case "[":
                return self._array(at, depth)
            case '"':
                said, end = self._string(at)
                return Value(at, end, said)
        scalar = _SCALAR.match(self._text, at)
        if scalar is None:
            self.refuse("a value was expected here", at)
        try:
            return Value(at, scalar.end(), json.loads(scalar[0]))
        except ValueError:
            self.refuse(f"{scalar[0]!r} is no value", at)

    def _string(self, at: int) -> tuple[str, int]:
        try:
            said, end = _DECODER.raw_decode(self._text, at)
        except json.JSONDecodeError as error:
            self.refuse(error.msg, error.pos)
        return said, end

    def _object(self, start: int, depth: int) -> Value:
        members: dict[str, Value] = {}
        for at in self._parts(start, "}"):
            if self._text[at : at + 1] != '"':
                self.refuse("a name in double quotes was expected here", at)
            name, end = self._string(at)
            if name in members:
                self.refuse(f"{name!r} stands twice in one object", at)
            colon = self.after_space(end)
            if self._text[colon : colon + 1] != ":":
                self.refuse("a `:` was expected here", colon)
            members[name] = self.value(self.after_space(colon + 1), depth + 1)
            self._reached = members[name].end
        return Value(start, self._reached, members=MappingProxyType(members))

    def _array(self, start: int, depth: int) -> Value:
        items: list[Value] = []
        for at in self._parts(start, "]"):
            items.append(self.value(at, depth + 1))
            self._reached = items[-1].end
        return Value(start, self._reached, items=tuple(items))

    def _parts(self, start: int, closing: str) -> Iterator[int]:
        """Where each part of a collection begins. Who reads one leaves its end in `_reached`, and
        finds there the collection's own end afterwards.
        """
        at = self.after_space(start + 1)
        while self._text[at : at + 1] != closing:
            if at >= len(self._text):
                self.refuse("this is never closed", start)
            yield at
            at = self.after_space(self._reached)
            if self._text[at : at + 1] == ",":
                at = self.after_space(at + 1)
            elif self._text[at : at + 1] != closing and at < len(self._text):
                self.refuse(f"a `,` or the closing `{closing}` was expected here", at)
        self._reached = at + 1
