"""Marks and context by the SDK port: recorded before they are acknowledged, refused where they
would prove nothing."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from helio.audit import recovery
from helio.sideband.tokens import Tokens
from sideband.port import SDK, Port, opened

MARK = {"session_id": "s1", "tool_name": "orders.lookup", "data": 1}


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[Port]:
    async with opened(tmp_path) as found:
        yield found


def lines(directory: Path, kind: str) -> list[dict[str, object]]:
    return [dict(line.values()) for line in recovery.read(directory) if line.kind == kind]


async def test_a_mark_counts_under_both_names_and_is_in_the_journal(
    port: Port, tmp_path: Path
) -> None:
    status, data = await port.mark(evidence_key="order_data", ttl=60)
    assert (status, data["names"]) == (201, ["orders.lookup", "order_data"])
    assert (data["session_id"], data["agent_id"]) == ("s1", None)
    (line,) = lines(tmp_path, "evidence")
    assert (line["session_id"], line["session_source"]) == ("s1", "sdk")
    assert json.loads(str(line["metadata"]))["ttl_ns"] == 60 * 10**9
    assert list(port.names()) == ["orders.lookup", "order_data"]


async def test_every_digit_stays(port: Port) -> None:
    raw = b'{"session_id":"s1","tool_name":"order_data","data": {"id": 12345678901234567890.10}}'
    assert (await port.ask("POST", "/evidence", raw=raw))[0] == 201
    view = port.sessions.view("s1", 0)
    assert view is not None
    assert view["evidence"][0][3] == '{"id":12345678901234567890.1}'


async def test_of_several_marks_all_are_kept_or_none(port: Port, tmp_path: Path) -> None:
    bad = {**MARK, "tool_name": "nobody.asks"}
    status, found, _ = await port.ask("POST", "/evidence", {"marks": [MARK, bad]})
    assert (status, found["reason"]) == (422, "evidence_not_asked")
    assert found["error"].startswith("marks[1]: no rule asks")
    assert (lines(tmp_path, "evidence"), list(port.names())) == ([], [])
    second = {**MARK, "session_id": "s2", "data": [2.50]}
    status, found, _ = await port.ask("POST", "/evidence", {"marks": [MARK, second]})
    assert [each["session_id"] for each in found["data"]] == ["s1", "s2"]
    assert [line["data"] for line in lines(tmp_path, "evidence")] == ["1", "[2.5]"]


@pytest.mark.parametrize(
    ("members", "status", "reason"),
    [
        ({"tool_name": "a", "evidence_key": "b"}, 422, "evidence_not_asked"),
        ({"data": "x" * 4095}, 413, "too_large"),
        ({"tool_name": None}, 400, "invalid"),
        ({"tool_name": 5}, 400, "invalid"),
        ({"tool_name": "a\nb"}, 400, "invalid"),
        ({"session_id": "two words"}, 400, "invalid"),
        ({"session_id": "x" * 257}, 400, "invalid"),
        ({"session_id": None}, 400, "invalid"),
        ({"ttl": 0}, 400, "invalid"),
        ({"ttl": -1}, 400, "invalid"),
        ({"ttl": True}, 400, "invalid"),
        ({"ttl": "5m"}, 400, "invalid"),
        ({"ttl": 1e300}, 400, "invalid"),
        ({"unknown": 1}, 400, "invalid"),
    ],
)
async def test_what_proves_nothing_is_refused(
    port: Port, members: dict[str, object], status: int, reason: str
) -> None:
    assert await port.mark(**members) == (status, reason)
    assert list(port.names()) == []


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b'{"marks": []}',
        b'{"marks": 5}',
        b'{"marks": [5]}',
        b'{"marks": [{"session_id":"s1","tool_name":"order_data"}]}',
        b'{"session_id":"s1","tool_name":"order_data"}',
        b'{"session_id":"s1","session_id":"s2","tool_name":"order_data","data":1}',
        b'{"session_id":"s1","tool_name":"order_data","data":{"a":1,"a":2}}',
        b'{"session_id":"s1","tool_name":"\\ud800","data":1}',
    ],
)
async def test_a_body_that_cannot_be_meant_is_refused(port: Port, raw: bytes) -> None:
    for path in ("/evidence", "/context"):
        status, found, _ = await port.ask("POST", path, raw=raw)
        assert (status, found["reason"]) == (400, "invalid")
    assert len(port.sessions) == 0


async def test_what_is_not_recorded_does_not_count(port: Port) -> None:
    await port.journal.close()
    assert await port.mark() == (503, "audit_unavailable")
    assert list(port.names()) == []
    body = {"session_id": "s1", "key": "k", "value": 1}
    assert (await port.ask("POST", "/context", body))[0] == 503


async def test_only_what_the_list_names_may_be_marked(port: Port) -> None:
    port.tokens = Tokens([SDK], ("order*",))
    assert await port.mark(tool_name="secret.scan") == (403, "evidence_not_allowed")
    status, data = await port.mark(tool_name="secret.scan", evidence_key="order_data")
    assert (status, data["names"]) == (201, ["order_data"])
    assert list(port.names()) == ["order_data"]


async def test_a_token_may_be_for_some_evidence_alone(port: Port) -> None:
    port.tokens = Tokens([replace(SDK, evidence=("secret.*",))])
    assert await port.mark() == (403, "evidence_not_allowed")
    assert (await port.mark(tool_name="secret.scan"))[0] == 201


async def test_sessions_are_those_of_agents_that_have_names(tmp_path: Path) -> None:
    async with opened(tmp_path, agents_known=True) as port:
        assert await port.mark() == (400, "invalid")
        assert (await port.mark(agent_id="shop"))[0] == 201
        assert list(port.names("shop s1")) == ["orders.lookup"]
        bound = replace(SDK, name="bound", secret="a-token-of-one-agent", agents=("shop",))
        group = replace(SDK, name="group", secret="a-token-of-several", agents=("desk-*",))
        port.tokens = Tokens([SDK, bound, group])
        status, data = await port.mark(bound.secret, evidence_key="order_data")
        assert (status, data["agent_id"]) == (201, "shop")
        assert await port.mark(bound.secret, agent_id="other") == (403, "agent_not_allowed")
        assert await port.mark(group.secret) == (400, "invalid")
        assert await port.mark(group.secret, agent_id="shop") == (403, "agent_not_allowed")
        assert (await port.mark(group.secret, agent_id="desk-1"))[0] == 201
        for token, status in ((bound, 200), (group, 403)):
            found = await port.ask("GET", "/session/s1?agent=shop", token=token.secret)
            assert found[0] == status


async def test_a_bound_token_opens_no_session_of_nobody(port: Port) -> None:
    port.tokens = Tokens([replace(SDK, agents=("desk-*",))])
    assert await port.mark() == (403, "agent_not_allowed")


async def test_context_is_kept_and_shown(port: Port, tmp_path: Path) -> None:
    raw = b'{"session_id":"s1","key":"order","value":{"total": 1.10}}'
    assert (await port.ask("POST", "/context", raw=raw))[0] == 201
    status, found, _ = await port.ask("GET", "/session/s1")
    assert (status, found["data"]["context"]) == (200, {"order": {"total": 1.1}})
    assert [line["name"] for line in lines(tmp_path, "context")] == ["order"]
    large = {"session_id": "s1", "key": "k", "value": "x" * 5000}
    status, found, _ = await port.ask("POST", "/context", large)
    assert (status, found["reason"]) == (413, "too_large")


async def test_a_session_is_shown_with_its_evidence(port: Port) -> None:
    await port.mark()
    _, found, _ = await port.ask("GET", "/session/s1")
    (evidence,) = found["data"]["evidence"]
    assert (evidence["name"], evidence["by"], evidence["expired"]) == (
        "orders.lookup",
        "mark",
        False,
    )
    status, found, _ = await port.ask("GET", "/session/nobody")
    assert (status, found["data"]["evidence"], found["data"]["called"]) == (200, [], [])
    for path in ("/session/two%20words", "/session/%C3%A9"):
        assert (await port.ask("GET", path))[0] == 400
