"""Findings as text: the excerpt, the mark below it, and nothing that a terminal obeys."""

import pytest

from helio.diagnostics import Diagnostic, Label, SourceText, Span
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


def with_label(span: Span, other: Span) -> Diagnostic:
    related = (Label(other, "the first one"),)
    return Diagnostic("HL999", "error", "wrong", None, "a.yaml", span, "a.b", related=related)


def test_two_places_are_shown_in_the_order_of_the_file() -> None:
    text = "\n".join(["a: 1", *["x: 0"] * 8, "a: 2"])
    shown = plain_text(with_label(Span(10, 1, 10, 2), Span(1, 1, 1, 2)), SourceText("a", text))
    assert shown == (
        "a.yaml:10:1: error[HL999]: wrong\n"
        "   |\n"
        " 1 | a: 1\n"
        "   | - the first one\n"
        "...\n"
        "10 | a: 2\n"
        "   | ^\n"
        "   = in: a.b\n"
    )


def test_two_places_of_one_line_share_it() -> None:
    found = with_label(Span(1, 8, 1, 9), Span(1, 2, 1, 3))
    shown = plain_text(found, SourceText("a", "{a: 1, a: 2}"))
    assert shown.splitlines()[1:5] == [
        "  |",
        "1 | {a: 1, a: 2}",
        "  |  - the first one",
        "  |        ^",
    ]


def test_places_of_neighbouring_lines_stand_together() -> None:
    found = with_label(Span(1, 1, 1, 2), Span(2, 1, 2, 2))
    shown = plain_text(found, SourceText("a", "a: 1\na: 2"))
    assert shown.splitlines()[2:6] == ["1 | a: 1", "  | ^", "2 | a: 2", "  | - the first one"]


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
