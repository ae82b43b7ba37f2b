"""Places in texts, and what of a line may be shown."""

import pytest

from helio.diagnostics import SourceText, Span


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_lines_end_at_every_break_of_yaml(ending: str) -> None:
    source = SourceText("a.yaml", ending.join(["one", "two\x0cstill two", "three"]))
    assert [source.line(number) for number in range(5)] == [
        "",
        "one",
        "two\x0cstill two",
        "three",
        "",
    ]


def test_what_is_masked_is_not_shown() -> None:
    source = SourceText("a.yaml", "key: secret # why\nmore\nend of it: x")
    masked = source.with_masked([Span(1, 6, 1, 12), Span(2, 3, 3, 7)])
    assert masked.line(1) == "key: •••••• # why"
    assert masked.line(2) == "mo••"
    assert masked.line(3) == "•••••• it: x"
    assert source.line(1) == "key: secret # why"
