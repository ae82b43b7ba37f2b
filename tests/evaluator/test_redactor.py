"""The native redactor through its binding: what holds for every document and every rule."""

import hashlib
import hmac
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helio.evaluator import Evaluator, Redactor, Windows, parse_message, tool_call
from helio.policy import compile_text

KEY = b"a key of 32 bytes, or thereabouts"
RULES = [
    {"path": ["$.card.number", "$.items[*].pin", "$..deep"], "action": "mask"},
    {"key": ["*password*", "pin"], "action": "hash"},
    {"pattern": ["ACME-[0-9]{4}", "x{3,}"], "action": "mask"},
    {"detect": ["cards", "secrets"], "action": "mask"},
]
MARK = re.compile(r"\[(?:redacted:[0-9a-f]{16}|hmac-sha256:[0-9a-f]{64})\]")


def redactor(rules: object = RULES, secrets: tuple[str, ...] = ()) -> Redactor:
    return Redactor(json.dumps(rules).encode(), KEY, secrets)


names = st.sampled_from(
    ["card", "number", "items", "pin", "deep", "dbPassword", "ACME-1234", "q", "é", '"']
)
texts = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["ACME-1234 and xxxx", "4111 1111 1111 1111", "a \\ 'b' ACME-0000", '{"pin":"7","q":1}']
    ),
)
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), texts
)
documents = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=4)),
    max_leaves=20,
)


@settings(deadline=None)
@given(document=documents, ascii_only=st.booleans(), indent=st.sampled_from([None, 1]))
def test_what_is_written_is_json_that_hides_nothing_more(
    document: object, ascii_only: bool, indent: int | None
) -> None:
    hiding = redactor()
    body = json.dumps(document, ensure_ascii=ascii_only, indent=indent).encode()
    once = hiding.document(body)
    assert once is not None
    json.loads(once)
    assert hiding.document(once) == once


@settings(deadline=None)
@given(document=documents, ascii_only=st.booleans())
def test_all_that_is_not_hidden_stays_byte_for_byte(document: object, ascii_only: bool) -> None:
    body = json.dumps(document, ensure_ascii=ascii_only).encode()
    written = redactor().document(body)
    assert written is not None
    rest = body.decode()
    position = 0
    # A hidden value that is no text loses its place to a quoted mark.
    for kept in re.split(rf'"{MARK.pattern}"|{MARK.pattern}', written.decode()):
        position = rest.find(kept, position)
        assert position >= 0, (body, written)
        position += len(kept)


@settings(deadline=None)
@given(document=documents)
def test_what_no_rule_names_is_given_back_as_it_is(document: object) -> None:
    body = json.dumps(document).encode()
    assert redactor([{"key": ["nobody"], "action": "mask"}]).document(body) is body
    assert redactor([]).document(body) is body


@settings(deadline=None)
@given(left=documents, right=documents)
def test_sealed_documents_are_equal_where_the_documents_are(left: object, right: object) -> None:
    hiding = redactor([{"key": ["pin"], "action": "mask"}])

    def seal(document: object) -> bytes:
        return hiding.sealed(json.dumps(document).encode())

    def typed(document: object) -> object:
        # Python takes 1, 1.0 and True for one; JSON numbers are equal by value, booleans are none.
        match document:
            case bool() | None | str():
                return (type(document).__name__, document)
            case dict():
                return {key: typed(value) for key, value in document.items()}
            case list():
                return [typed(value) for value in document]
            case _:
                return ("number", document)

    assert seal(left) == seal(json.loads(json.dumps(left)))
    assert (seal(left) == seal(right)) == (typed(left) == typed(right))


def test_the_hash_is_hmac_sha_256_of_the_text() -> None:
    expected = hmac.new(KEY, b"hunter2", hashlib.sha256).hexdigest()
    masked = redactor([{"key": ["p"], "action": "mask"}])
    hashed = redactor([{"key": ["p"], "action": "hash"}])
    assert masked.document(b'{"p":"hunter2"}') == f'{{"p":"[redacted:{expected[:16]}]"}}'.encode()
    assert hashed.document(b'{"p":"hunter2"}') == f'{{"p":"[hmac-sha256:{expected}]"}}'.encode()
    assert masked.digest(b"hunter2") == expected


def test_what_cannot_be_read_is_not_shown() -> None:
    hiding = redactor()
    assert hiding.arguments("t", b'{"a":1') is None
    assert hiding.answer("t", b'{"a":1,"a":2}') is None
    assert hiding.request(b"") is None
    with pytest.raises(ValueError, match="not JSON"):
        hiding.sealed(b"{")


def test_rules_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\$\["):
        redactor([{"path": ["$["], "action": "mask"}])


def test_the_time_grows_with_the_length_alone() -> None:
    """Inputs that make backtracking matchers, or paths that descend twice, take for ever."""
    hiding = redactor(
        [
            {"pattern": ["(a+)+$", "(x*)*y"], "action": "mask"},
            {"path": ["$..*..*..*"], "action": "mask"},
            {"detect": ["cards", "secrets"], "action": "mask"},
        ]
    )
    for text in ("a" * 100_000 + "!", "4 " * 50_000, "4111-" * 20_000, "bearer " * 15_000):
        assert hiding.text(text) is not None
    nested: object = 1
    for _ in range(100):
        nested = [nested, nested] if isinstance(nested, int) else [nested, 1]
    assert hiding.document(json.dumps(nested).encode()) is not None


def test_keys_of_limits_hold_no_arguments_that_can_be_guessed() -> None:
    compiled = compile_text(
        "version: '1'\nupstream: { url: 'http://127.0.0.1:1/mcp' }\npolicies: { rules: ["
        "{ action: rate_limit, limits: { max_calls: 1, window: 1h, key: call } }] }\n"
    )
    assert compiled.policy is not None
    call = tool_call("pay", b'{"pin":"1234"}')
    keyed = Evaluator(compiled.policy.graph, KEY)
    keys = []
    for evaluator in (Evaluator(compiled.policy.graph), keyed):
        windows = Windows()
        reservation, _ = windows.reserve(evaluator.decide(call, "default"), 1)
        ((_, key, _, _, _),) = windows.charges(reservation)
        keys.append(key)
    plain = hashlib.sha256(b'{"pin":"1234"}').hexdigest()
    secret = hmac.new(KEY, b'{"pin":"1234"}', hashlib.sha256).hexdigest()
    assert keys == [f"call=default/pay/{plain}", f"call=default/pay/{secret}"]
    assert parse_message(call.body).arguments_hash() == plain
