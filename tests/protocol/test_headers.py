import pytest

from helio.protocol.headers import (
    NEVER_FORWARDED,
    HeaderRefused,
    answer_headers,
    forward_rules,
    is_name,
    request_headers,
)

DEFAULT = forward_rules()


def test_the_short_list_goes_up_with_names_in_lower_case() -> None:
    received = [
        (b"Content-Type", b"application/json"),
        (b"Accept", b"*/*"),
        (b"MCP-Protocol-Version", b"2025-11-25"),
        (b"Mcp-Session-Id", b"s"),
        (b"Last-Event-ID", b"7"),
        (b"Cookie", b"secret=1"),
        (b"User-Agent", b"x"),
        (b"Origin", b"http://localhost"),
        (b"X-Helio-Session-Id", b"s"),
        (b"X-Forwarded-For", b"1.2.3.4"),
    ]
    assert request_headers(received, DEFAULT) == [
        (b"content-type", b"application/json"),
        (b"accept", b"*/*"),
        (b"mcp-protocol-version", b"2025-11-25"),
        (b"mcp-session-id", b"s"),
        (b"last-event-id", b"7"),
    ]


@pytest.mark.parametrize("name", sorted(NEVER_FORWARDED))
def test_what_belongs_to_one_connection_never_goes_up(name: bytes) -> None:
    rules = forward_rules(patterns=["x-*"])
    assert request_headers([(name, b"1"), (name.upper(), b"1")], rules) == []


def test_forward_headers_are_globs_over_x_headers() -> None:
    rules = forward_rules(patterns=["X-Request-Id", "x-trace-*"])
    received = [(b"x-request-id", b"1"), (b"X-Trace-A", b"2"), (b"x-request-idx", b"3")]
    assert request_headers(received, rules) == [(b"x-request-id", b"1"), (b"x-trace-a", b"2")]


@pytest.mark.parametrize("pattern", ["authorization", "*", "cookie", "[xy]-*", ""])
def test_forward_headers_outside_of_x_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="x-"):
        forward_rules(patterns=[pattern])


@pytest.mark.parametrize(
    ("open_mode", "operator_names", "passes"),
    [(True, [], True), (False, [], False), (True, ["Authorization"], False)],
)
def test_authorization_goes_up_only_in_open_mode_without_the_operators_own(
    open_mode: bool, operator_names: list[str], passes: bool
) -> None:
    rules = forward_rules(open_mode=open_mode, operator_names=operator_names)
    received = [(b"Authorization", b"Bearer agent")]
    assert bool(request_headers(received, rules)) is passes


def test_the_operators_headers_win_over_every_list() -> None:
    rules = forward_rules(operator_names=["Accept", "X-Key"], patterns=["x-*"])
    assert request_headers([(b"accept", b"a"), (b"x-key", b"b"), (b"x-z", b"c")], rules) == [
        (b"x-z", b"c")
    ]


@pytest.mark.parametrize("breaker", [b"\r", b"\n", b"\0", b"\r\nx: y"])
def test_values_that_break_lines_are_refused_without_being_shown(breaker: bytes) -> None:
    with pytest.raises(HeaderRefused) as refused:
        request_headers([(b"mcp-session-id", b"secret" + breaker)], DEFAULT)
    assert refused.value.name == "mcp-session-id"
    assert "secret" not in str(refused.value)
    assert request_headers([(b"cookie", b"a" + breaker)], DEFAULT) == []
    with pytest.raises(HeaderRefused):
        answer_headers([(b"cache-control", b"a" + breaker)])


def test_accept_may_come_twice_and_nothing_else() -> None:
    twice = [(b"accept", b"application/json"), (b"Accept", b"text/event-stream")]
    assert request_headers(twice, DEFAULT) == [(b"accept", b"application/json, text/event-stream")]
    for name in (b"mcp-session-id", b"content-type", b"authorization", b"mcp-protocol-version"):
        with pytest.raises(HeaderRefused, match="more than once"):
            request_headers([(name, b"a"), (name.title(), b"a")], DEFAULT)


def test_the_answers_list_comes_down() -> None:
    received = [
        (b"Content-Type", b"text/event-stream"),
        (b"Mcp-Session-Id", b"s"),
        (b"WWW-Authenticate", b"Bearer a"),
        (b"WWW-Authenticate", b"Basic b"),
        (b"Cache-Control", b"no-store"),
        (b"Retry-After", b"5"),
        (b"MCP-Protocol-Version", b"2025-11-25"),
        (b"X-Accel-Buffering", b"no"),
        (b"Content-Length", b"5"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Connection", b"keep-alive"),
        (b"Set-Cookie", b"a=b"),
        (b"Server", b"x"),
        (b"Access-Control-Allow-Origin", b"*"),
        (b"Location", b"http://other/"),
    ]
    assert [name for name, _ in answer_headers(received)] == [
        b"content-type",
        b"mcp-session-id",
        b"www-authenticate",
        b"www-authenticate",
        b"cache-control",
        b"retry-after",
        b"mcp-protocol-version",
        b"x-accel-buffering",
    ]


@pytest.mark.parametrize("name", [b"", b"a b", b"a:", b"a\r", b"\xe9", b"(a)"])
def test_what_is_no_field_name(name: bytes) -> None:
    assert not is_name(name)
    assert is_name(b"x-" + b"ok")


MIRRORS = [
    (b"Mcp-Method", b"tools/call"),
    (b"Mcp-Name", b"add"),
    (b"Mcp-Param-Region", b"us"),
    (b"mcp-param-unknown", b"1"),
]
SESSIONS = [(b"Mcp-Session-Id", b"s"), (b"Last-Event-ID", b"7")]


def test_what_mirrors_the_body_goes_up_with_a_modern_request_only() -> None:
    received = [*MIRRORS, *SESSIONS, (b"MCP-Protocol-Version", b"2026-07-28")]
    modern = request_headers(received, DEFAULT, modern=True)
    assert modern == [
        (b"mcp-method", b"tools/call"),
        (b"mcp-name", b"add"),
        (b"mcp-param-region", b"us"),
        (b"mcp-param-unknown", b"1"),
        (b"mcp-protocol-version", b"2026-07-28"),
    ]
    legacy = request_headers(received, DEFAULT)
    assert [name for name, _ in legacy] == [
        b"mcp-session-id",
        b"last-event-id",
        b"mcp-protocol-version",
    ]


@pytest.mark.parametrize("name", [b"mcp-name", b"mcp-param-a"])
def test_a_mirroring_header_goes_up_once(name: bytes) -> None:
    with pytest.raises(HeaderRefused, match="more than once"):
        request_headers([(name, b"1"), (name.title(), b"1")], DEFAULT, modern=True)


def test_the_operators_own_headers_win_over_mirroring_ones() -> None:
    rules = forward_rules(operator_names=["Mcp-Param-Region"])
    assert (b"mcp-param-region", b"us") not in request_headers(MIRRORS, rules, modern=True)


def test_no_session_comes_down_with_the_answer_to_a_modern_request() -> None:
    received = [(b"Mcp-Session-Id", b"s"), (b"Content-Type", b"application/json")]
    assert answer_headers(received, modern=True) == [(b"content-type", b"application/json")]
    assert (b"mcp-session-id", b"s") in answer_headers(received)
