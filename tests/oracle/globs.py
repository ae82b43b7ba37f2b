"""Globs over names: `* ? [set] [!set] {a,b}` and `\\` escapes; case-sensitive, the whole name.

The oracle's: a glob is read into parts, and a part maps positions in the name to the positions that
it can reach. Above it `graph`. Pure.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from typing import TypeAlias

MAX_CHARACTERS = 1000
MAX_EXPANSIONS = 1024


class GlobError(ValueError):
    """A text that is no glob."""


@dataclass(frozen=True)
class One:
    """Any one character for which `accepts` holds."""

    accepts: Callable[[str], bool]


@dataclass(frozen=True)
class Star:
    """Any number of any characters."""


@dataclass
class Alternatives:
    """`{a,b}`: one of several sequences."""

    choices: list["Sequence"] = field(default_factory=list)


Part: TypeAlias = One | Star | Alternatives
Sequence: TypeAlias = list[Part]


def matches(pattern: str, name: str) -> bool:
    """Tell whether a glob matches the whole of a name; raise `GlobError` if it is none."""
    return len(name) in reach(parse_glob(pattern), name, {0})


def reach(sequence: Sequence, name: str, positions: set[int]) -> set[int]:
    """Return the positions in `name` where a sequence that starts at any of `positions` can end."""
    for part in sequence:
        if isinstance(part, Star):
            first = min(positions, default=len(name) + 1)
            positions = set(range(first, len(name) + 1))
        elif isinstance(part, One):
            positions = {at + 1 for at in positions if at < len(name) and part.accepts(name[at])}
        else:
            ends = [reach(choice, name, positions) for choice in part.choices]
            positions = set().union(*ends)
    return positions


def parse_glob(pattern: str) -> Sequence:
    """Read a glob; raise `GlobError` where a bracket, a brace or an escape is not paired."""
    if not 0 < len(pattern) <= MAX_CHARACTERS:
        raise GlobError("empty or too long")
    sequence, _ = parse_sequence(pattern, 0, depth=0)
    if expansions(sequence) > MAX_EXPANSIONS:
        raise GlobError("braces that stand for too many texts")
    return sequence


def expansions(sequence: Sequence) -> int:
    """Return how many texts without braces a sequence stands for."""
    return prod(
        sum(expansions(choice) for choice in part.choices)
        for part in sequence
        if isinstance(part, Alternatives)
    )


def parse_sequence(pattern: str, position: int, depth: int) -> tuple[Sequence, int]:
    """Read up to the end, or inside braces up to the `,` or `}` that ends the choice."""
    sequence: Sequence = []
    while position < len(pattern):
        character = pattern[position]
        if depth > 0 and character in ",}":
            break
        position += 1
        if character == "*":
            sequence.append(Star())
        elif character == "?":
            sequence.append(One(lambda _: True))
        elif character == "[":
            part, position = parse_set(pattern, position)
            sequence.append(part)
        elif character in "]}":
            raise GlobError(f"a {character!r} that closes nothing")
        elif character == "{":
            alternatives, position = parse_braces(pattern, position, depth + 1)
            sequence.append(alternatives)
        else:
            if character == "\\":
                character, position = escaped(pattern, position)
            sequence.append(literal(character))
    return sequence, position


def literal(wanted: str) -> One:
    """Return the part that takes exactly one character."""
    return One(lambda character: character == wanted)


def escaped(pattern: str, position: int) -> tuple[str, int]:
    """Return the character after a backslash."""
    if position >= len(pattern):
        raise GlobError("a backslash at the end")
    return pattern[position], position + 1


def parse_braces(pattern: str, position: int, depth: int) -> tuple[Alternatives, int]:
    """Read `a,b}` after its opening brace."""
    alternatives = Alternatives()
    while True:
        choice, position = parse_sequence(pattern, position, depth)
        alternatives.choices.append(choice)
        if position >= len(pattern):
            raise GlobError("a brace that is not closed")
        position += 1
        if pattern[position - 1] == "}":
            return alternatives, position


def parse_set(pattern: str, position: int) -> tuple[One, int]:
    """Read `a-z_]` or `!a-z]` after its opening bracket."""
    negated = pattern.startswith("!", position)
    position += negated
    if pattern.startswith("^", position):
        raise GlobError("a negated set is written [!…]")
    ranges: list[tuple[str, str]] = []
    while not pattern.startswith("]", position):
        first, position = set_character(pattern, position)
        last = first
        if pattern.startswith("-", position) and not pattern.startswith("-]", position):
            last, position = set_character(pattern, position + 1)
        if last < first:
            raise GlobError("a range that runs backwards")
        ranges.append((first, last))
    if not ranges:
        raise GlobError("an empty set")
    return One(lambda c: any(low <= c <= high for low, high in ranges) != negated), position + 1


def set_character(pattern: str, position: int) -> tuple[str, int]:
    """Return one character of a set, an escaped one included."""
    if position >= len(pattern):
        raise GlobError("a set that is not closed")
    if pattern[position] == "\\":
        return escaped(pattern, position + 1)
    return pattern[position], position + 1
