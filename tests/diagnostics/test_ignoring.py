"""`# helio: ignore[…]`: what is an ignore, for which line, and what it takes away."""

import pytest

from helio.diagnostics import Diagnostics, Span, parse_yaml
from helio.diagnostics.codes import SYNTAX, Code
from helio.diagnostics.ignoring import settle

WARNING = Code("HL998", "warning", "t", "r")
NOTE = Code("HL999", "note", "t", "r")
KNOWN = (SYNTAX, WARNING, NOTE)


def targets(text: str) -> list[tuple[int, list[str]]]:
    document = parse_yaml(text, "a.yaml")
    assert document.root is not None
    return [(each.line, [code for code, _ in each.codes]) for each in document.ignores]


def left(text: str, *found: tuple[Code, int]) -> list[tuple[str, int]]:
    diagnostics = Diagnostics("a.yaml")
    for code, line in found:
        diagnostics.add(code, "found", Span(line, 1, line, 2))
    settle(diagnostics, parse_yaml(text, "a.yaml").ignores, KNOWN)
    return [(each.code, each.span.line) for each in diagnostics]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1  # helio: ignore[HL998]", [(1, ["HL998"])]),
        ("a: 1  #helio:ignore[HL998,HL999]", [(1, ["HL998", "HL999"])]),
        ("# helio: ignore[HL998]\na: 1", [(2, ["HL998"])]),
        ("  # helio: ignore[HL998]\r\n\r\n# why\r\na: 1", [(4, ["HL998"])]),
        ("a: 1\n# helio: ignore[HL998]\n", [(0, ["HL998"])]),
        ("a: 1  # helio: ignore", [(1, [])]),
        ("a: 1  # helio: ignore[]", [(1, [])]),
        ("a: '# helio: ignore[HL998]'", []),
        ('a: "b\n  # helio: ignore[HL998]"', []),
        ("a: |\n  # helio: ignore[HL998]\n", []),
        ("a: |\n  # b\n# helio: ignore[HL998]\nc: 1\n", [(4, ["HL998"])]),
        ("'# a': 1  # helio: ignore[HL998]", [(1, ["HL998"])]),
        ("a: b#c  # helio: ignore[HL998]", [(1, ["HL998"])]),
        ("a: 1  # why # helio: ignore[HL998]", []),
        ("a: b#helio:ignore[HL998]", []),
        ("a: 1  # helio: ignored", []),
    ],
)
def test_what_is_an_ignore(text: str, expected: list[tuple[int, list[str]]]) -> None:
    assert targets(text) == expected


def test_only_the_code_in_the_line_is_taken_away() -> None:
    text = "a: 1  # helio: ignore[HL998]\nb: 1\n"
    found = [(WARNING, 1), (NOTE, 1), (WARNING, 2)]
    assert left(text, *found) == [("HL999", 1), ("HL998", 2)]


def test_several_codes() -> None:
    assert left("a: 1  # helio: ignore[HL998, HL999]", (WARNING, 1), (NOTE, 1)) == []


def test_what_is_not_found_is_a_warning() -> None:
    assert left("a: 1  # helio: ignore[HL998]") == [("HL013", 1)]


def test_next_to_errors_nobody_can_tell_what_is_unused() -> None:
    assert left("a: 1  # helio: ignore[HL998]", (SYNTAX, 1)) == [("HL001", 1)]


@pytest.mark.parametrize("codes", ["[HL001]", "[HL123]", "[all]", "", "[]"])
def test_errors_unknown_codes_and_none_cannot_be_ignored(codes: str) -> None:
    found = left(f"a: 1  # helio: ignore{codes}", (SYNTAX, 1))
    assert found == [("HL001", 1), ("HL014", 1)]


def test_the_place_is_the_code() -> None:
    diagnostics = Diagnostics("a.yaml")
    settle(diagnostics, parse_yaml("a: 1  # helio: ignore[HL998, HL123]", "a").ignores, KNOWN)
    assert [each.span.column for each in diagnostics] == [23, 30]
