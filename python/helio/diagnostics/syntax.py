"""Syntax errors of YAML in our words, at the place where a person would correct them.

Above: `yaml_document`. Below: PyYAML's errors, `source`. Pure. Where the parser only notices an
error at the end of the file, the place is where the unfinished part begins.
"""

import yaml

from helio.diagnostics.nodes import Span
from helio.diagnostics.source import SourceText

Explanation = tuple[str, Span, str | None]
"""A message, its place, and what to do about it."""

_ALIKE = "give the keys of one mapping the same indentation; nothing may follow a closing quote"
_EXPLANATIONS = {
    "found character that cannot start any token": (
        "no value can begin with this character",
        "indent with spaces, not with tabs; quote values that begin with @, ` or %",
    ),
    **dict.fromkeys(
        (
            "found a tab character that violates indentation",
            "found a tab character where an indentation space is expected",
        ),
        ("a tab stands in the indentation", "indent with spaces"),
    ),
    "found unexpected end of stream": ("a quote is opened here and never closed", None),
    "mapping values are not allowed in this context": (
        "a second `:` stands in one line",
        "quote a value that holds `: `, or correct the indentation",
    ),
    "block sequence entries are not allowed in this context": (
        "no list can begin here",
        "begin the list in a line of its own, or write `[…]`",
    ),
    "could not find expected ':'": ("a `:` was expected after this key", None),
    "did not find expected key": ("a key was expected here", _ALIKE),
    "did not find expected '-' indicator": (
        "another `- ` of the list above was expected here",
        "give all of the list the same indentation, and what is no part of it another one",
    ),
    "did not find expected ',' or '}'": ("a `,` or the closing `}` was expected here", None),
    "did not find expected ',' or ']'": ("a `,` or the closing `]` was expected here", None),
    "did not find expected node content": ("a value was expected here", None),
    "did not find expected <document start>": ("the document has ended before this", None),
    "did not find expected alphabetic or numeric character": (
        "a name of letters and digits was expected here",
        "quote values that begin with * or &",
    ),
    "did not find expected comment or line break": (
        "the text of `|` and `>` begins in the next line",
        None,
    ),
    "found unknown escape character": (
        r"a `\` before this character has no meaning in double quotes",
        r"use single quotes, in which `\` stands for itself, or write `\\`",
    ),
    "found invalid Unicode character escape code": ("this escape is no character", None),
}
_UNCLOSED = frozenset({"did not find expected ',' or '}'", "did not find expected ',' or ']'"})
_NOTICED_LATE = frozenset({"found unexpected end of stream", "could not find expected ':'"})
"""Where the context's place says more than that of the problem."""


def explained(error: yaml.MarkedYAMLError, source: SourceText, opened: Span | None) -> Explanation:
    """What is wrong, where, and what to do. `opened` is where the innermost open collection begins.

    A problem that we have no words for keeps the parser's.
    """
    problem = error.problem or "the syntax is wrong"
    message, hint = _EXPLANATIONS.get(problem, (problem, None))
    late = problem in _NOTICED_LATE and error.context_mark is not None
    mark = error.context_mark if late else error.problem_mark or error.context_mark
    place = Span(1, 1, 1, 1) if mark is None else source.nearest(mark.line + 1, mark.column + 1)
    if opened is not None and source.ends_before(place):
        bracket = source.character(opened)
        if bracket in ("[", "{"):
            return f"this `{bracket}` is never closed", opened, None
    if problem in _UNCLOSED and error.context_mark is not None:
        opening = error.context_mark
        hint = f"what is not closed begins at line {opening.line + 1}, column {opening.column + 1}"
    return message, place, hint
