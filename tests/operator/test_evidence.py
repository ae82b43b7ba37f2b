"""What operators are shown of a session."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from helio.governance.sessions import Mark, Sessions, Visit
from helio.operator.access import Access
from helio.operator.api import application
from helio.operator.evidence import evidence_handler
from helio.pipeline.events import Moment
from helio.protocol.guards import host_rules, origin_rules

SECOND = 10**9
WALL = 1_767_323_045 * SECOND


class Port:
    """An operator port over sessions, `seconds` after the start."""

    def __init__(self) -> None:
        self.sessions = Sessions()
        self.seconds = 0
        access = Access(host_rules(listen_host="127.0.0.1"), origin_rules(own_ports=[3100]), "s")
        handler = evidence_handler(self.sessions, self._now)
        routes = [web.get("/api/evidence/{session}", handler)]
        self.server = TestServer(application(access, routes))

    def _now(self) -> Moment:
        passed = self.seconds * SECOND
        return Moment(WALL + passed, passed)

    async def get(self, path: str, operator: str = "s") -> tuple[int, Any]:
        headers = {"authorization": f"Bearer {operator}"}
        url = self.server.make_url(f"/api/evidence/{path}")
        async with ClientSession() as client, client.get(url, headers=headers) as answer:
            return answer.status, await answer.text()


@pytest.fixture
async def port() -> AsyncIterator[Port]:
    found = Port()
    await found.server.start_server()
    yield found
    await found.server.close()


def lookup(sessions: Sessions, key: str, call_id: str) -> None:
    visit = Visit(key, call_id, "lookup", ("seen",))
    sessions.enter(visit, 0)
    sessions.leave(visit, "succeeded", b'{"id":12345678901234567890}', 0)


async def test_a_session_is_shown_with_what_counts_and_until_when(port: Port) -> None:
    lookup(port.sessions, "a s1", "c1")
    port.sessions.mark(Mark("a s1", ("order",), b"1e400", 10 * SECOND), 0)
    port.sessions.put_context("a s1", "k", '{"x":1}', 0)
    port.seconds = 60
    status, text = await port.get("s1")
    assert status == 200
    assert '"id":12345678901234567890' in text
    assert '"about":1e400' in text
    data = json.loads(text)["data"]
    evidence = data.pop("evidence")
    assert data == {
        "session_id": "s1",
        "agent_id": "a",
        "labels": ["seen"],
        "called": ["lookup"],
        "completed": [{"tool": "lookup", "at": "2026-01-02T03:04:05.000000Z", "call_id": "c1"}],
        "context": {"k": {"x": 1}},
        "counters": {"forwarded": 1, "succeeded": 1, "under_way": 0},
    }
    told = [(each["name"], each["by"], each["valid_until"], each["expired"]) for each in evidence]
    assert told == [
        ("lookup", "c1", "2026-01-02T03:09:05.000000Z", False),
        ("lookup", "c1", "2026-01-02T03:09:05.000000Z", False),
        ("order", "mark", "2026-01-02T03:04:15.000000Z", True),
    ]


async def test_sessions_of_several_agents_are_told_apart(port: Port) -> None:
    for agent in ("a", "b"):
        lookup(port.sessions, f"{agent} s1", f"c-{agent}")
    assert (await port.get("s1"))[0] == 409
    status, text = await port.get("s1?agent=b")
    assert (status, json.loads(text)["data"]["agent_id"]) == (200, "b")
    assert (await port.get("s1?agent=c"))[0] == 404


async def test_an_id_may_hold_any_sign_that_sessions_may(port: Port) -> None:
    lookup(port.sessions, "a/b?c%d", "c1")
    status, text = await port.get("a%2Fb%3Fc%25d")
    assert (status, json.loads(text)["data"]["session_id"]) == (200, "a/b?c%d")


async def test_what_is_over_or_foreign_is_not_shown(port: Port) -> None:
    lookup(port.sessions, "s1", "c1")
    assert (await port.get("s1", operator="x"))[0] == 401
    assert (await port.get("s1"))[0] == 200
    port.seconds = 3600
    assert (await port.get("s1"))[0] == 404
    assert (await port.get("s2"))[0] == 404
