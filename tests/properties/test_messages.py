"""The envelope takes and refuses what the oracle takes and refuses, for the same reason."""

import contextlib
import hashlib
import json
import random

from hypothesis import assume, example, given
from hypothesis import strategies as st

from helio import evaluator
from oracle.compare import Truth, equal
from oracle.envelope import CODES, Refused, parse_message, valid_tool_name
from oracle.strict_json import Json, JsonError, parse
from oracle.text import write
from properties.effort import times
from properties.messages import bodies, respelled, spellings
from properties.vocabulary import arguments, assigned_text


def refusal(body: bytes) -> str | None:
    """Return the oracle's reason against a body."""
    try:
        parse_message(body)
    except Refused as error:
        return error.reason
    return None


@times(5)
@given(bodies())
@example(b"")
@example(b"[]")
@example(b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","Name":"b"}}')
def test_the_same_bodies_are_refused_for_the_same_reason(body: bytes) -> None:
    reason = refusal(body)
    try:
        message = evaluator.parse_message(body)
    except evaluator.MalformedMessage as error:
        assert reason is not None
        assert error.args[:2] == (reason, CODES[reason])
        assert error.args[3]
        return
    assert reason is None
    assert message.body == body
    expected = parse_message(body)
    assert (message.kind, message.method, message.tool) == (
        expected.kind,
        expected.method,
        expected.tool,
    )
    assert parse(message.arguments) == expected.arguments
    assert message.id is None or message.id in body


FOLDING = [
    ("s", "\u017f"), ("S", "\u017f"), ("k", "\u212a"), ("ß", "ss"), ("ß", "SS"), ("i", "I"),
    ("i", "\u0130"), ("i", "\u0131"), ("\u03c3", "\u03c2"), ("\u03a3", "\u03c2"), ("é", "É"),
    ("é", "e\u0301"), ("\u01c5", "\u01c6"), ("\ufb01", "fi"), ("a", "a"), ("a", "b"),
]  # fmt: skip


def name_is_taken(name: str) -> bool:
    try:
        evaluator.tool_call(name, b"{}")
    except evaluator.MalformedMessage as error:
        assert error.args[0] == "invalid_tool_name"
        return False
    return True


@times(5)
@given(st.characters(exclude_categories=("Cs", "Cn")) | st.characters(categories=("Cc", "Cf", "Z")))
def test_characters_that_cannot_be_seen_are_in_no_name(character: str) -> None:
    assert name_is_taken(f"a{character}b") == valid_tool_name(f"a{character}b")


@times(3)
@given(
    st.sampled_from(FOLDING) | st.tuples(assigned_text(2), assigned_text(2)),
    st.integers(0, 40),
    st.data(),
)
def test_keys_that_fold_together_are_refused_in_small_and_large_objects(
    folding: tuple[str, str], others: int, data: st.DataObject
) -> None:
    keys = data.draw(st.permutations([*folding, *(f"key {n}" for n in range(others))]))
    spelled = [data.draw(spellings(key)) if key in folding else write(key) for key in keys]
    params = "{" + ",".join(f"{key}:1" for key in spelled) + "}"
    body = f'{{"jsonrpc":"2.0","id":1,"method":"ping","params":{params}}}'.encode()
    reason = refusal(body)
    try:
        evaluator.parse_message(body)
        assert reason is None
    except evaluator.MalformedMessage as error:
        assert error.args[0] == reason == "duplicate_key"


def hashed(text: str) -> tuple[bytes, str]:
    message = evaluator.tool_call("pay", text.encode())
    return message.canonical_arguments(), message.arguments_hash()


@times(2)
@given(arguments(), st.integers(0, 2**32))
def test_equal_arguments_have_one_canonical_text(value: dict[str, Json], seed: int) -> None:
    other = respelled(value, random.Random(seed))
    try:
        parse(other.encode())
    except JsonError:
        assume(False)  # a spelling that went over the length of a number
    canonical, digest = hashed(write(value))
    assert hashed(other) == (canonical, digest)
    assert digest == hashlib.sha256(canonical).hexdigest()
    assert equal(parse(canonical), value) is Truth.TRUE
    assert b" " not in canonical or " " in write(value)


@times(2)
@given(arguments(), arguments())
def test_different_arguments_have_different_texts(
    left: dict[str, Json], right: dict[str, Json]
) -> None:
    same = equal(left, right) is Truth.TRUE
    assert (hashed(write(left)) == hashed(write(right))) == same


def refuse_constant(name: str) -> None:
    raise ValueError(name)


def lenient(body: bytes) -> object:
    """Read JSON as most readers do: keys may repeat, numbers and depth are not capped."""
    return json.loads(body.decode(), parse_constant=refuse_constant)


@times(2)
@given(bodies())
@example(b'{"jsonrpc":"2.0","id":1,"result":{"isError":true}}')
@example(b'{"jsonrpc":"2.0","id":1,"result":{"isError":1,"a":1,"a":2}}')
def test_an_answer_is_any_object_that_answers(body: bytes) -> None:
    answer = evaluator.inspect_answer(body)
    try:
        value = lenient(body)
    except ValueError:
        assert answer is None
        return
    if not isinstance(value, dict) or not {"method", "result", "error"} & value.keys():
        assert answer is None
        return
    assert answer is not None
    assert (answer.kind == "response") == ("method" not in value)
    with contextlib.suppress(JsonError):
        # Where no key repeats there is only one way to read it.
        parse(body)
        result = value.get("result")
        assert answer.is_error == (isinstance(result, dict) and result.get("isError") is True)
