"""Numbers compare exactly, whatever their length."""

from fractions import Fraction

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from helio import evaluator
from oracle.numbers import Number, compare
from properties.effort import times
from properties.vocabulary import NUMBERS, lexemes

ANY = lexemes(max_digits=190) | st.sampled_from(NUMBERS)
SHORT = lexemes(max_digits=190, max_exponent_digits=3)


@times(5)
@given(ANY, ANY)
@example("1e999999999999999999", "-1e999999999999999999")
@example("10e999999999999999999", "1e999999999999999999")
@example("0e999999999999999999", "-0")
@example("9" * 400, "1e400")
@example("1" + "0" * 399, "1e399")
@example("0." + "0" * 397 + "1", "1e-398")
def test_order_as_the_oracle(left: str, right: str) -> None:
    assert evaluator.compare_numbers(left, right) == compare(Number(left), Number(right))


@times(5)
@given(SHORT, SHORT)
def test_order_as_fractions(left: str, right: str) -> None:
    difference = Fraction(left) - Fraction(right)
    sign = (difference > 0) - (difference < 0)
    assert evaluator.compare_numbers(left, right) == sign


@times(5)
@given(SHORT, st.integers(-40, 40))
def test_a_number_equals_its_other_spellings(text: str, shift: int) -> None:
    mantissa, _, exponent = text.lower().partition("e")
    whole, _, fraction = mantissa.partition(".")
    power = int(exponent or "0") + shift - len(fraction)
    digits = (whole + fraction).lstrip("-0") or "0"
    scaled = f"{'-' if text.startswith('-') else ''}{digits}e{power}"
    assume(len(scaled) <= 400)
    assert evaluator.compare_numbers(f"{mantissa}e{int(exponent or '0') + shift}", scaled) == 0


@times(5)
@given(st.text("0123456789+-.eE", max_size=8))
@example("1" * 401)
@example("1e" + "1" * 19)
@example("")
def test_only_numbers_are_compared(text: str) -> None:
    try:
        Number(text).value()
        is_number = len(text) <= 400 and len(text.lower().partition("e")[2].lstrip("+-")) <= 18
    except ValueError:
        is_number = False
    if is_number:
        assert evaluator.compare_numbers(text, text) == 0
    else:
        with pytest.raises(ValueError):
            evaluator.compare_numbers(text, "1")
