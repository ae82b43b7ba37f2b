"""The text of a file, with places in it.

Above: everything that reports a fault. Below: `nodes`. Pure. Lines and columns count from 1;
columns count characters, not bytes; the end of a span is the column after its last character.
"""

from collections.abc import Iterable

from helio.diagnostics.nodes import Span

MASK = "•"
"""What stands for each character of a secret wherever a line of the file is shown."""


def as_object(span: Span) -> dict[str, int]:
    """A stretch as JSON output has it."""
    line, column, end_line, end_column = span
    return {"line": line, "column": column, "end_line": end_line, "end_column": end_column}


class SourceText:
    """A file's text for excerpts. `masked` are the stretches that are never shown."""

    def __init__(self, path: str, text: str, masked: Iterable[Span] = ()) -> None:
        self.path = path
        self.text = text
        self._masked = tuple(masked)
        self._lines = _in_lines(text)

    def with_masked(self, masked: Iterable[Span]) -> "SourceText":
        """The same text with more stretches hidden."""
        return SourceText(self.path, self.text, (*self._masked, *masked))

    @property
    def line_count(self) -> int:
        """How many lines there are; a final line break opens an empty one."""
        return len(self._lines)

    def line(self, number: int) -> str:
        """One line as it may be shown: secrets masked, without its line break; empty beyond the
        end.
        """
        if not 1 <= number <= len(self._lines):
            return ""
        line = self._lines[number - 1]
        for span in self._masked:
            if span.line <= number <= span.end_line:
                start = span.column - 1 if number == span.line else 0
                end = span.end_column - 1 if number == span.end_line else len(line)
                line = line[:start] + MASK * (min(end, len(line)) - start) + line[end:]
        return line

    def place(self, offset: int) -> Span:
        """The place of the character at an offset in the text."""
        before = _in_lines(self.text[:offset])
        line, column = len(before), len(before[-1]) + 1
        return Span(line, column, line, column + 1)

    def nearest(self, line: int, column: int) -> Span:
        """The place of one character, or the nearest that the text has: readers report the end of a
        text beyond it.
        """
        line = max(1, min(line, len(self._lines)))
        column = max(1, min(column, len(self._lines[line - 1]) + 1))
        return Span(line, column, line, column + 1)

    def within(self, span: Span) -> Span:
        """The stretch, or the end of the text for one beyond it."""
        if span.end_line <= len(self._lines):
            return span
        return self.nearest(span.line, span.column)

    def character(self, place: Span) -> str:
        """The character at a place; nothing beyond the end of its line."""
        return self._lines[place.line - 1][place.column - 1 : place.column]

    def ends_before(self, place: Span) -> bool:
        """Whether nothing but space stands at a place of the text and after it."""
        first, *others = self._lines[place.line - 1 :]
        return not first[place.column - 1 :].strip() and not any(map(str.strip, others))


def _in_lines(text: str) -> list[str]:
    # Only what YAML 1.2 calls a line break: `str.splitlines` would also split at form feeds and
    # others.
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
