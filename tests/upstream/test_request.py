import pytest

from helio.protocol.headers import NEVER_FORWARDED
from helio.upstream.request import RequestWriter, origin_of


def writer(url: str = "http://localhost:8080/mcp", **headers: str) -> RequestWriter:
    return RequestWriter(origin_of(url), {k.replace("_", "-"): v for k, v in headers.items()})


def test_a_head_byte_for_byte() -> None:
    head = writer(X_Key="k").head("POST", [(b"accept", b"a, b"), (b"X-b", b"")], 12, "")
    assert head == (
        b"POST /mcp HTTP/1.1\r\n"
        b"host: localhost:8080\r\n"
        b"X-Key: k\r\n"
        b"accept: a, b\r\n"
        b"X-b: \r\n"
        b"content-length: 12\r\n"
        b"\r\n"
    )


def test_a_request_without_body() -> None:
    assert b"content-length" not in writer().head("GET", [], None, "")
    assert b"content-length" not in writer().head("DELETE", [], None, "")
    assert b"content-length: 0\r\n" in writer().head("POST", [], None, "")
    assert b"content-length: 0\r\n" in writer().head("DELETE", [], 0, "")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://example.org/mcp", b"example.org"),
        ("http://example.org:80/mcp", b"example.org"),
        ("http://example.org:443/mcp", b"example.org:443"),
        ("https://example.org:443/mcp", b"example.org"),
        ("http://EXAMPLE.org:8080", b"example.org:8080"),
        ("http://[::1]:8080/mcp", b"[::1]:8080"),
        ("http://[::1]/mcp", b"[::1]"),
        ("http://bücher.example/mcp", b"xn--bcher-kva.example"),
    ],
)
def test_the_host_header_is_built_from_the_url(url: str, host: bytes) -> None:
    assert b"\r\nhost: " + host + b"\r\n" in writer(url).head("GET", [], None, "")


@pytest.mark.parametrize(
    ("url", "suffix", "target"),
    [
        ("http://h", "", b"/"),
        ("http://h/a?k=v", "", b"/a?k=v"),
        ("http://h/a", "/b", b"/a/b"),
        ("http://h/a", "?x=1", b"/a?x=1"),
        ("http://h/a?k=v", "/b?x=1", b"/a/b?k=v&x=1"),
        ("http://h/a%20b", "", b"/a%20b"),
    ],
)
def test_the_target(url: str, suffix: str, target: bytes) -> None:
    head = writer(url).head("GET", [], None, suffix)
    assert head.startswith(b"GET " + target + b" HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h/",
        "h:80/mcp",
        "http://",
        "http:///mcp",
        "http://user@h/",
        "http://user:secret@h/",
        "http://h/#a",
        "http://h/a b",
        "http://h/\x01",
        "http://h/ä",
        "http://h/?a b",
        "http://h:0/",
        "http://h:99999/",
        "http://h:x/",
        "http://h h/",
        "http://[::1/",
    ],
)
def test_urls_that_cannot_be_used(url: str) -> None:
    with pytest.raises(ValueError) as refused:
        origin_of(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("suffix", [" HTTP/1.1\r\nx: y\r\n\r\n", "/a b", "/\n", "/ä", "\0"])
def test_a_suffix_cannot_break_the_request_line(suffix: str) -> None:
    with pytest.raises(ValueError, match="target"):
        writer().head("GET", [], None, suffix)


@pytest.mark.parametrize("method", ["CONNECT", "get", "POST /x HTTP/1.1\r\n", "", "TRACE"])
def test_unknown_methods(method: str) -> None:
    with pytest.raises(ValueError, match="method"):
        writer().head(method, [], None, "")


@pytest.mark.parametrize("breaker", [b"\r\nx: y", b"\r", b"\n", b"\0", b"\n\r"])
def test_values_cannot_break_the_head(breaker: bytes) -> None:
    for headers in ([(b"a", b"b" + breaker)], [(b"a", b"b"), (b"c", breaker + b"d"), (b"e", b"")]):
        with pytest.raises(ValueError, match="header"):
            writer().head("GET", headers, None, "")


@pytest.mark.parametrize("name", [b"", b"a b", b"a:", b"a\r\nb", b"\xff", *sorted(NEVER_FORWARDED)])
def test_names_that_may_not_be_sent(name: bytes) -> None:
    for spelled in {name, name.upper()}:
        with pytest.raises(ValueError, match="header"):
            writer().head("GET", [(spelled, b"1")], None, "")


def test_the_operators_headers_win() -> None:
    head = writer(Authorization="Bearer op").head("GET", [(b"AUTHORIZATION", b"agent")], None, "")
    assert head.count(b"uthorization") == 1
    assert b"agent" not in head
    assert b"AUTHORIZATION" not in head


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "other"},
        {"Content-Length": "5"},
        {"Transfer-Encoding": "chunked"},
        {"Accept-Encoding": "gzip"},
        {"a b": "c"},
        {"": "c"},
        {"ä": "c"},
        {"a": "b", "A": "c"},
        {"a": "secret\r\nx: y"},
        {"a": "secret\n"},
        {"a": "secret\0"},
        {"a": "secretä"},
    ],
)
def test_static_headers_that_cannot_be_used(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="header") as refused:
        RequestWriter(origin_of("http://h/"), headers)
    assert "secret" not in str(refused.value)
