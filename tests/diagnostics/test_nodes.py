"""Stretches and nodes: values that are equal where they say the same of the same place."""

import pytest

from helio.diagnostics import Entry, Interpolated, Mapping, Number, Scalar, Sequence, Span
from helio.diagnostics.source import as_object

HERE, THERE = Span(2, 3, 2, 6), Span(2, 4, 2, 5)


def test_stretches_are_ordered_by_where_they_begin() -> None:
    assert max(HERE, THERE) == THERE
    assert sorted([THERE, Span(1, 9, 3, 1), HERE]) == [Span(1, 9, 3, 1), HERE, THERE]


def test_equal_stretches_are_one_key() -> None:
    assert {HERE: 1, Span(2, 3, 2, 6): 2} == {HERE: 2}
    assert HERE != (2, 3, 2, 6)


def test_a_stretch_has_its_parts_one_by_one_and_as_json_output_has_them() -> None:
    assert list(HERE) == [2, 3, 2, 6]
    assert as_object(HERE) == {"line": 2, "column": 3, "end_line": 2, "end_column": 6}
    assert repr(HERE) == "Span(line=2, column=3, end_line=2, end_column=6)"


@pytest.mark.parametrize("part", ["line", "column", "end_line", "end_column"])
def test_a_stretch_never_changes(part: str) -> None:
    with pytest.raises(AttributeError):
        setattr(HERE, part, 7)


def test_nodes_are_equal_by_what_they_say_and_where() -> None:
    scalar = Scalar("a", HERE, 0)
    assert scalar == Scalar("a", HERE, 0)
    assert hash(scalar) == hash(Scalar("a", HERE, 0))
    for other in (Scalar("b", HERE, 0), Scalar("a", THERE, 0), Scalar("a", HERE), "a", None):
        assert scalar != other
    assert Sequence((scalar,), HERE) == Sequence((Scalar("a", HERE, 0),), HERE)
    assert Sequence((scalar,), HERE) != Sequence((), HERE)
    entries = {"a": Entry(scalar, Scalar(Number("1"), THERE))}
    assert Mapping(entries, HERE) == Mapping({"a": Entry(scalar, Scalar(Number("1"), THERE))}, HERE)
    assert Mapping(entries, HERE) != Mapping({"a": Entry(scalar, Scalar(Number("2"), THERE))}, HERE)
    assert repr(Scalar(True, HERE)) == f"Scalar(value=True, span={HERE!r}, lead=None)"


@pytest.mark.parametrize(
    ("scalar", "expected"),
    [
        (Scalar("abc", HERE, 0), Span(2, 4, 2, 5)),
        (Scalar("a", HERE, 1), Span(2, 5, 2, 6)),
        (Scalar("abcdef", HERE, 2), HERE),
        (Scalar("abc", HERE), HERE),
        (Scalar(Interpolated("abc", "${A}", ()), HERE, 0), HERE),
    ],
)
def test_a_character_is_placed_where_the_file_has_it(scalar: Scalar, expected: Span) -> None:
    assert scalar.point(1) == expected
