"""The era of a POST, and the ladder: which requests pass, and at which rung the others fall."""

import json

import pytest

from helio.evaluator import Message
from helio.protocol import modern, revisions
from helio.protocol.headers import Header
from helio.protocol.modern import CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL, PROTOCOL_VERSION
from protocol.modern.messages import REVISION, envelope, headers, post, request

NOTIFICATION = {"jsonrpc": "2.0", "method": "notifications/roots/list_changed"}
RESPONSE = {"jsonrpc": "2.0", "id": 1, "result": {}}


def refusal(message: Message, given: list[Header]) -> modern.Refused:
    with pytest.raises(modern.Refused) as refused:
        modern.check(message, given)
    assert refused.value.status == 400
    return refused.value


def refused_as(message: Message, given: list[Header]) -> tuple[int, str]:
    found = refusal(message, given)
    return found.code, found.reason


MISMATCH = (-32020, "header_mismatch")


# The era


@pytest.mark.parametrize("header", [None, *revisions.LEGACY, " 2025-11-25\t"])
def test_a_legacy_or_absent_header_is_of_the_legacy_era(header: str | None) -> None:
    assert not modern.is_modern(header)


@pytest.mark.parametrize("header", [REVISION, "2099-01-01", "", "latest", "2025-11-25, 2025-06-18"])
def test_any_other_header_is_judged_by_the_ladder(header: str) -> None:
    assert modern.is_modern(header)


def test_a_header_of_this_revision_makes_a_modern_post() -> None:
    assert modern.is_modern_post(request(), headers())
    assert modern.is_modern_post(request(meta=None), headers())


def test_a_legacy_post_claims_nothing_in_its_body() -> None:
    plain = request(meta={"progressToken": 1})
    assert not modern.is_modern_post(plain, [])
    assert not modern.is_modern_post(plain, headers("2025-11-25"))
    assert not modern.is_modern_post(post(RESPONSE), headers("2025-11-25"))


@pytest.mark.parametrize("version", [None, *revisions.LEGACY])
@pytest.mark.parametrize("kind", ["request", "notification"])
def test_a_body_of_this_revision_does_not_pass_under_a_legacy_header(
    version: str | None, kind: str
) -> None:
    message = request()
    if kind == "notification":
        message = post({**NOTIFICATION, "params": {"_meta": envelope()}})
    with pytest.raises(modern.Refused) as refused:
        modern.is_modern_post(message, headers(version))
    assert (refused.value.code, refused.value.reason) == MISMATCH


@pytest.mark.parametrize("claim", [None, 20260728, ["2025-11-25"], "2025-06-18", "", "latest"])
def test_no_claim_passes_beside_a_legacy_header_that_says_something_else(claim: object) -> None:
    with pytest.raises(modern.Refused, match="MCP-Protocol-Version"):
        modern.is_modern_post(request(meta={PROTOCOL_VERSION: claim}), headers("2025-11-25"))


def test_a_legacy_claim_that_its_header_repeats_is_legacy() -> None:
    message = request(meta={PROTOCOL_VERSION: "2025-11-25"})
    assert not modern.is_modern_post(message, headers("2025-11-25"))


@pytest.mark.parametrize("first", [REVISION, "2025-11-25"])
def test_of_two_headers_one_modern_one_is_enough_to_be_judged_and_refused(first: str) -> None:
    second = "2025-11-25" if first == REVISION else REVISION
    twice = [*headers(first), (b"mcp-protocol-version", second.encode())]
    assert modern.is_modern_post(request(), twice)
    assert refused_as(request(), twice) == MISMATCH


# What passes


@pytest.mark.parametrize(
    ("method", "params", "name"),
    [
        ("tools/call", {"name": "add"}, "add"),
        ("tools/call", {"name": "lösche"}, "=?base64?bMO2c2NoZQ==?="),
        ("tools/call", {"name": "add"}, "=?base64?YWRk?="),
        ("prompts/get", {"name": "plan"}, "plan"),
        ("prompts/get", {"name": ""}, ""),
        ("prompts/get", {"name": None}, None),
        ("prompts/get", {}, None),
        ("resources/read", {"uri": "file:///a%20b"}, "file:///a%20b"),
        ("tools/list", {}, None),
        ("server/discover", {}, None),
        ("subscriptions/listen", {"notifications": {}}, None),
        ("tools/list", {"name": "add"}, None),
    ],
)
def test_a_request_whose_headers_and_body_agree_passes(
    method: str, params: dict[str, object], name: str | None
) -> None:
    found = modern.check(request(method, params), headers(method=method, name=name))
    assert found is not None
    assert found.protocol_version == REVISION


def test_the_envelope_is_given_as_it_was_written() -> None:
    capabilities = {"elicitation": {"url": {}}, "x": 10**30}
    info = {"name": "agent", "version": "1.0"}
    meta = envelope(
        **{CLIENT_CAPABILITIES: capabilities, CLIENT_INFO: info, LOG_LEVEL: "debug", "other": 1}
    )
    found = modern.check(request(meta=meta), headers())
    assert found is not None
    assert json.loads(found.capabilities) == capabilities
    assert found.client_info is not None
    assert json.loads(found.client_info) == info
    assert found.log_level == "debug"


def test_client_info_and_log_level_may_be_absent() -> None:
    found = modern.check(request(), headers())
    assert found == modern.Envelope(REVISION, b"{}", None, None)


def test_names_of_headers_have_no_case_and_values_no_white_space_around() -> None:
    given = [(b"MCP-PROTOCOL-VERSION", b" 2026-07-28 "), (b"mcp-method", b"\ttools/call")]
    assert modern.check(request(), [*given, (b"mCP-nAME", b"add ")]) is not None


# What falls, rung by rung


@pytest.mark.parametrize(
    "meta",
    [
        None,
        [],
        "2026-07-28",
        {},
        {PROTOCOL_VERSION: REVISION},
        {CLIENT_CAPABILITIES: {}},
        {PROTOCOL_VERSION.upper(): REVISION, CLIENT_CAPABILITIES: {}},
    ],
)
def test_an_incomplete_envelope_is_refused(meta: object) -> None:
    assert refused_as(request(meta=meta), headers()) == (-32602, "incomplete_envelope")


@pytest.mark.parametrize("params", [[], [1], ...])
def test_params_that_hold_no_envelope_are_refused(params: object) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": params}
    if params is ...:
        del message["params"]
    found = refusal(post(message), headers(method="tools/list", name=None))
    assert (found.code, found.reason) == (-32602, "incomplete_envelope")
    assert PROTOCOL_VERSION in found.detail


@pytest.mark.parametrize(
    "name", [b"MCP-Protocol-Version", b"mcp-method", b"Mcp-Name", b"Mcp-Param-A"]
)
@pytest.mark.parametrize("same", [True, False])
def test_a_mirroring_header_comes_once(name: bytes, same: bool) -> None:
    given = [*headers(Mcp_Param_A="1")]
    value = {key.lower(): value for key, value in given}[name.lower()]
    given.append((name.upper(), value if same else b"other"))
    assert refused_as(request(), given) == MISMATCH
    assert refused_as(request(), given[::-1]) == MISMATCH
    # Before the envelope is looked at.
    assert refused_as(request(meta=None), given) == MISMATCH


@pytest.mark.parametrize(
    "given",
    [
        headers(version=None),
        headers(version="2025-11-25"),
        headers(version="2026-07-29"),
        headers(version="2026-07-28, 2026-07-28"),
        headers(version="=?base64?MjAyNi0wNy0yOA==?="),
        headers(version="2026-07-28\xa0"),
        headers(method=None),
        headers(method=""),
        headers(method="TOOLS/CALL"),
        headers(method="tools/list"),
        headers(method="tools%2Fcall"),
        headers(method="tools/call\x00"),
        headers(method="=?base64?dG9vbHMvY2FsbA==?="),
        headers(name=None),
        headers(name=""),
        headers(name="Add"),
        headers(name="add, add"),
        headers(name="add\x00"),
        headers(name="ad\xad" + "d"),
        headers(name="=?base64?QWRk?="),
        headers(name="=?base64?YWRk"),
        headers(name="=?BASE64?YWRk?="),
        headers(name="=?base64?YWR=?="),
        headers(name="=?base64?YWRl?= add"),
    ],
    ids=repr,
)
def test_headers_that_do_not_say_what_the_body_says_are_refused(given: list[Header]) -> None:
    assert refused_as(request(), given) == MISMATCH


def test_a_header_in_utf8_is_not_read_as_latin_1() -> None:
    # The body names the tool that these bytes spell in Latin-1, an upstream may read UTF-8.
    message = request(params={"name": "lÃ¶sche"})
    given = [*headers(name=None), (b"Mcp-Name", "lösche".encode())]
    assert refused_as(message, given) == MISMATCH


@pytest.mark.parametrize("name", [5, True, ["plan"], {"name": "plan"}])
def test_a_name_that_is_no_text_matches_no_header(name: object) -> None:
    given = headers(method="prompts/get", name="plan")
    assert refused_as(request("prompts/get", {"name": name}), given) == MISMATCH
    given = headers(method="prompts/get", name=json.dumps(name))
    assert refused_as(request("prompts/get", {"name": name}), given) == MISMATCH


def test_the_uri_is_what_names_a_resource() -> None:
    message = request("resources/read", {"uri": "file:///a", "name": "b"})
    assert modern.check(message, headers(method="resources/read", name="file:///a")) is not None
    assert refused_as(message, headers(method="resources/read", name="b")) == MISMATCH


@pytest.mark.parametrize("version", ["2099-01-01", "2025-11-25", "latest"])
def test_an_unknown_revision_is_told_what_is_spoken(version: str) -> None:
    message = request(meta=envelope(**{PROTOCOL_VERSION: version}))
    found = refusal(message, headers(version))
    assert (found.code, found.reason) == (-32022, "unsupported_revision")
    assert found.data == {"supported": ["2026-07-28"], "requested": version}


def test_who_disagrees_with_itself_is_told_so_rather_than_that_its_revision_is_unknown() -> None:
    message = request(meta=envelope(**{PROTOCOL_VERSION: "2099-01-01"}))
    assert refused_as(message, headers("2099-01-02")) == MISMATCH
    assert refused_as(message, headers("2099-01-01", name="other")) == MISMATCH


@pytest.mark.parametrize("key", [CLIENT_CAPABILITIES, CLIENT_INFO])
@pytest.mark.parametrize("value", [None, [], "x", 1, True])
def test_an_envelope_of_other_types_is_refused(key: str, value: object) -> None:
    message = request(meta=envelope(**{key: value}))
    assert refused_as(message, headers()) == (-32602, "invalid_envelope")


@pytest.mark.parametrize("level", [None, 7, ["debug"]])
def test_a_log_level_that_is_no_text_asks_for_nothing(level: object) -> None:
    found = modern.check(request(meta=envelope(**{LOG_LEVEL: level})), headers())
    assert found is not None
    assert found.log_level is None


def test_a_client_sends_no_responses() -> None:
    assert refused_as(post(RESPONSE), headers()) == (-32600, "unexpected_response")


def test_no_refusal_repeats_what_the_message_held() -> None:
    message = request(params={"name": "tool-secret"})
    found = refusal(message, headers(name="header-secret", method="tools/call"))
    assert "secret" not in found.detail


# Notifications


@pytest.mark.parametrize(
    "given", [headers(method=None, name=None), headers(method=str(NOTIFICATION["method"]))]
)
@pytest.mark.parametrize("params", [None, {}, {"_meta": envelope()}])
def test_a_notification_needs_no_envelope(given: list[Header], params: object) -> None:
    message = dict(NOTIFICATION) if params is None else {**NOTIFICATION, "params": params}
    assert modern.check(post(message), given) is None


def test_a_notification_of_an_unknown_revision_is_told_what_is_spoken() -> None:
    found = refusal(post(NOTIFICATION), [(b"mcp-protocol-version", b"2099-01-01\xff" * 20)])
    assert found.code == -32022
    assert isinstance(found.data, dict)
    assert found.data["requested"].isascii()
    json.dumps(found.data)


@pytest.mark.parametrize(
    ("meta", "given"),
    [
        ({}, headers(method="tools/call")),
        (envelope(**{PROTOCOL_VERSION: "2025-11-25"}), headers(method=None)),
        (envelope(**{PROTOCOL_VERSION: None}), headers(method=None)),
        ({}, [*headers(method=None), *headers(method=None)]),
    ],
)
def test_what_a_notification_says_twice_must_agree(meta: object, given: list[Header]) -> None:
    assert refused_as(post({**NOTIFICATION, "params": {"_meta": meta}}), given) == MISMATCH


# Headers from the body


@pytest.mark.parametrize(
    "message",
    [
        request(),
        request(params={"name": "lösche alles"}),
        request("prompts/get", {"name": " plan"}),
        request("resources/read", {"uri": "=?base64?x?="}),
        request("tools/list", {}),
    ],
)
def test_the_headers_made_from_a_body_agree_with_it(message: Message) -> None:
    made = modern.headers_for(message)
    assert modern.is_modern_post(message, made)
    assert modern.check(message, made) is not None


def test_the_headers_of_an_unknown_revision_say_that_revision() -> None:
    message = request(meta=envelope(**{PROTOCOL_VERSION: "2099-01-01"}))
    assert refused_as(message, modern.headers_for(message)) == (-32022, "unsupported_revision")


def test_a_notification_gets_its_method_and_what_it_claims() -> None:
    message = post({**NOTIFICATION, "params": {"_meta": envelope()}})
    assert modern.headers_for(message) == [
        (b"mcp-protocol-version", b"2026-07-28"),
        (b"mcp-method", b"notifications/roots/list_changed"),
    ]


@pytest.mark.parametrize(
    "method", ["lösche", " tools/list", "a\r\nMcp-Name: b", "", "=?base64?x?="]
)
def test_a_method_that_no_header_can_say_gets_none_and_is_refused(method: str) -> None:
    message = request(method, {})
    made = modern.headers_for(message)
    assert [name for name, _ in made] == [b"mcp-protocol-version"]
    assert refused_as(message, made) == MISMATCH


@pytest.mark.parametrize("version", [None, 5, "2026-07-28\n", "\u2028"])
def test_a_claim_that_no_header_can_say_is_refused(version: object) -> None:
    message = request(meta=envelope(**{PROTOCOL_VERSION: version}))
    made = modern.headers_for(message)
    assert [name for name, _ in made] == [b"mcp-method", b"mcp-name"]
    with pytest.raises(modern.Refused, match="MCP-Protocol-Version"):
        modern.is_modern_post(message, made)
