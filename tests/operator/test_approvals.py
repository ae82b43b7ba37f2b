"""Tickets on the operator port: what is shown, and who may say what about them."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, CookieJar
from aiohttp.test_utils import TestServer

from approvals.tickets import broker, request
from helio.audit.journal import Journal
from helio.errors import JournalUnavailable
from helio.governance.ticket import Ticket
from helio.operator.access import Access
from helio.operator.api import application
from helio.operator.approvals import ApprovalsView
from helio.protocol.guards import host_rules, origin_rules

SECRET = "an-operators-secret"
BEARER = {"authorization": f"Bearer {SECRET}"}


class Port:
    """A served operator port over a broker."""

    def __init__(self, journal: Journal, secret: str | None = SECRET) -> None:
        self.broker = broker(journal)
        access = Access(host_rules(listen_host="127.0.0.1"), origin_rules(own_ports=[3100]), secret)
        view = ApprovalsView(self.broker, access)
        self.server = TestServer(application(access, view.routes()))
        self.browser = ClientSession(cookie_jar=CookieJar(unsafe=True))

    async def close(self) -> None:
        await self.browser.close()
        await self.server.close()
        await self.broker.aclose()

    async def get(self, path: str = "") -> tuple[int, Any]:
        url = self.server.make_url(f"/api/approvals{path}")
        async with self.browser.get(url, headers=BEARER) as answer:
            return answer.status, json.loads(await answer.text())

    async def post(
        self, path: str, body: Any, headers: Mapping[str, str] = BEARER
    ) -> tuple[int, Any]:
        url = self.server.make_url(f"/api/approvals/{path}")
        async with self.browser.post(url, json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def sign_in(self) -> dict[str, str]:
        """The headers of a change by cookie."""
        url = self.server.make_url("/api/auth/session")
        async with self.browser.post(url, json={"secret": SECRET}) as answer:
            return {"x-helio-csrf": (await answer.json())["data"]["csrf_token"]}


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    opened = Journal.open(tmp_path)
    await opened.start(dict)
    yield opened
    await opened.close()


@pytest.fixture
async def port(journal: Journal) -> AsyncIterator[Port]:
    found = Port(journal)
    await found.server.start_server()
    yield found
    await found.close()


@pytest.fixture
async def ticket(port: Port) -> Ticket:
    return await port.broker.ask(request())


async def test_the_queue_is_a_list_newest_first(port: Port, ticket: Ticket) -> None:
    second = await port.broker.ask(request(binding="another", call_id="c2"))
    status, found = await port.get()
    assert status == 200
    assert [each["id"] for each in found["data"]] == [second.id, ticket.id]
    assert (found["total"], found["limit"], found["offset"]) == (2, 100, 0)
    await port.broker.deny(second.id, "ann", "no")
    assert [each["id"] for each in (await port.get("?status=pending"))[1]["data"]] == [ticket.id]
    denied = (await port.get("?status=denied"))[1]["data"]
    assert [(each["id"], each["denial_reason"]) for each in denied] == [(second.id, "no")]
    page = (await port.get("?limit=1&offset=1"))[1]
    assert ([each["id"] for each in page["data"]], page["total"]) == ([ticket.id], 2)


async def test_a_ticket_has_what_scripts_rely_on(port: Port, ticket: Ticket) -> None:
    status, found = await port.get(f"/{ticket.id}")
    assert status == 200
    shown = found["data"]
    assert set(shown) >= {
        *("id", "tool_name", "tool_input", "matched_rule", "rule_index", "channel_name"),
        *("session_id", "agent_id", "requested_at", "timeout_at", "status", "breached_budgets"),
        *("notification_failures", "resolved_at", "resolved_by", "denial_reason"),
    }
    assert (shown["status"], shown["resolved_at"]) == ("pending", None)
    assert shown["requested_at"].endswith("Z")
    assert isinstance(shown["tool_input"], dict)


@pytest.mark.parametrize(
    ("verb", "body", "status"),
    [
        ("approve", {"approved_by": "ann"}, "approved"),
        ("deny", {"denied_by": "ann"}, "denied"),
        ("deny", {"denied_by": "ann", "reason": "not today"}, "denied"),
        ("break-glass", {"approved_by": "ann", "reason": "the site is down"}, "break_glass"),
    ],
)
async def test_a_ticket_is_resolved_once(
    port: Port, ticket: Ticket, verb: str, body: dict[str, str], status: str
) -> None:
    assert await port.post(f"{ticket.id}/{verb}", body) == (200, {"ok": True})
    resolved = port.broker.get(ticket.id)
    assert (resolved.status, resolved.resolved_by) == (status, "ann")
    assert resolved.reason == body.get("reason")
    again, answer = await port.post(f"{ticket.id}/approve", {"approved_by": "bob"})
    assert (again, answer["status"]) == (409, status)
    assert status in answer["error"]


@pytest.mark.parametrize(
    ("verb", "body", "said"),
    [
        ("approve", {}, "approved_by: is missing"),
        ("approve", {"approved_by": "  "}, "approved_by: is missing"),
        ("approve", {"approved_by": 7}, "approved_by: is not a text"),
        ("approve", {"approved_by": "a\nb"}, "approved_by: is not a name"),
        ("approve", {"approved_by": "\u202eann"}, "approved_by: is not a name"),
        ("approve", {"approved_by": "x" * 201}, "approved_by: is not a name"),
        ("approve", {"approvedBy": "ann"}, "'approvedBy': is not known; there are approved_by"),
        ("approve", [], "the body is not an object"),
        ("deny", {}, "denied_by: is missing"),
        ("deny", {"denied_by": "ann", "reason": 1}, "reason: is not a text"),
        ("break-glass", {"approved_by": "ann"}, "reason: is missing"),
        ("break-glass", {"approved_by": "ann", "reason": " "}, "reason: is missing"),
        ("break-glass", {"reason": "fire"}, "approved_by: is missing"),
    ],
)
async def test_what_is_missing_is_said_and_nothing_happens(
    port: Port, ticket: Ticket, verb: str, body: Any, said: str
) -> None:
    status, answer = await port.post(f"{ticket.id}/{verb}", body)
    assert (status, answer["error"].startswith(said)) == (400, True), answer
    assert port.broker.get(ticket.id).is_pending


@pytest.mark.parametrize("verb", ["approve", "deny", "break-glass"])
async def test_unknown_tickets_are_404(port: Port, verb: str) -> None:
    assert (await port.get("/no"))[0] == 404
    name = "denied_by" if verb == "deny" else "approved_by"
    body = {name: "ann"} | ({"reason": "fire"} if verb == "break-glass" else {})
    assert (await port.post(f"no/{verb}", body))[0] == 404


async def test_faulty_filters_are_named(port: Port) -> None:
    for query, said in {
        "status=open": "status: 'open' is none; there are pending, approved, denied, timeout",
        "limit=x": "limit: 'x' is not a whole number",
        "tool=x": "tool: is not a filter; there are limit, offset, status",
        "status=pending&status=denied": "status: is given more than once",
    }.items():
        status, answer = await port.get(f"?{query}")
        assert (status, answer["error"].startswith(said)) == (400, True), answer


async def test_nobody_decides_without_proof(port: Port, ticket: Ticket) -> None:
    body = {"approved_by": "mallory", "reason": "because"}
    for verb in ("approve", "break-glass"):
        assert (await port.post(f"{ticket.id}/{verb}", body, {}))[0] == 401
        wrong = {"authorization": "Bearer wrong"}
        assert (await port.post(f"{ticket.id}/{verb}", body, wrong))[0] == 401
    await port.sign_in()
    assert (await port.post(f"{ticket.id}/approve", {"approved_by": "mallory"}, {}))[0] == 403
    url = port.server.make_url(f"/api/approvals/{ticket.id}/approve")
    for origin in ("https://evil.example", "null", "http://127.0.0.1:8000"):
        headers = {"content-type": "text/plain", "origin": origin}
        async with port.browser.post(url, data=json.dumps(body), headers=headers) as answer:
            assert answer.status == 403
    headers = {**BEARER, "content-type": "text/plain"}
    async with port.browser.post(url, data=json.dumps(body), headers=headers) as answer:
        assert answer.status == 415
    assert port.broker.get(ticket.id).is_pending


async def test_a_browser_decides_but_breaks_glass_with_the_secret_alone(
    port: Port, ticket: Ticket
) -> None:
    signed = await port.sign_in()
    body = {"approved_by": "ann", "reason": "fire"}
    path = f"{ticket.id}/break-glass"
    status, answer = await port.post(path, body, signed)
    assert (status, answer) == (400, {"error": "secret: is missing"})
    assert (await port.post(path, body | {"secret": "wrong"}, signed))[0] == 401
    assert port.broker.get(ticket.id).is_pending
    assert (await port.post(path, body | {"secret": SECRET}, signed))[0] == 200
    assert port.broker.get(ticket.id).status == "break_glass"
    other = await port.broker.ask(request(binding="another", call_id="c2"))
    assert (await port.post(f"{other.id}/approve", {"approved_by": "ann"}, signed))[0] == 200


async def test_in_open_mode_no_glass_is_broken(journal: Journal) -> None:
    port = Port(journal, None)
    await port.server.start_server()
    ticket = await port.broker.ask(request())
    body = {"approved_by": "ann", "reason": "fire", "secret": ""}
    status, answer = await port.post(f"{ticket.id}/break-glass", {**body, "secret": "x"}, {})
    assert (status, "dashboard.api_secret" in answer["error"]) == (403, True)
    assert (await port.post(f"{ticket.id}/approve", {"approved_by": "ann"}, {}))[0] == 200
    await port.close()


async def test_what_cannot_be_recorded_does_not_count(
    port: Port, ticket: Ticket, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> Ticket:
        raise JournalUnavailable("the disk is full")

    monkeypatch.setattr(port.broker, "approve", fail)
    status, answer = await port.post(f"{ticket.id}/approve", {"approved_by": "ann"})
    assert (status, "the disk is full" in answer["error"]) == (503, True)


async def test_of_many_who_decide_at_once_one_wins(port: Port, ticket: Ticket) -> None:
    said = [("approve", "approved_by"), ("deny", "denied_by")] * 5
    answers = await asyncio.gather(
        *(port.post(f"{ticket.id}/{verb}", {name: "ann"}) for verb, name in said)
    )
    assert sorted(status for status, _ in answers) == [200] + [409] * 9
