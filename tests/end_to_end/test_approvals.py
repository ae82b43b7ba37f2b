"""Calls that wait for a person, with the official client, an operator and a whole Helio."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from end_to_end.agent import Agent, connected
from end_to_end.pairs import running_helio
from end_to_end.people import People
from end_to_end.recording import Recorder
from processes import HelioProcess
from transport.house import Agent as Socket
from transport.house import message

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning"),
]

POLICIES = """
approval: { timeout: 60s }
policies:
  rules:
    - { name: payments, match: { tool: create_payment }, action: require_approval }
    - { name: hasty, match: { tool: hasty }, action: require_approval, approval: { timeout: 1s } }
    - { name: urgent, match: { tool: urgent }, action: require_approval,
        approval: { timeout: 60s, escalation_after: 300ms } }
"""
NAMES = ("create_payment", "hasty", "urgent", "read_mail")
SLACK_MS = 250
"""By which a timeout may come late."""
MODES = ["legacy", "2026-07-28"]


@pytest.fixture(scope="module")
def upstream() -> Iterator[Recorder]:
    tools = [{"name": name, "inputSchema": {"type": "object"}} for name in NAMES]
    recorder = Recorder(tools, session="one-for-all")
    yield recorder
    recorder.close()


@pytest.fixture(scope="module")
def helio_here(
    upstream: Recorder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[HelioProcess]:
    directory = tmp_path_factory.mktemp("approvals")
    with running_helio(directory, f"{{ url: '{upstream.url}' }}", POLICIES) as process:
        People.until(lambda: (process.health() or {})["audit"]["index"] == "ready")
        yield process


@pytest.fixture
def people(helio_here: HelioProcess) -> People:
    return People(helio_here)


def forwarded(upstream: Recorder, mark: str) -> int:
    """How often a call with this mark reached the upstream."""
    return sum(f'"{mark}"'.encode() in each.body for each in upstream.calls())


def row_of_ticket(people: People, ticket: dict[str, Any]) -> dict[str, Any]:
    """The one row of a ticket that is over, once it is there."""

    def rows() -> list[dict[str, Any]]:
        found = people.helio.ask("/api/audit?record_kind=approval&limit=500")["data"]
        return [row for row in found if row["id"] == ticket["id"]]

    people.until(lambda: bool(rows()))
    (row,) = rows()
    return row


@asynccontextmanager
async def held(
    people: People, tool: str, mark: str, mode: str = "legacy"
) -> AsyncIterator[tuple[Agent, "asyncio.Task[Any]", dict[str, Any]]]:
    """An agent whose call waits for a person, the call, and its ticket."""
    async with asyncio.timeout(60), connected(people.helio.mcp_url, mode=mode) as agent:
        call = asyncio.ensure_future(
            agent.start(tool, {"mark": mark}, progress_callback=agent.on_progress)
        )
        await agent.until(lambda: bool(agent.progress))
        (ticket,) = [each for each in await people.waiting() if mark in str(each["tool_input"])]
        try:
            yield agent, call, ticket
        finally:
            call.cancel()
            await asyncio.wait({call})


def blocked(result: Any) -> dict[str, Any]:
    """What a blocked call was told."""
    return dict(result.meta["helio/blocked"])


@pytest.mark.parametrize("mode", MODES)
async def test_what_is_approved_runs_once(people: People, upstream: Recorder, mode: str) -> None:
    mark = f"approved-{mode}"
    async with held(people, "create_payment", mark, mode) as (agent, call, ticket):
        assert forwarded(upstream, mark) == 0
        assert (ticket["tool_name"], ticket["matched_rule"]) == ("create_payment", "payments")
        assert ticket["tool_input"] == {"mark": mark}
        ((_, _, said),) = agent.progress
        assert said is not None
        assert said.startswith("A person is asked to approve create_payment, until ")
        assert await asyncio.to_thread(people.approve, ticket) == 200
        result = await call
        assert json.loads(result.content[0].text) == {"mark": mark}
        assert await asyncio.to_thread(people.deny, ticket) == 409
    assert forwarded(upstream, mark) == 1
    row = people.row(mark)
    assert (row["policy_decision"], row["approval_status"]) == ("allow", "approved")
    assert (row["approved_by"], row["outcome"]) == ("ann", "answered")
    assert row["approval_wait_ms"] > 0
    (used,) = row["metadata"]["tickets"]
    assert (used["ticket_id"], used["resolved_by"]) == (ticket["id"], "ann")
    assert row_of_ticket(people, ticket)["approved_by"] == "ann"


@pytest.mark.parametrize("mode", MODES)
async def test_what_is_denied_says_why(people: People, upstream: Recorder, mode: str) -> None:
    mark = f"denied-{mode}"
    async with held(people, "create_payment", mark, mode) as (_, call, ticket):
        assert await asyncio.to_thread(people.deny, ticket, "Not on a Friday.") == 200
        told = blocked(await call)
    assert told["reason"] == "approval_denied"
    assert (told["ticket_id"], told["denied_by"]) == (ticket["id"], "ann")
    assert told["denial_reason"] == "Not on a Friday."
    assert forwarded(upstream, mark) == 0
    row = people.row(mark)
    assert (row["block_reason"], row["approval_status"]) == ("approval_denied", "denied")
    assert people.ticket(ticket["id"])["denial_reason"] == "Not on a Friday."


async def test_a_timeout_denies(people: People, upstream: Recorder) -> None:
    async with held(people, "hasty", "hasty-1") as (_, call, ticket):
        told = blocked(await call)
    assert (told["reason"], told["timeout_seconds"]) == ("approval_timeout", 1)
    assert forwarded(upstream, "hasty-1") == 0
    row = people.row("hasty-1")
    assert row["approval_status"] == "timeout"
    assert 1000 <= row["approval_wait_ms"] < 1000 + SLACK_MS
    assert people.ticket(ticket["id"])["status"] == "timeout"


async def test_it_escalates_and_still_waits(people: People, upstream: Recorder) -> None:
    async with held(people, "urgent", "urgent-1") as (_, call, ticket):
        assert ticket["escalated"] is False
        await asyncio.to_thread(people.until, lambda: people.ticket(ticket["id"])["escalated"])
        assert not call.done()
        assert await asyncio.to_thread(people.approve, ticket) == 200
        await call
    assert forwarded(upstream, "urgent-1") == 1


async def test_the_glass_is_broken_with_a_reason(people: People, upstream: Recorder) -> None:
    async with held(people, "create_payment", "glass-1") as (_, call, ticket):
        assert await asyncio.to_thread(people.break_glass, ticket, "") == 400
        assert await asyncio.to_thread(people.break_glass, ticket, "The house burns.") == 200
        assert not (await call).is_error
    assert forwarded(upstream, "glass-1") == 1
    row = people.row("glass-1")
    assert (row["approval_status"], row["approved_by"]) == ("break_glass", "ann")
    assert "The house burns." in str(row_of_ticket(people, ticket)["metadata"])


@pytest.mark.parametrize(
    ("mode", "accept"),
    [("legacy", ""), ("legacy", "accept: application/json\r\n"), ("2026-07-28", "")],
)
async def test_who_left_finds_a_grant_that_counts_once(
    people: People, upstream: Recorder, mode: str, accept: str
) -> None:
    mark = f"left-{mode}-{len(accept)}"
    async with sent(people, mark, mode, accept):
        (ticket,) = [each for each in await people.waiting() if mark in str(each["tool_input"])]
    first = await asyncio.to_thread(people.row, mark)
    assert (first["block_reason"], first["approval_status"]) == ("client_disconnected", "pending")
    assert people.ticket(ticket["id"])["status"] == "pending"
    assert await asyncio.to_thread(people.approve, ticket) == 200
    assert forwarded(upstream, mark) == 0
    async with sent(people, mark, mode, accept) as again:
        assert mark.encode() in (await again.reply()).body
    assert forwarded(upstream, mark) == 1
    async with sent(people, mark, mode, accept) as once_more:
        (another,) = [each for each in await people.waiting() if mark in str(each["tool_input"])]
        assert another["id"] != ticket["id"], "a grant counts once"
        assert await asyncio.to_thread(people.deny, another) == 200
        assert b"approval_denied" in (await once_more.reply()).body
    assert forwarded(upstream, mark) == 1


@asynccontextmanager
async def sent(people: People, mark: str, mode: str, headers: str = "") -> AsyncIterator[Socket]:
    """A call of an agent on a bare socket, which it closes at the end."""
    agent = Socket(*await asyncio.open_connection("127.0.0.1", people.helio.mcp_port))
    params: dict[str, Any] = {"name": "create_payment", "arguments": {"mark": mark}}
    if mode != "legacy":
        params["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": mode,
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        headers += f"mcp-protocol-version: {mode}\r\nmcp-method: tools/call\r\n"
        headers += "mcp-name: create_payment\r\n"
    await agent.ask(message("tools/call", "1", json.dumps(params)), headers=headers)
    try:
        yield agent
    finally:
        agent.leave()
        await agent.ended()


async def test_who_gives_a_call_up_takes_its_ticket_back(
    people: People, upstream: Recorder
) -> None:
    async with held(people, "create_payment", "given-up-1") as (_, call, ticket):
        call.cancel()  # the official client then sends notifications/cancelled
        await asyncio.to_thread(
            people.until, lambda: people.ticket(ticket["id"])["status"] == "cancelled"
        )
        assert await asyncio.to_thread(people.approve, ticket) == 409
    assert forwarded(upstream, "given-up-1") == 0
    assert people.row("given-up-1")["approval_status"] == "cancelled"
    told = [json.loads(body) for body in upstream.arrived()]
    assert not [each for each in told if each.get("method") == "notifications/cancelled"]


async def test_held_calls_hold_up_nobody(people: People) -> None:
    async with held(people, "create_payment", "slow-1") as (agent, call, ticket):
        began = time.monotonic()
        await agent.call("read_mail", {"mark": "meanwhile"})
        assert time.monotonic() - began < 1
        assert await asyncio.to_thread(people.deny, ticket) == 200
        await call
