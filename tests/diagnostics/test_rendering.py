"""Findings as text: the excerpt, the mark below it, and nothing that a terminal obeys."""

import pytest

from helio.diagnostics import Diagnostic, SourceText, Span
from helio.diagnostics.rendering import plain_text, rendered


def finding(span: Span, message: str = "wrong", hint: str | None = None) -> Diagnostic:
    return Diagnostic("HL999", "error", message, hint, "a.yaml", span, "a.b")


def test_all_parts() -> None:
    text = plain_text(finding(Span(1, 4, 1, 6), hint="do it"), SourceText("a.yaml", "a: bc d"))
    assert text == (
        "a.yaml:1:4: error[HL999]: wrong\n"
        "  |\n"
        "1 | a: bc d\n"
        "  |    ^^\n"
        "  = in: a.b\n"
        "  = hint: do it\n"
    )


def test_without_a_line_there_is_no_excerpt() -> None:
    assert "|" not in plain_text(finding(Span(1, 1, 1, 1)), SourceText("a.yaml", "\n"))
    assert "|" not in plain_text(finding(Span(1, 1, 1, 1)), None)


def test_a_span_over_lines_is_marked_to_the_end_of_its_first() -> None:
    text = plain_text(finding(Span(1, 4, 3, 1)), SourceText("a.yaml", "a: bcd  \nx\n"))
    assert text.splitlines()[3] == "  |    ^^^"


@pytest.mark.parametrize("column", [1, 60, 120, 290, 300])
def test_a_long_line_is_cut_around_the_fault(column: int) -> None:
    line = "".join(str(number % 10) for number in range(300))
    text = plain_text(finding(Span(1, column, 1, column + 1)), SourceText("a.yaml", line))
    shown, mark = text.splitlines()[2:4]
    assert len(shown) <= len("1 | ") + 102
    assert shown[mark.index("^")] == line[column - 1]


def test_wide_characters_take_two_columns() -> None:
    text = plain_text(finding(Span(1, 4, 1, 5)), SourceText("a.yaml", "表示 x"))
    assert text.splitlines()[3] == "  |      ^"


def test_nothing_reaches_the_terminal_that_it_obeys() -> None:
    hostile = "\x1b[31m\x07\u202e"
    found = Diagnostic(
        "HL999", "note", hostile, hostile, f"{hostile}.yaml", Span(1, 1, 1, 2), hostile
    )
    text = plain_text(found, SourceText("a.yaml", f"a{hostile}"))
    assert not set(text) & set(hostile.replace("[31m", ""))


def test_styles_name_the_severity() -> None:
    pieces = [piece for line in rendered(finding(Span(1, 1, 1, 2)), None) for piece in line]
    assert ("error[HL999]", "error") in pieces
