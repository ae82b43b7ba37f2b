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


def keys(*sessions: tuple[str | None, str]) -> list[str | None]:
    return [SessionIdentity(id_, "header", TRIED).key(agent) for agent, id_ in sessions]


def test_one_id_of_two_agents_is_two_sessions() -> None:
    assert len(set(keys(("a", "s"), ("b", "s"), (None, "s"), ("a", "t")))) == 4


def test_without_an_agent_the_key_is_the_id_as_it_ever_was() -> None:
    assert keys((None, "s")) == ["s"]
    assert SessionIdentity(None, None, TRIED).key("a") is None


@pytest.mark.parametrize("sent", ["a s", "a\ts", "a\u00a0s"])
def test_nobody_can_send_another_agents_key(sent: str) -> None:
    assert SessionIdentity("s", "header", TRIED).key("a") == "a s"
    assert resolve({"x-helio-session-id": sent}).key(None) is None


def test_a_door_with_sessions_of_its_own_stands_in_for_the_legacy_header() -> None:
    resolver = SessionResolver([("header", "x-session"), ("legacy_header", "mcp-session-id")])
    headers = {"x-session": "a", "mcp-session-id": "b"}
    assert resolver.resolve({}.get, channel="c").id == "c"
    assert resolver.resolve(headers.get, channel="c").id == "a"
    del headers["x-session"]
    assert resolver.resolve(headers.get, channel="c").id == "b"
    assert SessionResolver([("header", "x-session")]).resolve({}.get, channel="c").id is None


def test_a_request_of_the_modern_era_has_no_legacy_header() -> None:
    resolver = SessionResolver([("header", "x-session"), ("legacy_header", "mcp-session-id")])
    headers = {"mcp-session-id": "b"}
    assert resolver.resolve(headers.get, is_modern=True).id is None
    assert resolver.resolve({**headers, "x-session": "a"}.get, is_modern=True).id == "a"
