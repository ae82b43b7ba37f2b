"""A strict JSON reader after RFC 8259: the oracle's, slow and plain.

Above it `envelope` reads messages and `graph` reads operands. Pure. Values are None, bool, str,
`Number` (which keeps its lexeme), list and dict (whose keys keep their order).
"""

import re
from typing import TypeAlias

from oracle.numbers import LEXEME, Number

Json: TypeAlias = "bool | str | Number | list[Json] | dict[str, Json] | None"

MAX_DEPTH = 128
MAX_NUMBER_CHARACTERS = 400
MAX_EXPONENT_DIGITS = 18
WHITESPACE = " \t\n\r"
ESCAPES = {
    '"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t",
}  # fmt: skip
HEXADECIMAL = set("0123456789abcdefABCDEF")


class JsonError(ValueError):
    """A text that is refused; `reason` as in docs/architecture.md, "The strict envelope"."""

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(f"{reason} at {position}")
        self.reason = reason
        self.position = position


def fold(key: str) -> str:
    """Fold the case of a key: uppercase, then lowercase, of every character."""
    return "".join(lower.lower() for character in key for lower in character.upper())


def parse(body: bytes) -> Json:
    """Read one JSON value that fills `body`; raise `JsonError` at the first thing refused."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise JsonError("parse_error", error.start) from error
    reader = Reader(text)
    reader.skip_whitespace()
    value = reader.value(depth=0)
    reader.skip_whitespace()
    if reader.position != len(text):
        raise JsonError("parse_error", reader.position)
    return value


class Reader:
    """A position in a text, and one method for each production of the grammar."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def peek(self) -> str:
        """Return the character here, or an empty text at the end."""
        return self.text[self.position : self.position + 1]

    def fail(self, reason: str = "parse_error") -> JsonError:
        return JsonError(reason, self.position)

    def expect(self, literal: str) -> None:
        if not self.text.startswith(literal, self.position):
            raise self.fail()
        self.position += len(literal)

    def skip_whitespace(self) -> None:
        while self.peek() and self.peek() in WHITESPACE:
            self.position += 1

    def value(self, depth: int) -> Json:
        character = self.peek()
        if character == "{":
            return self.object(depth + 1)
        if character == "[":
            return self.array(depth + 1)
        if character == '"':
            return self.string()
        if character and character in "-0123456789":
            return self.number()
        for literal, value in (("true", True), ("false", False), ("null", None)):
            if self.text.startswith(literal, self.position):
                self.position += len(literal)
                return value
        raise self.fail()

    def object(self, depth: int) -> dict[str, Json]:
        if depth > MAX_DEPTH:
            raise self.fail("too_deep")
        self.expect("{")
        members: dict[str, Json] = {}
        folded: set[str] = set()
        self.skip_whitespace()
        if self.peek() == "}":
            self.position += 1
            return members
        while True:
            self.skip_whitespace()
            key = self.string()
            if fold(key) in folded:
                raise self.fail("duplicate_key")
            folded.add(fold(key))
            self.skip_whitespace()
            self.expect(":")
            self.skip_whitespace()
            members[key] = self.value(depth)
            self.skip_whitespace()
            if self.peek() == "}":
                self.position += 1
                return members
            self.expect(",")

    def array(self, depth: int) -> list[Json]:
        if depth > MAX_DEPTH:
            raise self.fail("too_deep")
        self.expect("[")
        elements: list[Json] = []
        self.skip_whitespace()
        if self.peek() == "]":
            self.position += 1
            return elements
        while True:
            self.skip_whitespace()
            elements.append(self.value(depth))
            self.skip_whitespace()
            if self.peek() == "]":
                self.position += 1
                return elements
            self.expect(",")

    def number(self) -> Number:
        match = LEXEME.match(self.text, self.position)
        if match is None:
            raise self.fail()
        if self.continues(match):
            raise self.fail()
        exponent = (match.group(4) or "").lstrip("+-")
        if len(match.group()) > MAX_NUMBER_CHARACTERS or len(exponent) > MAX_EXPONENT_DIGITS:
            raise self.fail("number_too_long")
        self.position = match.end()
        return Number(match.group())

    def continues(self, number: re.Match[str]) -> bool:
        """Tell whether a number goes on where it may not: a leading zero, an unfinished part."""
        after = self.text[number.end() : number.end() + 1]
        _, _, fraction, exponent = number.groups()
        if after == ".":
            return fraction is None and exponent is None
        return after.isdecimal() or (after in ("e", "E") and exponent is None)

    def string(self) -> str:
        self.expect('"')
        characters: list[str] = []
        while True:
            character = self.peek()
            if not character or character < " ":
                raise self.fail()
            self.position += 1
            if character == '"':
                return "".join(characters)
            characters.append(self.escape() if character == "\\" else character)

    def escape(self) -> str:
        character = self.peek()
        self.position += 1
        if character in ESCAPES:
            return ESCAPES[character]
        if character != "u":
            raise self.fail()
        unit = self.code_unit()
        if 0xDC00 <= unit <= 0xDFFF:
            raise self.fail()
        if not 0xD800 <= unit <= 0xDBFF:
            return chr(unit)
        self.expect("\\u")
        low = self.code_unit()
        if not 0xDC00 <= low <= 0xDFFF:
            raise self.fail()
        return chr(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00))

    def code_unit(self) -> int:
        digits = self.text[self.position : self.position + 4]
        if len(digits) != 4 or not set(digits) <= HEXADECIMAL:
            raise self.fail()
        self.position += 4
        return int(digits, 16)
