"""The list of findings, and the words in them."""

import pytest

from helio.diagnostics import Diagnostics, Interpolated, Span, child_path, near_miss, quoted
from helio.diagnostics.codes import DUPLICATE_KEY, SYNTAX, Code


def test_sorted_by_place_then_code() -> None:
    found = Diagnostics("a.yaml")
    found.add(DUPLICATE_KEY, "third", Span(2, 1, 2, 2))
    found.add(DUPLICATE_KEY, "second", Span(1, 5, 1, 6))
    found.add(SYNTAX, "first", Span(1, 5, 1, 6))
    assert [each.message for each in found] == ["first", "second", "third"]


def test_said_once() -> None:
    found = Diagnostics("a.yaml")
    for _ in range(3):
        found.add(SYNTAX, "again", Span(1, 1, 1, 2))
    assert len(found) == 1


def test_said_once_of_a_place_that_several_paths_lead_to() -> None:
    found = Diagnostics("a.yaml")
    for index in range(20):
        for column in range(1, 11):
            found.add(SYNTAX, "again", Span(1, column, 1, column), f"rules[{index}]")
    assert [each.path for each in found] == ["rules[0]"] * 10


def test_counts() -> None:
    found = Diagnostics("a.yaml")
    found.add(Code("HL998", "warning", "t", "r"), "w", Span(1, 1, 1, 1))
    assert (found.count("warning"), found.count("error"), found.has_errors) == (1, 0, False)
    found.add(SYNTAX, "e", Span(1, 1, 1, 1))
    assert found.has_errors


def test_as_object_has_the_keys_that_scripts_rely_on() -> None:
    found = Diagnostics("a.yaml")
    found.add(SYNTAX, "m", Span(1, 2, 3, 4), "a.b", "h")
    (each,) = found
    assert each.as_object() == {
        "code": "HL001",
        "severity": "error",
        "message": "m",
        "hint": "h",
        "file": "a.yaml",
        "line": 1,
        "column": 2,
        "end_line": 3,
        "end_column": 4,
        "path": "a.b",
        "witness": None,
        "related": [],
        "fix": None,
    }


@pytest.mark.parametrize(
    ("written", "known", "near"),
    [
        ("acton", ("action", "name"), "action"),
        ("apiSecret", ("api_secret", "port"), "api_secret"),
        ("max-calls", ("max_calls",), "max_calls"),
        ("colour", ("host", "port"), None),
    ],
)
def test_near_miss(written: str, known: tuple[str, ...], near: str | None) -> None:
    assert near_miss(written, known) == near


def test_quoted_shortens_and_escapes() -> None:
    assert quoted("a\x1bb") == "`a\\x1bb`"
    assert len(quoted("x" * 500)) == 62
    assert quoted(Interpolated("hidden", "${NAME}", ())) == "`${NAME}`"


@pytest.mark.parametrize(
    ("key", "path"),
    [("b", "a.b"), (2, "a[2]"), ("$.x", "a['$.x']"), ("it's", "a['it\\'s']"), ("x-y", "a.x-y")],
)
def test_child_path(key: str | int, path: str) -> None:
    assert child_path("a", key) == path
