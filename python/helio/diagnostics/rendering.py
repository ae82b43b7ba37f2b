"""Findings as text for people: place, code, message, the lines that it is about with marks below,
hint.

Above: the commands. Pure; `helio.cli.output` decides about colour. Every line is a list of pieces
with a style name, so that plain and coloured output are the same text.
"""

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from helio.diagnostics.diagnostic import Diagnostic
from helio.diagnostics.exact_json import json_text
from helio.diagnostics.nodes import Span
from helio.diagnostics.source import SourceText

_WIDTH = 100
"""Columns of a source line that are shown; a longer one is cut around the fault."""


class Piece(NamedTuple):
    """A stretch of one line; `style` is error, warning, note, place, dim or plain."""

    text: str
    style: str


class Mark(NamedTuple):
    """What is underlined, with which sign and style, and what is said behind it."""

    span: Span
    sign: str
    style: str
    text: str


def rendered(diagnostic: Diagnostic, source: SourceText | None) -> list[list[Piece]]:
    """The lines of one finding. Without its source there is no excerpt."""
    span = diagnostic.span
    at = f"{diagnostic.file}:{span.line}:{span.column}"
    head = [
        Piece(visible(at), "place"),
        Piece(": ", "plain"),
        Piece(f"{diagnostic.severity}[{diagnostic.code}]", diagnostic.severity),
        Piece(f": {visible(diagnostic.message)}", "plain"),
    ]
    lines = [head]
    width = max(
        len(str(place.line)) for place in (span, *(each.span for each in diagnostic.related))
    )
    if source is not None and source.line(span.line).strip():
        lines.extend(_excerpt(diagnostic, source, width))
    gutter = " " * width
    witness = None
    if diagnostic.witness is not None:
        witness = json_text(diagnostic.witness)
    for label, text in (("in", diagnostic.path), ("witness", witness), ("hint", diagnostic.hint)):
        if text:
            lines.append(
                [Piece(f"{gutter} = ", "dim"), Piece(f"{label}: {visible(text)}", "plain")]
            )
    return lines


def plain_text(diagnostic: Diagnostic, source: SourceText | None) -> str:
    """The finding as text without styles; lines end with a line break."""
    lines = rendered(diagnostic, source)
    return "".join("".join(piece.text for piece in line) + "\n" for line in lines)


def _excerpt(diagnostic: Diagnostic, source: SourceText, width: int) -> list[list[Piece]]:
    marks = [
        Mark(label.span, "-", "dim", f" {visible(label.text)}") for label in diagnostic.related
    ]
    marks.append(Mark(diagnostic.span, "^", diagnostic.severity, ""))
    return excerpt(marks, source, width)


def excerpt(marks: Sequence[Mark], source: SourceText, width: int) -> list[list[Piece]]:
    """The lines of all places, in the order of the file, each with its mark below it; `width` is
    that of the line numbers."""
    marks = sorted(marks, key=lambda mark: mark.span)
    gutter = " " * width
    lines = [[Piece(f"{gutter} |", "dim")]]
    for before, mark in zip([None, *marks], marks, strict=False):
        if before is not None and mark.span.line > before.span.line + 1:
            lines.append([Piece("...", "dim")])
        shown, underline = _marked(mark, source.line(mark.span.line))
        number = str(mark.span.line).rjust(width)
        with_number = [Piece(f"{number} | ", "dim"), Piece(shown, "plain")]
        if before is None or before.span.line != mark.span.line or lines[-2] != with_number:
            lines.append(with_number)
        lines.append([Piece(f"{gutter} | ", "dim"), *underline])
    return lines


def _marked(mark: Mark, line: str) -> tuple[str, list[Piece]]:
    """A line as far as it is shown, and the mark below it."""
    span = mark.span
    end = span.end_column - 1 if span.end_line == span.line else len(line.rstrip())
    start = span.column - 1
    length = max(1, end - start)
    first = max(0, min(start - _WIDTH // 3, len(line) - _WIDTH)) if len(line) > _WIDTH else 0
    shown = line[first : first + _WIDTH]
    length = max(1, min(length, len(shown) - (start - first)))
    indent = _columns(shown[: start - first])
    underline = mark.sign * max(1, _columns(shown[start - first : start - first + length]))
    before = "…" if first > 0 else ""
    after = "…" if first + _WIDTH < len(line) else ""
    pieces = [Piece(" " * (indent + len(before)), "plain"), Piece(underline, mark.style)]
    if mark.text:
        pieces.append(Piece(mark.text, "plain"))
    return before + visible(shown) + after, pieces


def visible(text: str) -> str:
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
