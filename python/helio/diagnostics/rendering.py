"""Findings as text for people: place, code, message, the line with the fault underlined, hint.

Above: the commands. Pure; `helio.cli.output` decides about colour. Every line is a list of pieces
with a style name, so that plain and coloured output are the same text.
"""

import unicodedata
from typing import NamedTuple

from helio.diagnostics.diagnostic import Diagnostic
from helio.diagnostics.source import SourceText

_WIDTH = 100
"""Columns of a source line that are shown; a longer one is cut around the fault."""


class Piece(NamedTuple):
    """A stretch of one line; `style` is error, warning, note, place, dim or plain."""

    text: str
    style: str


def rendered(diagnostic: Diagnostic, source: SourceText | None) -> list[list[Piece]]:
    """The lines of one finding. Without its source there is no excerpt."""
    span = diagnostic.span
    place = f"{diagnostic.file}:{span.line}:{span.column}"
    head = [
        Piece(_visible(place), "place"),
        Piece(": ", "plain"),
        Piece(f"{diagnostic.severity}[{diagnostic.code}]", diagnostic.severity),
        Piece(f": {_visible(diagnostic.message)}", "plain"),
    ]
    lines = [head]
    if source is not None and source.line(span.line).strip():
        lines.extend(_excerpt(diagnostic, source))
    gutter = " " * len(str(span.line))
    for label, text in (("in", diagnostic.path), ("hint", diagnostic.hint)):
        if text:
            lines.append(
                [Piece(f"{gutter} = ", "dim"), Piece(f"{label}: {_visible(text)}", "plain")]
            )
    return lines


def plain_text(diagnostic: Diagnostic, source: SourceText | None) -> str:
    """The finding as text without styles; lines end with a line break."""
    lines = rendered(diagnostic, source)
    return "".join("".join(piece.text for piece in line) + "\n" for line in lines)


def _excerpt(diagnostic: Diagnostic, source: SourceText) -> list[list[Piece]]:
    span = diagnostic.span
    line = source.line(span.line)
    end = span.end_column - 1 if span.end_line == span.line else len(line.rstrip())
    start = span.column - 1
    length = max(1, end - start)
    first = max(0, min(start - _WIDTH // 3, len(line) - _WIDTH)) if len(line) > _WIDTH else 0
    shown = line[first : first + _WIDTH]
    length = max(1, min(length, len(shown) - (start - first)))
    indent = _columns(shown[: start - first])
    underline = "^" * max(1, _columns(shown[start - first : start - first + length]))
    number = str(span.line)
    gutter = " " * len(number)
    before = "…" if first > 0 else ""
    after = "…" if first + _WIDTH < len(line) else ""
    return [
        [Piece(f"{gutter} |", "dim")],
        [Piece(f"{number} | ", "dim"), Piece(before + _visible(shown) + after, "plain")],
        [
            Piece(f"{gutter} | ", "dim"),
            Piece(" " * (indent + len(before)), "plain"),
            Piece(underline, diagnostic.severity),
        ],
    ]


def _visible(text: str) -> str:
    """Tabs as one space, and what a terminal would obey as a mark."""
    return "".join(
        " " if character == "\t" else character if character.isprintable() else "�"
        for character in text
    )


def _columns(text: str) -> int:
    """How many terminal columns a text takes."""
    return sum(_character_columns(character) for character in text)


def _character_columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
