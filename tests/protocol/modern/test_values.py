"""Texts as header values, and back."""

import pytest

from helio.protocol.modern import decoded, encoded


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("us-west1", b"us-west1"),
        ("Hello, 世界", b"=?base64?SGVsbG8sIOS4lueVjA==?="),
        (" padded ", b"=?base64?IHBhZGRlZCA=?="),
        ("line1\nline2", b"=?base64?bGluZTEKbGluZTI=?="),
        ("=?base64?literal?=", b"=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
        ("", b""),
        ("two words", b"two words"),
        ("a\tb", b"=?base64?YQli?="),
    ],
)
def test_values_are_written_as_the_specification_shows(text: str, value: bytes) -> None:
    assert encoded(text) == value
    assert decoded(value) == text


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"=?base64?SGVsbG8?=", "no padding"),
        (b"=?base64?SGVsbG9=?=", "stray bits"),
        (b"=?base64?SGVs bG8=?=", "a space inside"),
        (b"=?base64?SGVs-_8=?=", "the alphabet of URLs"),
        (b"=?base64?SGVsbG8==?=", "too much padding"),
        (b"=?base64?/w==?=", "no UTF-8"),
        (b"=?base64?7aCA?=", "a lone surrogate"),
        (b"=?base64?=", "where it begins it ends"),
        ("é".encode(), "UTF-8 as it is"),
        (b"\xe9", "Latin-1"),
        (b"a\x00b", "NUL"),
        (b"a\r\nb", "a line end"),
        (b"a\x7f", "DEL"),
    ],
)
def test_what_can_be_read_in_two_ways_means_nothing(value: bytes, why: str) -> None:
    assert decoded(value) is None, why


@pytest.mark.parametrize("value", [b"=?BASE64?SGVsbG8=?=", b"=?base64?SGVsbG8=", b"?base64?YQ==?="])
def test_only_the_exact_markers_mark(value: bytes) -> None:
    assert decoded(value) == value.decode()


def test_white_space_around_a_value_is_not_part_of_it() -> None:
    assert decoded(b" \tname ") == "name"
    assert decoded(b" =?base64?IHBhZGRlZCA=?= ") == " padded "
