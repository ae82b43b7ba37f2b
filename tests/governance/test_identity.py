"""Which header says what session a call belongs to."""

import pytest

from helio.governance.identity import MAX_SESSION_ID, SessionIdentity, SessionResolver

BOTH = (("header", "x-helio-session-id"), ("legacy_header", "mcp-session-id"))
TRIED = ("x-helio-session-id", "mcp-session-id")


def resolve(headers: dict[str, str]) -> SessionIdentity:
    return SessionResolver(BOTH).resolve(headers.get)


def test_the_first_source_wins() -> None:
    found = resolve({"x-helio-session-id": "a", "mcp-session-id": "b"})
    assert found == SessionIdentity("a", "header", TRIED)


def test_the_next_source_serves_when_the_first_says_nothing() -> None:
    assert resolve({"mcp-session-id": "b"}) == SessionIdentity("b", "legacy_header", TRIED)


@pytest.mark.parametrize(
    "value", ["", " ", "a b", "a\tb", "é", "x" * (MAX_SESSION_ID + 1), "a\x7f"]
)
def test_an_unusable_id_counts_as_absent(value: str) -> None:
    assert resolve({"x-helio-session-id": value}) == SessionIdentity(None, None, TRIED)


def test_the_longest_id_is_kept_whole() -> None:
    longest = "x" * MAX_SESSION_ID
    assert resolve({"mcp-session-id": longest}).id == longest


def test_the_order_is_the_configured_one() -> None:
    resolver = SessionResolver(tuple(reversed(BOTH)))
    headers = {"x-helio-session-id": "a", "mcp-session-id": "b"}
    assert resolver.resolve(headers.get).id == "b"
