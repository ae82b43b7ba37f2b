"""The oracle's JSON reader, by hand."""

import pytest

from oracle.numbers import Number
from oracle.strict_json import Json, JsonError, fold, parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b" null\n", None),
        (b"[true,false]", [True, False]),
        (b'{"a":{"b":[]},"c":{}}', {"a": {"b": []}, "c": {}}),
        (b"[ 1 , -0 , 1.50e+2 ]", [Number("1"), Number("-0"), Number("1.50e+2")]),
        (rb'"\"\\\/\b\f\n\r\tA\ud834\udd1e"', '"\\/\b\f\n\r\tA\U0001d11e'),
        ('"ü€\x7f"'.encode(), "ü€\x7f"),
        (b'{"":1,"a":1}', {"": Number("1"), "a": Number("1")}),
    ],
)
def test_values(text: bytes, value: Json) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    "text",
    [
        b"", b" ", b"nul", b"True", b"[1,]", b"{,}", b'{"a"}', b'{"a":}', b"{a:1}", b"01", b"-",
        b"1.", b".5", b"+1", b"1e", b"NaN", b'"', b'"\n"', rb'"\x"', rb'"\u12"', rb'"\ud800"',
        rb'"\udc00"', rb'"\ud800\u0041"', b'"\xff"', b'"\xed\xa0\x80"', b'"\xc0\x80"',
        b"\xef\xbb\xbf{}", b"{} {}", b"[1 2]", b"1\x00", b"\x0c1", b"/**/1", b"]",
    ],
)  # fmt: skip
def test_what_is_no_json(text: bytes) -> None:
    with pytest.raises(JsonError) as error:
        parse(text)
    assert error.value.reason == "parse_error"


def test_limits() -> None:
    assert parse(b"[" * 128 + b"]" * 128) is not None
    assert parse(b"9" * 400) == Number("9" * 400)
    assert parse(b"1e" + b"9" * 18) == Number("1e" + "9" * 18)
    for text, reason in (
        (b"[" * 129 + b"]" * 129, "too_deep"),
        (b'{"a":' * 129 + b"1" + b"}" * 129, "too_deep"),
        (b"9" * 401, "number_too_long"),
        (b"1e" + b"9" * 19, "number_too_long"),
        (b"1e-" + b"0" * 19, "number_too_long"),
    ):
        with pytest.raises(JsonError) as error:
            parse(text)
        assert error.value.reason == reason


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":1}',
        b'{"name":1,"Name":2}',
        rb'{"a":1,"\u0061":2}',
        '{"k":1,"\u212a":2}'.encode(),
        '{"s":1,"\u017f":2}'.encode(),
        '{"ß":1,"SS":2}'.encode(),
        b'[{"x":{"a":1,"b":2,"A":3}}]',
    ],
)
def test_keys_that_are_there_twice(text: bytes) -> None:
    with pytest.raises(JsonError) as error:
        parse(text)
    assert error.value.reason == "duplicate_key"


def test_folding() -> None:
    assert fold("NaMe") == "name"
    assert fold("\u212a") == "k"
    assert fold("\u017f") == "s"
    assert fold("\u03a3\u03c2") == "\u03c3\u03c3"
    assert parse('{"é":1,"e\u0301":2}'.encode()) is not None
