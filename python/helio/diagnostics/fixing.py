"""Corrections that can be made without a person: what findings say to write, put into the text.

Above: `helio compile --fix`. Below: `diagnostic`, `source`. Pure. Only the stretch that a finding
points at is replaced; comments, layout and line breaks stay.
"""

import re
from collections.abc import Iterable

from helio.diagnostics.diagnostic import Diagnostic
from helio.diagnostics.nodes import Span

_BREAK = re.compile(r"\r\n|\r|\n")
_PROPERTIES = ("&", "!", "*")
"""What stands here is shared by aliases, or said otherwise than by its own text."""


def corrected(text: str, findings: Iterable[Diagnostic]) -> tuple[str, list[Diagnostic]]:
    """The text with the corrections of the findings, and those of them that were made, in file
    order. Of two that overlap the first is made.
    """
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    text = text.removeprefix(mark)
    starts = [0, *(each.end() for each in _BREAK.finditer(text))]
    made = []
    parts = []
    end = 0
    for found in findings:
        stretch = _stretch(found.span, starts)
        if found.fix is None or stretch is None or stretch[0] < end:
            continue
        if text.startswith(_PROPERTIES, stretch[0]):
            continue
        parts += [text[end : stretch[0]], found.fix]
        end = stretch[1]
        made.append(found)
    return mark + "".join(parts) + text[end:], made


def _stretch(span: Span, starts: list[int]) -> tuple[int, int] | None:
    """The offsets of a span within one line."""
    if span.line != span.end_line or span.line > len(starts):
        return None
    start = starts[span.line - 1]
    return start + span.column - 1, start + span.end_column - 1
