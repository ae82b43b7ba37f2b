"""JSON numbers by value, exactly, whatever their length.

The oracle's own arithmetic: above it `strict_json` reads lexemes and `compare` orders them. Pure.
A number is taken apart into sign, digits and the power of ten of its last digit, so that a large
exponent costs nothing.
"""

import re
from dataclasses import dataclass

LEXEME = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")
MAX_AMOUNT_DIGITS = 28


@dataclass(frozen=True)
class Number:
    """One JSON number. `text` is its lexeme; equality of two numbers is equality of `value()`."""

    text: str

    def value(self) -> tuple[int, str, int]:
        """Return (sign, digits without outer zeros, exponent of the last); zero is (0, "", 0)."""
        match = LEXEME.fullmatch(self.text)
        if match is None:
            raise ValueError(f"not a JSON number: {self.text!r}")
        minus, whole, fraction, power = match.groups()
        digits = (whole + (fraction or "")).lstrip("0")
        exponent = int(power or "0") - len(fraction or "")
        stripped = digits.rstrip("0")
        if not stripped:
            return (0, "", 0)
        return (-1 if minus else 1, stripped, exponent + len(digits) - len(stripped))


def compare(left: Number, right: Number) -> int:
    """Return -1, 0 or 1 as `left` is less than, equal to or greater than `right`."""
    left_sign, left_digits, left_exponent = left.value()
    right_sign, right_digits, right_exponent = right.value()
    if left_sign != right_sign:
        return -1 if left_sign < right_sign else 1
    # With no leading zeros, the number that reaches the higher power of ten is the larger one.
    left_magnitude = (len(left_digits) + left_exponent, left_digits)
    right_magnitude = (len(right_digits) + right_exponent, right_digits)
    if left_magnitude == right_magnitude:
        return 0
    return left_sign if left_magnitude > right_magnitude else -left_sign


def amount_text(number: Number) -> str | None:
    """Return a non-negative amount as a plain decimal text, or None if it is no amount.

    An amount has at most 28 digits, written out without an exponent and without outer zeros
    (zeros between the point and the first digit count, as they take a place).
    """
    sign, digits, exponent = number.value()
    if sign < 0:
        return None
    if sign == 0:
        return "0"
    if exponent > MAX_AMOUNT_DIGITS or -exponent > MAX_AMOUNT_DIGITS:
        return None
    if exponent >= 0:
        whole = digits + "0" * exponent
        return whole if len(whole) <= MAX_AMOUNT_DIGITS else None
    if len(digits) > MAX_AMOUNT_DIGITS:
        return None
    padded = digits.rjust(-exponent + 1, "0")
    return f"{padded[:exponent]}.{padded[exponent:]}"
