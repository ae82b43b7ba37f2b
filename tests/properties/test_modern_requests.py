"""Requests of 2026-07-28 against the library's own reading of the rules.

The library's ladder works on decoded bodies and folded headers, ours on bytes and spans. Where
ours is stricter on purpose the test says so; nowhere does it take what the library refuses.
"""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from mcp.shared.inbound import (
    InboundLadderRejection,
    classify_inbound_request,
    decode_header_value,
    encode_header_value,
    find_duplicated_routing_header,
    find_invalid_x_mcp_header,
    mcp_param_headers,
    validate_mcp_param_headers,
    x_mcp_header_map,
)

from helio.evaluator import MalformedMessage, Message, parse_message
from helio.protocol import modern
from helio.protocol.headers import Header
from helio.protocol.modern import CLIENT_CAPABILITIES, CLIENT_INFO, PROTOCOL_VERSION
from properties.effort import times

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
PLAIN = st.sampled_from(
    ["", "add", "Add", "a b", "=?base64?YWRk?=", "=?base64?x?=", "é", " a", "a\n"]
)
NAMES = PLAIN | TEXTS
VERSIONS = st.sampled_from(["2026-07-28", "2025-11-25", "2099-01-01", "2026-07-28 "])
METHODS = st.sampled_from(["tools/call", "prompts/get", "resources/read", "tools/list", "x"])
WRONG = st.none() | st.integers() | st.booleans() | st.just([]) | st.just({"a": 1}) | TEXTS


def changed(value: Any, probability: int, other: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """`value` mostly; else something of `other`."""
    return st.integers(0, probability).flatmap(lambda n: other if n == 0 else st.just(value))


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    """Requests that are mostly as they should be."""
    method = draw(METHODS)
    meta: dict[str, Any] = {
        PROTOCOL_VERSION: draw(changed("2026-07-28", 5, VERSIONS | WRONG)),
        CLIENT_CAPABILITIES: draw(changed({}, 8, WRONG)),
        CLIENT_INFO: draw(changed({"name": "a", "version": "1"}, 8, WRONG)),
    }
    for key in list(meta):
        if draw(st.integers(0, 12)) == 0:
            del meta[key]
    params: dict[str, Any] = {"_meta": draw(changed(meta, 12, WRONG))}
    for key in ("name", "uri"):
        if draw(st.integers(0, 8)):
            params[key] = draw(changed("add", 4, NAMES | WRONG))
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    if draw(st.integers(0, 20)) == 0:
        del body["params"]
    return body


def safe(text: str) -> bool:
    """Whether a header can hold it as it is."""
    return text.isascii() and text.isprintable() and text == text.strip()


@st.composite
def fields(draw: st.DrawFn, body: dict[str, Any]) -> list[tuple[str, str]]:
    """Headers that mostly agree with the body."""
    params = body.get("params") or {}
    meta = params.get("_meta")
    claim = meta.get(PROTOCOL_VERSION) if isinstance(meta, dict) else None
    name = params.get("uri" if body["method"] == "resources/read" else "name")
    said: dict[str, Any] = {
        "mcp-protocol-version": draw(changed(claim, 6, VERSIONS)),
        "mcp-method": draw(changed(body["method"], 6, METHODS)),
        "mcp-name": draw(changed(name, 6, NAMES.map(encode_header_value) | NAMES)),
    }
    if isinstance(said["mcp-name"], str) and not safe(said["mcp-name"]):
        said["mcp-name"] = encode_header_value(said["mcp-name"])
    kept = [(key, value) for key, value in said.items() if isinstance(value, str) and safe(value)]
    if kept and draw(st.integers(0, 10)) == 0:
        kept.append(draw(st.sampled_from(kept)))
    return draw(st.permutations(kept))


def read(body: object) -> Message | None:
    """The message, None where the strict envelope already refuses it."""
    try:
        return parse_message(json.dumps(body).encode())
    except MalformedMessage:
        return None


def raw(given: list[tuple[str, str]]) -> list[Header]:
    return [(name.title().encode(), value.encode()) for name, value in given]


def ours(message: Message, given: list[tuple[str, str]]) -> tuple[int, object] | None:
    try:
        modern.check(message, raw(given))
    except modern.Refused as refused:
        return refused.code, refused.data
    return None


def theirs(body: dict[str, Any], given: list[tuple[str, str]]) -> tuple[int, object] | None:
    if find_duplicated_routing_header(given) is not None:
        return -32020, None
    served = ["2026-07-28"]
    found = classify_inbound_request(body, headers=dict(given), supported_modern_versions=served)
    return (found.code, found.data) if isinstance(found, InboundLadderRejection) else None


@times(10)
@given(st.data())
def test_the_ladder_is_the_librarys(data: st.DataObject) -> None:
    body = data.draw(bodies())
    given = data.draw(fields(body))
    message = read(body)
    if message is None:
        return
    mine, other = ours(message, given), theirs(body, given)
    if other is None:
        # Of the types in the envelope the library's ladder says nothing: its schema does, later.
        meta = body["params"]["_meta"]
        typed = all(
            isinstance(meta.get(key, {}), dict) for key in (CLIENT_CAPABILITIES, CLIENT_INFO)
        )
        assert mine == (None if typed else (-32602, None))
        return
    assert mine is not None
    assert mine[0] == other[0]
    if other[0] == -32022:
        assert isinstance(mine[1], dict)
        assert isinstance(other[1], dict)
        assert mine[1]["requested"] == other[1]["requested"][:64]


@times(3)
@given(bodies(), VERSIONS)
def test_no_body_passes_as_legacy_that_claims_what_its_header_does_not(
    body: dict[str, Any], version: str
) -> None:
    message = read(body)
    if message is None:
        return
    given = [(b"mcp-protocol-version", version.encode())]
    try:
        judged = modern.is_modern_post(message, given)
    except modern.Refused as refused:
        assert refused.code == -32020
        assert version == "2025-11-25"
        return
    if not judged:
        meta = (body.get("params") or {}).get("_meta")
        claims = isinstance(meta, dict) and PROTOCOL_VERSION in meta
        assert not claims or meta[PROTOCOL_VERSION] == version


@times(3)
@given(bodies())
def test_headers_made_from_a_body_are_taken_by_the_library_if_any_are(body: dict[str, Any]) -> None:
    message = read(body)
    if message is None:
        return
    made = [(name.decode(), value.decode()) for name, value in modern.headers_for(message)]
    refused = theirs(body, made)
    # What headers can be at fault for is only what no header can say.
    if refused is not None and refused[0] == -32020:
        claim = body["params"]["_meta"][PROTOCOL_VERSION]
        name = body["params"].get("uri" if body["method"] == "resources/read" else "name")
        assert (
            not isinstance(claim, str) or not safe(claim) or not claim or not isinstance(name, str)
        )


# Texts as header values


@times(3)
@given(TEXTS)
def test_every_text_comes_back(text: str) -> None:
    value = modern.encoded(text)
    assert value.isascii()
    assert value == value.strip()
    assert modern.decoded(value) == text == decode_header_value(value.decode())
    assert modern.decoded(encode_header_value(text).encode()) == text


@times(3)
@given(st.from_regex(r"\A=\?base64\?[A-Za-z0-9+/=\- ]{0,12}\?=\Z"))
def test_a_marked_value_means_what_the_library_reads(value: str) -> None:
    assert modern.decoded(value.encode()) == decode_header_value(value)


# Parameters

TOKENS = st.sampled_from(["Region", "region", "Count", "a-b", "", "a b", "é"])
ANNOTATIONS = st.integers(0, 12).flatmap(lambda n: WRONG if n == 0 else TOKENS)
TYPES = st.sampled_from(["string", "integer", "boolean", "string", "integer", "number", "object"])
KEYS = st.sampled_from(["region", "count", "at", "items", "x"])


def annotated(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    properties = st.dictionaries(KEYS, inner, max_size=3)
    elsewhere = st.sampled_from(
        ["items", "anyOf", "$defs", "not", "default", "enum", "dependentSchemas"]
    )
    wrapped = inner | st.lists(inner, max_size=2) | properties
    return st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES,
            "properties": properties,
            "x-mcp-header": ANNOTATIONS,
        },
    ) | st.tuples(elsewhere, wrapped).map(lambda pair: {pair[0]: pair[1]})


LEAVES = st.fixed_dictionaries({"type": TYPES}, optional={"x-mcp-header": ANNOTATIONS})
GOOD = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["string", "integer", "boolean"]),
        "x-mcp-header": st.sampled_from([f"T{n}" for n in range(9)]),
    }
)
NESTED = st.dictionaries(KEYS, GOOD, max_size=2).map(lambda found: {"properties": found})
SCHEMAS = st.recursive(LEAVES, annotated, max_leaves=5)
TOOLS = st.dictionaries(
    KEYS, st.one_of(GOOD, GOOD, NESTED, LEAVES, SCHEMAS), min_size=1, max_size=4
).map(lambda found: {"type": "object", "properties": found})


@times(8)
@given(TOOLS | SCHEMAS)
def test_schemas_declare_what_the_library_finds(schema: Any) -> None:
    found = {path: each.token for path, each in modern.parameter_headers(schema).items()}
    if find_invalid_x_mcp_header(schema) is not None:
        assert found == {}
    else:
        assert found == x_mcp_header_map(schema)


SCHEMA = {
    "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "count": {"type": "integer", "x-mcp-header": "Count"},
        "at": {"properties": {"dry": {"type": "boolean", "x-mcp-header": "Dry"}}},
    }
}
DECLARED = modern.parameter_headers(SCHEMA)
# Beyond 2**53 the library compares what a double makes of `1e22`; ours what was written.
NUMBERS = st.integers(-(2**53), 2**53) | st.integers() | st.floats(-1e15, 1e15)
VALUES = TEXTS | NUMBERS | st.booleans() | st.none() | st.just([]) | st.just({"dry": True})
ARGUMENTS = st.none() | st.dictionaries(KEYS, VALUES | st.dictionaries(st.just("dry"), VALUES))


@times(10)
@given(st.data())
def test_headers_and_arguments_agree_as_the_library_says(data: st.DataObject) -> None:
    arguments = data.draw(ARGUMENTS)
    made = mcp_param_headers(x_mcp_header_map(SCHEMA), arguments or {})
    for token in ("Region", "Count", "Dry", "Other"):
        if data.draw(st.integers(0, 5)) == 0:
            made.pop(f"Mcp-Param-{token}", None)
        elif data.draw(st.integers(0, 5)) == 0:
            number = data.draw(st.sampled_from(["1", "1.0", "-0", "01", "1e0", "1.5", "true"]))
            made[f"Mcp-Param-{token}"] = number
    message = read(
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": "add", "arguments": arguments},
        }
    )
    assert message is not None
    expected = validate_mcp_param_headers(SCHEMA, arguments or {}, made)
    try:
        modern.check_parameters(message, DECLARED, raw(list(made.items())))
    except modern.Refused as refused:
        assert expected is not None
        assert refused.code == expected.code
    else:
        assert expected is None


@times(5)
@given(ARGUMENTS)
def test_headers_made_from_arguments_agree_with_them(arguments: Any) -> None:
    params = {"name": "add", "arguments": arguments}
    message = read({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    assert message is not None
    made = modern.headers_for(message, DECLARED)
    modern.check_parameters(message, DECLARED, made)
    given = {name.decode(): value.decode() for name, value in made}
    assert validate_mcp_param_headers(SCHEMA, arguments or {}, given) is None
