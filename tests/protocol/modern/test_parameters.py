"""Arguments that a tool wants mirrored as headers."""

from typing import Any

import pytest

from helio.evaluator import parse_message
from helio.protocol import modern
from helio.protocol.headers import Header
from helio.protocol.modern import Parameter
from protocol.modern.messages import request


def prop(type_: object = "string", header: object = "Region", **more: object) -> dict[str, object]:
    return {"type": type_, "x-mcp-header": header, **more}


def schema(**properties: object) -> dict[str, object]:
    return {"type": "object", "properties": properties}


# What a schema declares


def test_a_schema_declares_parameters_by_their_paths() -> None:
    nested = {"type": "object", "properties": {"id": prop("integer", "Tenant-Id")}}
    found = modern.parameter_headers(
        schema(region=prop(), dry=prop("boolean", "dry"), tenant=nested, query={"type": "string"})
    )
    assert found == {
        ("region",): Parameter("Region", "string"),
        ("dry",): Parameter("dry", "boolean"),
        ("tenant", "id"): Parameter("Tenant-Id", "integer"),
    }
    assert found[("tenant", "id")].header == b"mcp-param-tenant-id"


@pytest.mark.parametrize("other", [None, True, "object", [], {}, {"properties": []}, schema(a={})])
def test_a_schema_without_annotations_declares_nothing(other: object) -> None:
    assert modern.parameter_headers(other) == {}


@pytest.mark.parametrize(
    "bad",
    [
        prop("number", "Bad"),
        prop("object", "Bad"),
        prop(["string"], "Bad"),
        prop(None, "Bad"),
        {"x-mcp-header": "Bad"},
        prop(header=""),
        prop(header="two words"),
        prop(header="a:b"),
        prop(header="a\r\nb"),
        prop(header="é"),
        prop(header=None),
        prop(header=7),
        prop(header=["Bad"]),
        prop(header="rEGION"),
        {"items": prop(header="Bad")},
        {"anyOf": [prop(header="Bad")]},
        {"not": {"properties": {"x": prop(header="Bad")}}},
        {"$defs": {"x": prop(header="Bad")}},
        {"if": {"properties": {"x": prop(header="Bad")}}},
        {"additionalProperties": prop(header="Bad")},
    ],
    ids=repr,
)
def test_one_wrong_annotation_spoils_them_all(bad: object) -> None:
    assert modern.parameter_headers(schema(region=prop(), other=bad)) == {}


def test_the_root_is_no_parameter() -> None:
    assert modern.parameter_headers({**schema(region=prop()), "x-mcp-header": "Root"}) == {}


@pytest.mark.parametrize("keyword", ["default", "examples", "const", "enum", "$ref", "title"])
def test_what_a_schema_says_of_values_is_not_read_as_a_schema(keyword: str) -> None:
    said = schema(region=prop(**{keyword: [prop("number", "Bad")]}))
    assert set(modern.parameter_headers(said)) == {("region",)}


def test_a_property_may_be_named_like_a_keyword() -> None:
    found = modern.parameter_headers(
        schema(**{"items": prop(header="A"), "x-mcp-header": prop(header="B")})
    )
    assert set(found) == {("items",), ("x-mcp-header",)}


def test_a_deep_schema_is_read_without_recursion() -> None:
    deep: dict[str, Any] = prop(header="Deep")
    for _ in range(20_000):
        deep = {"properties": {"x": deep}}
    (path,) = modern.parameter_headers(deep)
    assert len(path) == 20_000


# Whether headers and arguments agree

DECLARED = modern.parameter_headers(
    schema(
        region=prop(),
        count=prop("integer", "Count"),
        dry=prop("boolean", "Dry"),
        at=schema(zone=prop(header="Zone")),
    )
)


def call(arguments: object = ...) -> Any:
    return request(params={"name": "add"} | ({} if arguments is ... else {"arguments": arguments}))


def params(**said: str) -> list[Header]:
    return [(f"Mcp-Param-{key}".encode(), value.encode("latin-1")) for key, value in said.items()]


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        (..., {}),
        (None, {}),
        ({}, {}),
        ({"other": 1}, {"Other": "2"}),
        ({"region": "us"}, {"Region": "us"}),
        ({"region": "us"}, {"rEGION": " us\t"}),
        ({"region": "Zürich"}, {"Region": "=?base64?WsO8cmljaA==?="}),
        ({"region": "us"}, {"Region": "=?base64?dXM=?="}),
        ({"region": ""}, {"Region": ""}),
        ({"region": None, "count": None}, {}),
        ({"dry": True}, {"Dry": "true"}),
        ({"dry": False}, {"Dry": "false"}),
        ({"count": 42}, {"Count": "42"}),
        ({"count": 42}, {"Count": "42.0"}),
        ({"count": 42.0}, {"Count": "42"}),
        ({"count": -0}, {"Count": "0"}),
        ({"count": 2**63 + 1}, {"Count": "9223372036854775809.000"}),
        ({"count": 42}, {"Count": "=?base64?NDI=?="}),
        ({"at": {"zone": "a"}}, {"Zone": "a"}),
        ({"at": "a"}, {}),
        ({"at": [{"zone": "a"}]}, {}),
        ({"region": ["us"]}, {}),
        ({"region": {"zone": "a"}}, {}),
        ({"region": 42}, {"Region": "42"}),
        ({"region": True}, {"Region": "true"}),
    ],
    ids=repr,
)
def test_what_agrees_passes(arguments: object, given: dict[str, str]) -> None:
    modern.check_parameters(call(arguments), DECLARED, params(**given))


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ({"region": "us"}, {}),
        (..., {"Region": "us"}),
        ({}, {"Region": ""}),
        ({"region": None}, {"Region": "null"}),
        ({"region": "us"}, {"Region": "eu"}),
        ({"region": "us"}, {"Region": "US"}),
        ({"region": "us"}, {"Region": "us, us"}),
        ({"region": "us"}, {"Region": "=?base64?ZXU=?="}),
        ({"region": "us"}, {"Region": "=?base64?dXM?="}),
        ({"region": "us"}, {"Region": "=?base64?dXN=?="}),
        ({"region": "Ã¼"}, {"Region": "Ã¼"}),
        ({"dry": True}, {"Dry": "True"}),
        ({"dry": True}, {"Dry": "1"}),
        ({"count": 42}, {"Count": "43"}),
        ({"count": 42}, {"Count": "42.5"}),
        ({"count": 42}, {"Count": "4.2e1"}),
        ({"count": 42}, {"Count": "+42"}),
        ({"count": 42}, {"Count": "0x2a"}),
        ({"count": 42}, {"Count": "٤٢"}),
        ({"count": 2**63 + 1}, {"Count": "9223372036854775808"}),
        ({"count": True}, {"Count": "1"}),
        ({"count": "42"}, {"Count": "42.0"}),
        ({"region": 42}, {"Region": "42.0"}),
        ({"at": {"zone": "a"}}, {"Zone": "b"}),
        ({"at": "a"}, {"Zone": "a"}),
        ({"region": ["us"]}, {"Region": '["us"]'}),
        ({"region": {}}, {"Region": "{}"}),
        ({"at": {"zone": "a"}}, {}),
    ],
    ids=repr,
)
def test_what_disagrees_is_refused(arguments: object, given: dict[str, str]) -> None:
    raw = [(f"Mcp-Param-{key}".encode(), value.encode()) for key, value in given.items()]
    with pytest.raises(modern.Refused, match="mcp-param-") as refused:
        modern.check_parameters(call(arguments), DECLARED, raw)
    found = refused.value
    assert (found.status, found.code, found.reason) == (400, -32020, "header_mismatch")


def test_a_recognized_header_comes_once() -> None:
    twice = params(Region="us") + params(REGION="us")
    with pytest.raises(modern.Refused, match="more than once"):
        modern.check_parameters(call({"region": "us"}), DECLARED, twice)


def test_a_tool_that_declares_nothing_is_not_judged() -> None:
    modern.check_parameters(call({"region": "us"}), {}, params(Region="eu"))


@pytest.mark.parametrize("exponent", ["999999999999999999", "-999999999999999999"])
def test_absurd_exponents_are_no_work(exponent: str) -> None:
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":'
    message = parse_message(body + b'{"count":10e' + exponent.encode() + b"}}}")
    with pytest.raises(modern.Refused):
        modern.check_parameters(message, DECLARED, params(Count="1"))
    ((name, value),) = modern.headers_for(message, DECLARED)[-1:]
    assert name == b"mcp-param-count"
    assert len(value) < 10
    modern.check_parameters(message, DECLARED, [(name, value)])


# Headers from arguments


def test_headers_are_made_from_the_arguments() -> None:
    message = call(
        {"region": "Zürich", "count": 42.0, "dry": False, "at": {"zone": " a"}, "other": 1}
    )
    made = dict(modern.headers_for(message, DECLARED))
    assert {name: made[name] for name in made if name.startswith(b"mcp-param-")} == {
        b"mcp-param-region": b"=?base64?WsO8cmljaA==?=",
        b"mcp-param-count": b"42",
        b"mcp-param-dry": b"false",
        b"mcp-param-zone": b"=?base64?IGE=?=",
    }
    modern.check_parameters(message, DECLARED, list(made.items()))


@pytest.mark.parametrize(
    "arguments", [..., None, {}, {"region": None, "count": [], "dry": {}, "at": "a"}]
)
def test_what_is_not_there_gets_no_header(arguments: object) -> None:
    made = modern.headers_for(call(arguments), DECLARED)
    assert [name for name, _ in made if name.startswith(b"mcp-param-")] == []


def test_only_calls_of_tools_mirror_arguments() -> None:
    message = request("prompts/get", {"name": "add", "arguments": {"region": "us"}})
    made = modern.headers_for(message, DECLARED)
    assert [name for name, _ in made if name.startswith(b"mcp-param-")] == []
