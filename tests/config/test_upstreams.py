"""Several upstreams: told apart by their names."""

import pytest

from helio.config import parse_config

HEAD = "version: '1'\n"
TWO = "upstreams:\n  - { name: a, url: 'http://a/mcp' }\n  - { name: b, url: 'http://b/mcp' }\n"


def faults(text: str) -> list[tuple[str, str, str]]:
    loaded = parse_config(HEAD + text, environment={}, purpose="run")
    return [(each.code, each.path, each.message) for each in loaded.diagnostics]


def test_each_has_its_own_keys() -> None:
    text = TWO.replace("'http://b/mcp' }", "'http://b/mcp', headers: { x-team: b } }")
    loaded = parse_config(HEAD + text, environment={}, purpose="run")
    assert loaded.config is not None
    first, second = loaded.config.upstreams
    assert (first.name, first.url, dict(first.headers)) == ("a", "http://a/mcp", {})
    assert second.headers["x-team"].get_secret_value() == "b"


@pytest.mark.parametrize(
    ("text", "code", "path", "message"),
    [
        ("upstreams: []", "HL101", "upstreams", "`upstreams` names no upstream"),
        (
            TWO + "upstream: { url: 'http://c/mcp' }",
            "HL106",
            "upstreams",
            "`upstream` and `upstreams` exclude each other",
        ),
        (
            TWO.replace("name: b", "name: a"),
            "HL106",
            "upstreams[1].name",
            "two upstreams are called `a`",
        ),
        (
            "upstreams: [{ url: 'http://a/mcp' }]",
            "HL101",
            "upstreams[0]",
            "`name` is missing",
        ),
        (
            "upstreams: [{ name: 'a/b', url: 'http://a/mcp' }]",
            "HL105",
            "upstreams[0].name",
            "a name has at most 64 letters, digits, `.`, `_` and `-`, and begins with no sign",
        ),
    ],
)
def test_refused(text: str, code: str, path: str, message: str) -> None:
    assert faults(text) == [(code, path, message)]
