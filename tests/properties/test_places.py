"""Spans tell of any body what `json.loads` reads there, and canonical texts keep what was meant."""

import contextlib
import json
import random
from typing import Any

from hypothesis import assume, example, given
from hypothesis import strategies as st

from helio import evaluator
from oracle.compare import Truth, equal
from oracle.strict_json import JsonError, parse
from oracle.text import write
from properties.effort import times
from properties.messages import bodies, respelled
from properties.vocabulary import json_values


def agrees(document: evaluator.Message | evaluator.Answer, value: object, *keys: str | int) -> None:
    """Compare the value at a path, and all inside it, with the bytes at its spans."""
    span = document.span(*keys)
    assert span is not None, keys
    text = document.body[slice(*span)]
    assert text == text.strip(b" \t\r\n")
    assert json.loads(text) == value
    members, items = document.members(*keys), document.items(*keys)
    if isinstance(value, dict):
        assert items == []
        assert {name for name, *_ in members} == value.keys()
        last = {name: (start, end) for name, _, start, end in members}
        for name, key, start, _ in members:
            written, colon = document.body[key:start].rstrip(b" \t\r\n").rsplit(b":", 1)
            assert (json.loads(written), colon) == (name, b"")
        for name, inner in value.items():
            assert document.span(*keys, name) == last[name]
            agrees(document, inner, *keys, name)
    else:
        assert members == []
    if isinstance(value, list):
        assert items == [document.span(*keys, index) for index in range(len(value))]
        assert document.span(*keys, len(value)) is None
        for index, inner in enumerate(value):
            agrees(document, inner, *keys, index)
        names = {name for inner in value if isinstance(inner, dict) for name in inner}
        for name in names:
            spans = [document.span(*keys, index, name) for index in range(len(value))]
            assert document.column(name, *keys) == spans
    elif not isinstance(value, dict):
        assert items == []


def has_surrogates(body: bytes) -> bool:
    """Whether a name may read otherwise: Python keeps a lone surrogate."""
    return any("\ud800" <= character <= "\udfff" for character in str(json.loads(body)))


@times(2)
@given(bodies())
@example(b' { "jsonrpc" : "2.0" , "id" : 1 , "method" : "x" , "params" : [ [ ] , { } ] } ')
def test_the_spans_of_a_message(body: bytes) -> None:
    try:
        message = evaluator.parse_message(body)
    except evaluator.MalformedMessage:
        return
    agrees(message, json.loads(body))


@times(2)
@given(bodies())
@example(b'{"result":{"a":1,"a":[2],"\\u0061":{"b":3}},"id":1}')
@example(b'{"result":1,"id":1,"result":{"x":1e999}}')
def test_the_spans_of_an_answer(body: bytes) -> None:
    answer = evaluator.inspect_answer(body)
    if answer is None:
        return
    assume(not has_surrogates(body))
    agrees(answer, json.loads(body))


@times(2)
@given(json_values(), st.randoms(use_true_random=False))
def test_texts_that_mean_the_same_have_one_canonical_text(value: Any, chance: Any) -> None:
    again = respelled(value, chance).encode()
    with contextlib.suppress(JsonError):
        parse(again)
        assert evaluator.canonical_json(again) == evaluator.canonical_json(write(value).encode())


@times(2)
@given(json_values())
def test_a_canonical_text_means_the_same(value: Any) -> None:
    text = evaluator.canonical_json(write(value).encode())
    assert text == evaluator.canonical_json(text)
    assert equal(parse(text), value) is Truth.TRUE


@given(json_values(), json_values())
def test_texts_that_differ_have_two(left: Any, right: Any) -> None:
    same = equal(left, right) is Truth.TRUE
    texts = {evaluator.canonical_json(write(value).encode()) for value in (left, right)}
    assert (len(texts) == 1) == same


class Repeated(Exception):
    pass


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Repeated
    return found


KEYS = st.sampled_from(["a", "A", "b", "k", "\u212a", "ß", "ss", "é", "É", "", "aa", "aA"])


@times(3)
@given(st.lists(KEYS, max_size=24), st.randoms(use_true_random=False))
def test_only_equal_keys_repeat(keys: list[str], chance: random.Random) -> None:
    written = [f"{respelled(key, chance)}:{index}" for index, key in enumerate(keys)]
    document = "{" + ",".join(written) + "}"
    try:
        value = json.loads(document, object_pairs_hook=once)
    except Repeated:
        try:
            evaluator.canonical_json(document.encode())
        except ValueError as error:
            assert "already has" in str(error)
            return
        raise AssertionError("a repeated key was taken") from None
    expected = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert evaluator.canonical_json(document.encode()) == expected.encode()


@times(2)
@given(bodies())
def test_what_is_strict_has_a_canonical_text(body: bytes) -> None:
    with contextlib.suppress(JsonError):
        value = parse(body)
        assert equal(parse(evaluator.canonical_json(body)), value) is Truth.TRUE
