from collections.abc import Callable

import pytest

from helio.evaluator import Answer, Message, inspect_answer, parse_message
from helio.protocol.splice import (
    replaced,
    spliced,
    with_member,
    with_meta,
    without_items,
    without_member,
)


def request(members: str = "") -> Message:
    return parse_message(f'{{"jsonrpc":"2.0","id":1,"method":"x"{members}}}'.encode())


def answer(result: str) -> Answer:
    found = inspect_answer(f'{{"id":1,"result":{result}}}'.encode())
    assert found is not None
    return found


def result(body: bytes) -> str:
    return body.decode().removeprefix('{"id":1,"result":').removesuffix("}")


def members(body: bytes) -> str:
    return body.decode().removeprefix('{"jsonrpc":"2.0","id":1,"method":"x"').removesuffix("}")


def test_a_value_is_replaced_in_its_place() -> None:
    document = answer('{ "a" : [1, {"b": "x"} ] ,"c":1.50}')
    assert result(replaced(document, ("result", "a", 1, "b"), b'"yy"')) == (
        '{ "a" : [1, {"b": "yy"} ] ,"c":1.50}'
    )
    assert replaced(document, ("id",), b'"q"').startswith(b'{"id":"q","result":{ ')
    assert replaced(document, (), b"7") == b"7"


@pytest.mark.parametrize("path", [("result", "b"), ("result", "a", 2), ("result", "c", 0), (0,)])
def test_only_what_is_there_is_replaced(path: tuple[str | int, ...]) -> None:
    with pytest.raises(LookupError, match="nothing at"):
        replaced(answer('{"a":[1,2],"c":1}'), path, b"0")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{}", '{"a":0}'),
        ("{ }", '{"a":0 }'),
        ('{"b":1 }', '{"b":1,"a":0 }'),
        ('{ "a" : [1] , "b":2}', '{ "a" : 0 , "b":2}'),
        ('{"\\u0061":1}', '{"\\u0061":0}'),
        ('{"a":1,"b":2,"a":3}', '{"a":0,"b":2,"a":0}'),
    ],
)
def test_a_member_is_set(before: str, after: str) -> None:
    assert result(with_member(answer(before), ("result",), "a", b"0")) == after


def test_names_are_written_as_json() -> None:
    assert result(with_member(answer("{}"), ("result",), 'é"\n', b"0")) == '{"é\\"\\n":0}'


@pytest.mark.parametrize("name", ["A", "\\u0041"])
def test_no_member_comes_beside_its_like(name: str) -> None:
    with pytest.raises(LookupError, match="case aside"):
        with_member(answer(f'{{"{name}":1}}'), ("result",), "a", b"0")


def test_likeness_is_the_strict_envelopes() -> None:
    with pytest.raises(LookupError, match="case aside"):
        with_member(answer('{"\u212a":1}'), ("result",), "k", b"0")
    assert result(with_member(answer('{"b":1}'), ("result",), "é", b"0")) == '{"b":1,"é":0}'


@pytest.mark.parametrize("value", ["[]", "null", '"{"', "1"])
def test_members_belong_to_objects(value: str) -> None:
    with pytest.raises(LookupError, match=r"no object at \['result'\]"):
        with_member(answer(value), ("result",), "a", b"0")
    with pytest.raises(LookupError, match=r"no object at \['result'\]"):
        without_member(answer(value), ("result",), "a")
    with pytest.raises(LookupError, match="nothing at"):
        with_member(answer(value), ("result", "a"), "a", b"0")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{}", "{}"),
        ('{"b":1}', '{"b":1}'),
        ('{ "a":1 }', "{  }"),
        ('{ "a":1 , "b":2 }', '{ "b":2 }'),
        ('{ "b":2 , "a":1 }', '{ "b":2 }'),
        ('{"b":1,"a":{"a":2},"c":3}', '{"b":1,"c":3}'),
        ('{"a":1,"b":2,"a":3}', '{"b":2}'),
        ('{"a":1,"a":3}', "{}"),
    ],
)
def test_a_member_is_taken_out(before: str, after: str) -> None:
    assert result(without_member(answer(before), ("result",), "a")) == after


@pytest.mark.parametrize(
    ("indices", "after"),
    [
        ((), "[ 0, 1 ,2 , 3]"),
        ((0,), "[ 1 ,2 , 3]"),
        ((1,), "[ 0 ,2 , 3]"),
        ((3, 3), "[ 0, 1 ,2]"),
        ((0, 1), "[ 2 , 3]"),
        ((0, 2), "[ 1 , 3]"),
        ((1, 2), "[ 0 , 3]"),
        ((2, 3), "[ 0, 1]"),
        ((0, 3), "[ 1 ,2]"),
        ((0, 1, 2, 3), "[ ]"),
    ],
)
def test_items_are_taken_out(indices: tuple[int, ...], after: str) -> None:
    assert result(without_items(answer("[ 0, 1 ,2 , 3]"), ("result",), indices)) == after


def test_only_items_that_are_there_are_taken_out() -> None:
    for value, indices in (("[1]", (1,)), ("[1]", (-1,)), ("[]", (0,)), ('{"a":1}', (0,))):
        with pytest.raises(LookupError, match=f"no item {indices[0]} at"):
            without_items(answer(value), ("result",), indices)
    with pytest.raises(LookupError, match="no array at"):
        without_items(answer("{}"), ("result",), ())
    assert result(without_items(answer("[]"), ("result",), ())) == "[]"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ',"params":{"_meta":{"k":1,"x/y":"v"}}'),
        (',"params":{}', ',"params":{"_meta":{"k":1,"x/y":"v"}}'),
        (',"params":{"a":[]}', ',"params":{"a":[],"_meta":{"k":1,"x/y":"v"}}'),
        (',"params":{"_meta":null}', ',"params":{"_meta":{"k":1,"x/y":"v"}}'),
        (',"params":{"_meta":{ }}', ',"params":{"_meta":{"k":1,"x/y":"v" }}'),
        (
            ',"params":{"_meta":{"x/y":{}, "p":2},"a":1}',
            ',"params":{"_meta":{"x/y":"v", "p":2,"k":1},"a":1}',
        ),
    ],
)
def test_meta_is_set(before: str, after: str) -> None:
    body = with_meta(request(before), {"k": b"1", "x/y": b'"v"'})
    assert members(body) == after
    assert with_meta(parse_message(body), {}) == body


@pytest.mark.parametrize("params", ["[]", '{"_meta":[]}', '{"_meta":1}', '{"_META":{}}'])
def test_meta_belongs_to_objects(params: str) -> None:
    with pytest.raises(LookupError):
        with_meta(request(f',"params":{params}'), {"k": b"1"})


def test_params_may_be_null_in_what_a_server_asks() -> None:
    asked = inspect_answer(b'{"id":1,"method":"x","params":null}')
    assert asked is not None
    assert with_meta(asked, {"k": b"1"}) == b'{"id":1,"method":"x","params":{"_meta":{"k":1}}}'


def test_edits_are_carried_out_in_the_order_of_their_places() -> None:
    edits = [(4, 6, b"E"), (0, 0, b"<"), (2, 2, b"+"), (2, 2, b"-"), (2, 4, b""), (6, 6, b">")]
    assert spliced(b"abcdef", edits) == b"<ab+-E>"
    assert spliced(b"abc", []) == b"abc"


@pytest.mark.parametrize("edits", [[(0, 2, b""), (1, 3, b"")], [(2, 1, b"")], [(0, 9, b"")]])
def test_edits_must_not_overlap(edits: list[tuple[int, int, bytes]]) -> None:
    with pytest.raises(ValueError, match="overlaps"):
        spliced(b"abc", edits)


@pytest.mark.parametrize(
    "change",
    [
        lambda document: replaced(document, ("result", "a"), b"[1]"),
        lambda document: with_member(document, ("result",), "b", b"2"),
        lambda document: without_member(document, ("result",), "a"),
        lambda document: with_meta(document, {"a": b"1"}),
    ],
)
def test_the_body_that_came_is_not_touched(change: Callable[[Answer], bytes]) -> None:
    document = answer('{"a":1}')
    before = bytes(bytearray(document.body))
    assert change(document) != before
    assert document.body == before
