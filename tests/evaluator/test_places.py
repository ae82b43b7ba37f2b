"""Where values stand in the bytes of messages and answers, and the canonical text of documents."""

from typing import Any

import pytest

from helio.evaluator import (
    Answer,
    Message,
    canonical_json,
    inspect_answer,
    parse_message,
)

BODY = (
    b' {"jsonrpc":"2.0", "id":7,"method":"tools/call","params" : {"name":"pay","arguments":'
    b'{"amount":1.50,"\\u00e9":[ 1 , {"x":"\\"y"},[]],"":null}}} '
)


def answered(body: bytes) -> Answer:
    answer = inspect_answer(body)
    assert answer is not None
    return answer


@pytest.fixture(params=[parse_message, answered])
def document(request: Any) -> Message | Answer:
    """The same body as a message and as an answer."""
    read: Message | Answer = request.param(BODY)
    return read


def found(document: Message | Answer, *keys: str | int) -> bytes | None:
    span = document.span(*keys)
    return None if span is None else document.body[slice(*span)]


def test_a_span_is_the_value_as_it_came(document: Message | Answer) -> None:
    assert document.body is BODY
    assert found(document) == BODY.strip()
    assert found(document, "id") == b"7"
    assert found(document, "params", "name") == b'"pay"'
    assert found(document, "params", "arguments", "amount") == b"1.50"
    assert found(document, "params", "arguments", "é") == b'[ 1 , {"x":"\\"y"},[]]'
    assert found(document, "params", "arguments", "é", 1, "x") == b'"\\"y"'
    assert found(document, "params", "arguments", "") == b"null"


@pytest.mark.parametrize(
    "keys",
    [
        ("nothing",),
        ("ID",),
        ("id", "x"),
        ("id", 0),
        (0,),
        ("params", 0),
        ("params", "arguments", "é", 3),
        ("params", "arguments", "é", -1),
        ("params", "arguments", "é", "1"),
        ("params", "arguments", "", "x"),
        ("params", "arguments", "\ud800"),
    ],
)
def test_what_is_not_there_has_no_place(
    document: Message | Answer, keys: tuple[str | int, ...]
) -> None:
    assert document.span(*keys) is None
    assert document.members(*keys) == []
    assert document.items(*keys) == []


def test_keys_are_texts_and_integers(document: Message | Answer) -> None:
    wrong: Any = 1.5
    for ask in (document.span, document.members, document.items):
        with pytest.raises(TypeError):
            ask(wrong)


def test_members_stand_in_the_order_of_the_text(document: Message | Answer) -> None:
    members = document.members("params", "arguments")
    assert [name for name, *_ in members] == ["amount", "é", ""]
    assert [document.body[key:end] for _, key, _, end in members] == [
        b'"amount":1.50',
        b'"\\u00e9":[ 1 , {"x":"\\"y"},[]]',
        b'"":null',
    ]
    assert document.body[slice(*members[0][2:])] == b"1.50"
    assert [name for name, *_ in document.members()] == ["jsonrpc", "id", "method", "params"]
    assert document.members("params", "arguments", "é") == []


def test_items_stand_in_the_order_of_the_text(document: Message | Answer) -> None:
    items = document.items("params", "arguments", "é")
    assert [document.body[start:end] for start, end in items] == [b"1", b'{"x":"\\"y"}', b"[]"]
    assert document.items("params", "arguments", "é", 2) == []
    assert document.items("params") == []


def test_a_column_is_one_member_of_each_element() -> None:
    answer = answered(b'{"id":1,"result":[{"n":"a"},{},7,{"n":1, "n":[2]},[{"n":0}],{"N":1}]}')
    spans = answer.column("n", "result")
    assert [span and answer.body[slice(*span)] for span in spans] == [
        b'"a"',
        None,
        None,
        b"[2]",
        None,
        None,
    ]
    assert answer.column("n") == answer.column("n", "id") == answer.column("n", "x") == []


def test_long_lists_cost_their_length() -> None:
    count = 200_000
    answer = answered(b'{"id":1,"result":[%s]}' % b",".join([b'{"n":0}'] * count))
    assert len(answer.items("result")) == len(answer.column("n", "result")) == count


def test_the_last_of_repeated_keys_counts() -> None:
    answer = answered(b'{"id":1,"result":{"x":0},"result":{"a":1,"A":2,"\\u0061":3}}')
    assert found(answer, "result", "a") == b"3"
    assert found(answer, "result", "A") == b"2"
    assert found(answer, "result", "x") is None
    assert [name for name, *_ in answer.members("result")] == ["a", "A", "a"]


def test_what_an_answer_says_agrees_with_its_spans() -> None:
    answer = answered(b'{"id":1,"id":2,"error":{"code":1},"error":{"code":2,"code":3}}')
    assert (answer.id, answer.error_code) == (b"2", 3)
    assert (found(answer, "id"), found(answer, "error", "code")) == (b"2", b"3")


def test_lone_surrogates_in_an_answer() -> None:
    answer = answered(b'{"id":1,"result":{"\\ud800":1}}')
    assert [name for name, *_ in answer.members("result")] == ["\ufffd"]


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (b' {"b" : [1.50, -0, 1E2], "a":"\\u00e9\\u000b"} ', '{"a":"é\\u000b","b":[1.5,0,100]}'),
        (b'{"a":1,"A":2}', '{"A":2,"a":1}'),
        (b'"\\/"', '"/"'),
        (b"null", "null"),
        (b"{}", "{}"),
    ],
)
def test_the_canonical_text(document: bytes, text: str) -> None:
    assert canonical_json(document) == text.encode()


MANY = b",".join(b'"%d":0' % number for number in range(40))


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b'{"a":1,"a":2}', "a key that the object already has at byte 7"),
        (b'[{"a":1,"\\u0061":2}]', "a key that the object already has at byte 8"),
        (b"{" + MANY + b',"7":0}', "a key that the object already has at byte"),
        (b"", "the text ends where a value should be"),
        (b"{} {}", "something after the value"),
        (b'"\\ud800"', "a lone surrogate"),
        (b"1" * 401, "a number over 400 characters"),
        (b"[" * 129 + b"]" * 129, "nesting over 128"),
        (b'"\xff"', "invalid UTF-8"),
        (b"NaN", "no JSON value starts so"),
    ],
)
def test_what_has_no_canonical_text(document: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        canonical_json(document)


def test_many_keys_may_differ_by_case_only() -> None:
    letters = [chr(letter) for letter in range(ord("a"), ord("z") + 1)]
    both = letters + [letter.upper() for letter in letters]
    document = "{" + ",".join(f'"{key}":0' for key in both) + "}"
    expected = "{" + ",".join(f'"{key}":0' for key in sorted(both)) + "}"
    assert canonical_json(document.encode()) == expected.encode()
