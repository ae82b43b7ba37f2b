"""Decimals keep all their digits in JSON; everything else is as `json` has it."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helio.diagnostics.exact_json import json_bytes, json_text

DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=5) | st.integers().map(Decimal)
VALUES = st.recursive(
    DECIMALS | st.text() | st.booleans() | st.none() | st.integers(-(2**53), 2**53),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(value=VALUES)
def test_nothing_is_rounded(value: object) -> None:
    for text in (json_text(value), json_text(value, indent=2), json_bytes(value).decode()):
        assert json.loads(text, parse_float=Decimal, parse_int=Decimal) == value


def test_digits_stand_as_they_are() -> None:
    assert json_text({"a": Decimal("9007199254740993.25")}) == '{"a": 9007199254740993.25}'
    assert json_bytes([Decimal("1E+30")]) == b"[1000000000000000000000000000000]"


@pytest.mark.parametrize("value", [Decimal("NaN"), object()])
def test_what_is_no_json_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        json_text(value)
    with pytest.raises(TypeError):
        json_bytes(value)
