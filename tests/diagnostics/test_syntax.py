"""Syntax errors, told where a person would correct them."""

import pytest

from helio.diagnostics import Span, parse_yaml

TAB = "indent with spaces, not with tabs; quote values that begin with @, ` or %"
ALIKE = "give the keys of one mapping the same indentation; nothing may follow a closing quote"
CASES = {
    "a: [1,\n\n": ((1, 4), "this `[` is never closed", None),
    "a:\n  b: { c: 1,\n": ((2, 6), "this `{` is never closed", None),
    "a: {b: 1\nc: 2\n": (
        (2, 2),
        "a `,` or the closing `}` was expected here",
        "what is not closed begins at line 1, column 4",
    ),
    "a:\n  - [1, 2\nb: 2\n": (
        (3, 2),
        "a `,` or the closing `]` was expected here",
        "what is not closed begins at line 2, column 5",
    ),
    "a: 'x\nb: 1\n": ((1, 4), "a quote is opened here and never closed", None),
    "a:\n  b: 1\n\tc: 2": ((3, 1), "a tab stands in the indentation", "indent with spaces"),
    "\ta: 1": ((1, 1), "no value can begin with this character", TAB),
    "a: @b": ((1, 4), "no value can begin with this character", TAB),
    "a: b: c": (
        (1, 5),
        "a second `:` stands in one line",
        "quote a value that holds `: `, or correct the indentation",
    ),
    "a: 1\nb\nc: 2": ((2, 1), "a `:` was expected after this key", None),
    "a: 'b' c": ((1, 8), "a key was expected here", ALIKE),
    "a: 1\n  b: 2": (
        (2, 4),
        "a second `:` stands in one line",
        "quote a value that holds `: `, or correct the indentation",
    ),
    "- a\nb: 1": (
        (2, 1),
        "another `- ` of the list above was expected here",
        "give all of the list the same indentation, and what is no part of it another one",
    ),
    "a: - b": (
        (1, 4),
        "no list can begin here",
        "begin the list in a line of its own, or write `[…]`",
    ),
    'a: "\\d+"': (
        (1, 5),
        r"a `\` before this character has no meaning in double quotes",
        r"use single quotes, in which `\` stands for itself, or write `\\`",
    ),
    "a: *": (
        (1, 5),
        "a name of letters and digits was expected here",
        "quote values that begin with * or &",
    ),
    "a: |x\n  y": ((1, 5), "the text of `|` and `>` begins in the next line", None),
    "a: }": ((1, 4), "a value was expected here", None),
}


@pytest.mark.parametrize("text", CASES)
def test_place_and_words(text: str) -> None:
    document = parse_yaml(text, "a.yaml")
    (found,) = document.diagnostics
    place, message, hint = CASES[text]
    line, column = place
    assert found.code == "HL001"
    assert (found.message, found.hint) == (message, hint)
    assert found.span == Span(line, column, line, column + 1)
    assert document.root is None
