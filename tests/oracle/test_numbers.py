"""The oracle's numbers, by values worked out by hand."""

import pytest

from oracle.numbers import Number, amount_text, compare


@pytest.mark.parametrize(
    ("left", "right", "order"),
    [
        ("0", "-0", 0),
        ("0e99", "0.000", 0),
        ("1", "1.0", 0),
        ("100", "1e2", 0),
        ("0.00120", "12E-4", 0),
        ("1", "2", -1),
        ("-1", "1", -1),
        ("-1", "-2", 1),
        ("-0.1", "0", -1),
        ("9", "10", -1),
        ("0.9", "0.10", 1),
        ("1e999999999999999999", "9" * 390, 1),
        ("1e-999999999999999999", "0", 1),
        ("-1e999999999999999999", "0", -1),
        ("9007199254740993", "9007199254740992", 1),
        ("1" + "0" * 398 + "1", "1e399", 1),
    ],
)
def test_order_by_value(left: str, right: str, order: int) -> None:
    assert compare(Number(left), Number(right)) == order
    assert compare(Number(right), Number(left)) == -order


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("0", "0"),
        ("-0.0", "0"),
        ("12.50", "12.5"),
        ("1e3", "1000"),
        ("25e-1", "2.5"),
        ("5e-3", "0.005"),
        ("9" * 28, "9" * 28),
        ("9" * 29, None),
        ("1e27", "1" + "0" * 27),
        ("1e28", None),
        ("1e-28", "0." + "0" * 27 + "1"),
        ("1e-29", None),
        ("1." + "1" * 28, None),
        ("1e999999999999999999", None),
        ("1e-999999999999999999", None),
        ("-1", None),
    ],
)
def test_amounts(text: str, amount: str | None) -> None:
    assert amount_text(Number(text)) == amount


@pytest.mark.parametrize("text", ["", "01", "+1", ".5", "1.", "1e", "NaN", "0x1"])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(ValueError, match="not a JSON number"):
        Number(text).value()
