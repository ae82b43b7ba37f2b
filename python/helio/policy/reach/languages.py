"""Sets of texts as automata over characters, and the shortest texts that tell them apart.

Above: `globs`, `values`, `spaces`. Below: nothing. Pure. Characters fall into few classes that no
expression tells apart, so that one of each class stands for all.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

from helio.policy.reach.effort import Effort, TooLarge

Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""Inclusive ranges of code points."""

_LAST: Final = 0x10FFFF
_SURROGATES: Final = (0xD800, 0xDFFF)
_MOST_TEXTS: Final = 4_000
"""The most different states that are looked at before it is too large."""
_LIKED: Final = "xabcdefghijklmnopqrstuvwyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."
"""What stands for a class of characters, where it can."""


@dataclass(frozen=True, slots=True)
class One:
    """Any one character in the ranges."""

    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Then:
    """One after the other."""

    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Any of them."""

    choices: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Many:
    """Any number of them, none included."""

    part: "Expression"


Expression: TypeAlias = One | Then | Either | Many

ANYTHING: Final = Many(One(((0, _LAST),)))


def literal(text: str) -> Then:
    """Exactly this text."""
    return Then(tuple(One(((ord(character), ord(character)),)) for character in text))


def complement(ranges: Ranges) -> Ranges:
    """All characters outside the ranges."""
    outside, start = [], 0
    for low, high in sorted(ranges):
        if low > start:
            outside.append((start, low - 1))
        start = max(start, high + 1)
    if start <= _LAST:
        outside.append((start, _LAST))
    return tuple(outside)


def distinguish(
    expressions: Sequence[Expression], effort: Effort, *, shortest: int = 0
) -> dict[tuple[bool, ...], str]:
    """Every way in which a text of at least `shortest` (0 or 1) characters can be in some of the
    expressions and not in the others, each with a shortest text of that kind.

    Raises `TooLarge`, and `Exhausted` when `effort` is used up.
    """
    automata = [_Automaton(expression) for expression in expressions]
    letters = list(_letters(automata))
    start = tuple(automaton.start for automaton in automata)
    found: dict[tuple[bool, ...], str] = {}
    seen = set()
    pending = deque([(start, "")])
    if shortest == 0:
        seen.add(start)
        found[_accepted(automata, start)] = ""
    while pending:
        states, text = pending.popleft()
        effort.spend(len(letters) * (1 + len(automata)) // 2)
        for letter in letters:
            reached = tuple(
                automaton.step(state, letter)
                for automaton, state in zip(automata, states, strict=True)
            )
            if reached in seen:
                continue
            seen.add(reached)
            if len(seen) > _MOST_TEXTS:
                raise TooLarge
            longer = text + chr(letter)
            found.setdefault(_accepted(automata, reached), longer)
            pending.append((reached, longer))
    return found


def _accepted(automata: list["_Automaton"], states: tuple[int, ...]) -> tuple[bool, ...]:
    pairs = zip(automata, states, strict=True)
    return tuple(bool(state & automaton.end) for automaton, state in pairs)


def _letters(automata: list["_Automaton"]) -> Iterator[int]:
    """One character of each class that the automata cannot tell apart; liked ones come first."""
    borders = {0, _LAST + 1}
    for automaton in automata:
        for low, high in automaton.ranges():
            borders |= {low, high + 1}
    ordered = sorted(borders)
    found = []
    for low, after in pairwise(ordered):
        letter = _stand_in(low, after - 1)
        if letter is not None:
            found.append(letter)
    yield from sorted(found, key=_liking)


def _liking(letter: int) -> tuple[int, int]:
    place = _LIKED.find(chr(letter))
    return (place if place >= 0 else len(_LIKED), letter)


def _stand_in(low: int, high: int) -> int | None:
    """A character of the range; None when it holds only surrogates, which no text has."""
    for character in _LIKED:
        if low <= ord(character) <= high:
            return ord(character)
    for letter in range(low, min(high, low + 200) + 1):
        if chr(letter).isprintable() and letter != ord(" "):
            return letter
    if low < _SURROGATES[0] or low > _SURROGATES[1]:
        return low
    return _SURROGATES[1] + 1 if high > _SURROGATES[1] else None


class _Automaton:
    """An expression as a nondeterministic automaton; a set of its states is an integer's bits."""

    def __init__(self, expression: Expression) -> None:
        self._moves: list[list[tuple[Ranges, int]]] = []
        self._free: list[list[int]] = []
        self._steps: dict[tuple[int, int], int] = {}
        first, last = self._state(), self._state()
        self._build(expression, first, last)
        self.start = self._closed(1 << first)
        self.end = 1 << last

    def ranges(self) -> Iterator[tuple[int, int]]:
        """All ranges of characters that it tells apart."""
        for moves in self._moves:
            for ranges, _ in moves:
                yield from ranges

    def step(self, states: int, letter: int) -> int:
        """The states after one character."""
        if not states:
            return 0
        known = self._steps.get((states, letter))
        if known is None:
            reached = 0
            for state in _bits(states):
                for ranges, target in self._moves[state]:
                    if any(low <= letter <= high for low, high in ranges):
                        reached |= 1 << target
            known = self._steps[states, letter] = self._closed(reached)
        return known

    def _state(self) -> int:
        self._moves.append([])
        self._free.append([])
        return len(self._moves) - 1

    def _build(self, expression: Expression, first: int, last: int) -> None:
        match expression:
            case One(ranges=ranges):
                self._moves[first].append((ranges, last))
            case Then(parts=parts):
                for part in parts:
                    after = self._state()
                    self._build(part, first, after)
                    first = after
                self._free[first].append(last)
            case Either(choices=choices):
                for choice in choices:
                    inner = self._state()
                    self._free[first].append(inner)
                    self._build(choice, inner, last)
            case Many(part=part):
                again = self._state()
                self._free[first].append(again)
                self._free[again].append(last)
                self._build(part, again, again)

    def _closed(self, states: int) -> int:
        """The states with those that are reached without a character."""
        pending = list(_bits(states))
        while pending:
            for target in self._free[pending.pop()]:
                if not states >> target & 1:
                    states |= 1 << target
                    pending.append(target)
        return states


def _bits(states: int) -> Iterator[int]:
    while states:
        lowest = states & -states
        yield lowest.bit_length() - 1
        states ^= lowest
