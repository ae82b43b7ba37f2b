"""`# helio: ignore[HL425]`: findings that somebody looked at and accepts.

Above: `helio.policy.compiler`, which settles them when all findings are there. Below: `codes`,
`diagnostic`. Pure. A comment behind something is for its line, one that stands alone for the next
line that says something. Errors cannot be ignored, and an ignore that does nothing is itself a
warning: otherwise it would hide what comes later.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from helio.diagnostics import codes
from helio.diagnostics.codes import Code
from helio.diagnostics.diagnostic import Diagnostics, quoted
from helio.diagnostics.nodes import Span

_IGNORE = re.compile(r"(?:^|(?<=\s))#[ \t]*helio:[ \t]*ignore\b(?P<codes>\[[^\]#\n]*\])?")
_COMMENT = re.compile(r"(?:^|\s)#")
_CODE = re.compile(r"[^\s,\[\]]+")
_FORM = "write `# helio: ignore[HL425]`, with several codes `ignore[HL425, HL426]`"


class Ignore(NamedTuple):
    """One comment: its place, the line of the findings that it is for, and the codes in it with
    their places. Without codes it is not in form.
    """

    span: Span
    line: int
    codes: tuple[tuple[str, Span], ...]


def may_hold_ignores(text: str) -> bool:
    """Whether to look for ignores at all."""
    return "helio:" in text and "ignore" in text


def ignores_in(text: str, values: Sequence[Span]) -> tuple[Ignore, ...]:
    """The ignores of a text, in file order. `values` are the places of all keys and values that
    hold a `#`, which is no comment there.
    """
    if not may_hold_ignores(text):
        return ()
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return tuple(_found(lines, values))


def _found(lines: Sequence[str], values: Sequence[Span]) -> Iterator[Ignore]:
    for index, line in enumerate(lines):
        match = _IGNORE.search(line)
        if match is None or _comment_start(line, index + 1, values) != match.start():
            continue
        alone = not line[: match.start()].strip()
        target = _next_line(lines, index) if alone else index + 1
        start = match.start("codes")
        named = () if match["codes"] is None else tuple(_CODE.finditer(match["codes"]))
        yield Ignore(
            _within(index + 1, match.start(), match.end()),
            target,
            tuple(
                (each[0], _within(index + 1, start + each.start(), start + each.end()))
                for each in named
            ),
        )


def _within(line: int, start: int, end: int) -> Span:
    return Span(line, start + 1, line, end + 1)


def _comment_start(line: str, number: int, values: Sequence[Span]) -> int | None:
    """Where the comment of a line begins."""
    for match in _COMMENT.finditer(line):
        start = match.end() - 1
        place = (number, start + 1)
        if not any(
            (span.line, span.column) <= place < (span.end_line, span.end_column) for span in values
        ):
            return start
    return None


def _next_line(lines: Sequence[str], index: int) -> int:
    """The number of the next line that is neither empty nor a comment; 0 when none is."""
    for number in range(index + 1, len(lines)):
        text = lines[number].strip()
        if text and not text.startswith("#"):
            return number + 1
    return 0


def settle(diagnostics: Diagnostics, ignores: Iterable[Ignore], known: Iterable[Code]) -> None:
    """Takes away the findings that are ignored, and adds what is wrong with the ignores. `known`
    are all codes there are. Where errors kept some checks from being made, nobody can tell what is
    unused.
    """
    by_id = {code.id: code for code in known}
    complete = not diagnostics.has_errors
    for ignore in ignores:
        if not ignore.codes:
            diagnostics.add(codes.UNFIT_IGNORE, "this names no code", ignore.span, hint=_FORM)
        for written, span in ignore.codes:
            code = by_id.get(written)
            if code is None or code.severity == "error":
                _unfit(diagnostics, written, span, code)
            elif not diagnostics.ignore(code, ignore.line) and complete:
                message = f"`{written}` is not found in the line that this is for"
                diagnostics.add(codes.UNUSED_IGNORE, message, span, hint="remove it")


def _unfit(diagnostics: Diagnostics, written: str, span: Span, code: Code | None) -> None:
    message = f"`{written}` is an error, and errors cannot be ignored"
    if code is None:
        message = f"there is no code {quoted(written)}"
    diagnostics.add(codes.UNFIT_IGNORE, message, span)
