import pytest

from helio.protocol.guards import (
    host_allowed,
    host_rules,
    origin_allowed,
    origin_rules,
    path_allowed,
)

HOSTS = host_rules(listen_host="127.0.0.1", configured=["Helio.Example", "proxy.example:8443"])
ORIGINS = origin_rules(own_ports=[3000], configured=["https://App.Example", "http://dev:5173/"])


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:3000",
        "127.0.0.1:9",
        "[::1]:3000",
        "[::1]",
        "helio.example",
        "helio.example:1",
        "proxy.example:8443",
    ],
)
def test_hosts_that_may_pass(host: str) -> None:
    assert host_allowed(host, HOSTS)


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "evil.example",
        "localhost.evil.example",
        "evil-localhost",
        "127.0.0.1.evil.example",
        "127.0.0.2",
        "0.0.0.0",  # noqa: S104 - refused
        "0.0.0.0:3000",
        "::1",
        "localhost:",
        "localhost:x",
        "localhost:3000:3000",
        "localhost:123456",
        "user@localhost",
        "localhost, evil.example",
        "localhost\n",
        " localhost",
        "localhost.",
        "sub.helio.example",
        "proxy.example",
        "proxy.example:8444",
    ],
)
def test_hosts_that_may_not(host: str | None) -> None:
    assert not host_allowed(host, HOSTS)


@pytest.mark.parametrize(
    ("listen_host", "own", "allowed"),
    [
        ("10.0.0.5", "10.0.0.5:3000", True),
        ("fe80::1", "[fe80::1]:3000", True),
        ("[fe80::1]", "[fe80::1]", True),
        ("0.0.0.0", "0.0.0.0", False),  # noqa: S104 - refused
        ("::", "[::]", False),
    ],
)
def test_the_host_we_listen_on(listen_host: str, own: str, allowed: bool) -> None:
    assert host_allowed(own, host_rules(listen_host=listen_host)) is allowed


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "http://localhost:3000",
        "https://127.0.0.1:3000",
        "HTTP://[::1]:3000",
        "https://app.example",
        "https://app.example:443",
        "http://dev:5173",
    ],
)
def test_origins_that_may_pass(origin: str | None) -> None:
    assert origin_allowed(origin, ORIGINS)


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://localhost",
        "http://localhost:3001",
        "http://evil.example",
        "http://evil.example:3000",
        "http://localhost.evil.example:3000",
        "http://app.example",
        "https://app.example:8443",
        "https://sub.app.example",
        "file://",
        "http://localhost:3000/",
        "http://localhost:3000 http://evil.example",
        "http://user@localhost:3000",
        "http://127.0.0.1.evil.example:3000",
        "http://localhost:3000\n",
    ],
)
def test_origins_that_may_not(origin: str) -> None:
    assert not origin_allowed(origin, ORIGINS)


def test_an_origin_without_port_has_its_schemes() -> None:
    rules = origin_rules(own_ports=[80])
    assert origin_allowed("http://localhost", rules)
    assert not origin_allowed("https://localhost", rules)


@pytest.mark.parametrize("target", ["/mcp", "/mcp?a=b", "/mcp?", "/mcp?a=/../"])
def test_the_path(target: str) -> None:
    assert path_allowed(target)


@pytest.mark.parametrize(
    "target",
    [
        "",
        "/",
        "/mcp/",
        "//mcp",
        "/mcp//",
        "/MCP",
        "/%6dcp",
        "/mcp%2f",
        "/mcp%2e",
        "/./mcp",
        "/%2e/mcp",
        "/a/../mcp",
        "/mcp;x",
        "/mcp#x",
        "/mcpx",
        "/mcp\x00",
        "http://localhost/mcp",
        "*",
        "\\mcp",
    ],
)
def test_odd_paths_are_not_found(target: str) -> None:
    assert not path_allowed(target)


@pytest.mark.parametrize("entry", ["http://x", "a b", "", "*", "x:y"])
def test_a_configured_host_that_is_none_is_an_error(entry: str) -> None:
    with pytest.raises(ValueError, match="not a host"):
        host_rules(listen_host="127.0.0.1", configured=[entry])


@pytest.mark.parametrize("entry", ["x", "*", "null", "http://x/path", ""])
def test_a_configured_origin_that_is_none_is_an_error(entry: str) -> None:
    with pytest.raises(ValueError, match="not an origin"):
        origin_rules(own_ports=[], configured=[entry])
