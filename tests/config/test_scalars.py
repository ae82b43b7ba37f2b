"""Single values as the types that are wanted."""

from collections.abc import Callable

import pytest

from helio.config.scalars import (
    Duration,
    UnfitValue,
    read_amount,
    read_boolean,
    read_duration,
    read_integer,
    read_number,
    read_size,
    read_text,
    read_word,
)
from helio.diagnostics import Interpolated, Number


def outside(text: str) -> Interpolated:
    """A text that came from the environment."""
    return Interpolated(text, "${NAME}", ())


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("500ms", 500), ("30s", 30_000), ("5m", 300_000), ("1h", 3_600_000), ("90d", 7_776_000_000)],
)
def test_durations(text: str, milliseconds: int) -> None:
    duration = read_duration(text)
    assert duration == milliseconds
    assert duration.seconds == milliseconds / 1000
    assert duration.text() == text
    assert read_duration(outside(text)) == milliseconds


@pytest.mark.parametrize(
    "value",
    [
        "5",
        "5 m",
        "1h30m",
        "1.5h",
        "-5m",
        "5M",
        "5w",
        "",
        "m",
        "0s",
        "3651d",
        Number("5"),
        True,
        None,
    ],
)
def test_what_is_no_duration(value: object) -> None:
    with pytest.raises(UnfitValue):
        read_duration(value)


def test_a_duration_says_itself_in_its_largest_unit() -> None:
    assert [Duration(n).text() for n in (0, 999, 60_000, 90_000, 86_400_000)] == [
        "0s",
        "999ms",
        "1m",
        "90s",
        "1d",
    ]


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (Number("4096"), 4096),
        ("4MiB", 4 * 1024**2),
        ("256 KiB", 256 * 1024),
        ("1GiB", 1024**3),
        ("1GB", 1000**3),
        ("5kB", 5000),
        ("10", 10),
        ("10B", 10),
    ],
)
def test_sizes(value: object, size: int) -> None:
    assert read_size(value) == size


@pytest.mark.parametrize(
    "value", ["4 mib", "4MiB ", "-1", "0", Number("0"), Number("1.5"), "", True]
)
def test_what_is_no_size(value: object) -> None:
    with pytest.raises(UnfitValue):
        read_size(value)


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("5000", "5000"),
        ("0.10", "0.1"),
        ("1e3", "1000"),
        ("1.50E+1", "15"),
        ("9999999999999999999999999999", "9999999999999999999999999999"),
        ("0.0000000000000000000000000001", "0.0000000000000000000000000001"),
    ],
)
def test_amounts(written: str, amount: str) -> None:
    assert read_amount(Number(written)) == amount


@pytest.mark.parametrize(
    "written",
    [
        "0",
        "-1",
        "-0.0",
        "10000000000000000000000000000.5",
        "99999999999999999999999999999",
        "1e28",
        "1e-29",
        "1e999999999999999999",
        "1e-999999999999999999",
    ],
)
def test_what_is_no_amount(written: str) -> None:
    with pytest.raises(UnfitValue):
        read_amount(Number(written))


@pytest.mark.parametrize(
    ("reader", "value", "expected"),
    [
        (read_boolean, "true", True),
        (read_boolean, "false", False),
        (read_number, "1e3", "1e3"),
        (lambda value: read_integer(value, 0, 10), "7", 7),
        (read_amount, "2.50", "2.5"),
    ],
)
def test_from_the_environment_a_text_is_the_type_that_is_wanted(
    reader: Callable[[object], object], value: str, expected: object
) -> None:
    assert reader(outside(value)) == expected
    with pytest.raises(UnfitValue):
        reader(value)
    with pytest.raises(UnfitValue) as refused:
        reader(outside("hunter2"))
    assert "hunter2" not in refused.value.message + str(refused.value.hint)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("yes", "write `true`: only `true` and `false` are booleans"),
        ("Off", "write `false`: only `true` and `false` are booleans"),
        ("true", "remove the quotes"),
        ("maybe", "write `true` or `false`"),
        (None, "write `true` or `false`"),
    ],
)
def test_booleans_are_true_and_false_only(value: object, hint: str) -> None:
    with pytest.raises(UnfitValue) as refused:
        read_boolean(value)
    assert refused.value.hint == hint


@pytest.mark.parametrize(
    ("value", "hint"),
    [(Number("1.0"), "quote it: `'1.0'`"), (True, "quote it: `'true'`"), (None, None), ((), None)],
)
def test_only_texts_are_texts(value: object, hint: str | None) -> None:
    with pytest.raises(UnfitValue) as refused:
        read_text(value)
    assert refused.value.hint == hint


def test_words() -> None:
    assert read_word("deny", ("allow", "deny")) == "deny"
    with pytest.raises(UnfitValue, match="one of `allow`, `deny`") as refused:
        read_word("dney", ("allow", "deny"))
    assert refused.value.hint == "did you mean `deny`?"
    with pytest.raises(UnfitValue) as refused:
        read_word(outside("dney"), ("allow", "deny"))
    assert refused.value.hint is None


@pytest.mark.parametrize(
    "value", [Number("-1"), Number("11"), Number("1.0"), Number("1" * 30), "5", True]
)
def test_integers_have_bounds(value: object) -> None:
    with pytest.raises(UnfitValue):
        read_integer(value, 0, 10)
