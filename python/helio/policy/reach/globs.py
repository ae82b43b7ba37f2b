"""Globs as expressions of `languages`.

Above: `spaces`. Below: `languages`. Pure. The globs were read by the evaluator's own reader before,
so that none is at fault here ("Paths, globs, canonical texts" in docs/architecture.md).
"""

from helio.policy.reach.languages import (
    ANYTHING,
    Either,
    Expression,
    One,
    Ranges,
    Then,
    complement,
)

_ANY = One(complement(()))


def glob_expression(pattern: str) -> Expression:
    """The texts that a glob describes."""
    expression, _ = _sequence(pattern, 0, in_braces=False)
    return expression


def _sequence(pattern: str, at: int, *, in_braces: bool) -> tuple[Expression, int]:
    """Up to the end, or inside braces up to the `,` or `}` that ends this alternative."""
    parts: list[Expression] = []
    while at < len(pattern) and not (in_braces and pattern[at] in ",}"):
        match pattern[at]:
            case "*":
                parts.append(ANYTHING)
            case "?":
                parts.append(_ANY)
            case "[":
                part, at = _set(pattern, at + 1)
                parts.append(part)
            case "{":
                inner, at = _braces(pattern, at + 1)
                parts.append(inner)
            case _:
                character, at = _character(pattern, at)
                parts.append(One(((ord(character), ord(character)),)))
        at += 1
    return Then(tuple(parts)), at


def _braces(pattern: str, at: int) -> tuple[Expression, int]:
    """The alternatives, and where the `}` is."""
    choices = []
    while True:
        choice, at = _sequence(pattern, at, in_braces=True)
        choices.append(choice)
        if pattern[at] == "}":
            return Either(tuple(choices)), at
        at += 1


def _set(pattern: str, at: int) -> tuple[Expression, int]:
    """The characters of a set, and where the `]` is. `-` is itself at either end."""
    negated = pattern[at] == "!"
    at += negated
    ranges: list[tuple[int, int]] = []
    while pattern[at] != "]":
        low, at = _character(pattern, at)
        high = low
        if pattern[at + 1] == "-" and pattern[at + 2] != "]":
            high, at = _character(pattern, at + 2)
        ranges.append((ord(low), ord(high)))
        at += 1
    kept: Ranges = complement(tuple(ranges)) if negated else tuple(ranges)
    return One(kept), at


def _character(pattern: str, at: int) -> tuple[str, int]:
    """A character, and the place of its last sign."""
    at += pattern[at] == "\\"
    return pattern[at], at
