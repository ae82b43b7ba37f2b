"""Calls that wait for a person while Helio dies, ends or takes another policy."""

import asyncio
import json
import time

import pytest

from end_to_end.burst import outcome
from end_to_end.people import People
from end_to_end.recording import Recorder
from processes import HelioFactory, HelioProcess
from transport.house import Agent as Socket
from transport.house import tool_call

pytestmark = pytest.mark.end_to_end

RULE = "{ name: payments, match: { tool: create_payment }, action: require_approval }"
POLICIES = "approval: {{ timeout: {timeout}, mode: {mode} }}\npolicies: {{ rules: [{rules}] }}\n"
SESSION = "x-helio-session-id: s-1\r\n"


def configured(rules: str = RULE, timeout: str = "60s", mode: str = "hold") -> str:
    return POLICIES.format(rules=rules, timeout=timeout, mode=mode)


async def sent(process: HelioProcess, mark: str) -> Socket:
    """A call, sent and not answered yet."""
    agent = Socket(*await asyncio.open_connection("127.0.0.1", process.mcp_port))
    headers = SESSION + "accept: application/json\r\n"
    body = tool_call("1", "create_payment", json.dumps({"mark": mark}))
    await agent.ask(body, headers=headers)
    return agent


async def came_out(agent: Socket) -> str:
    """How the call came out."""
    reply = await agent.reply()
    agent.leave()
    return outcome(reply.message)


async def test_a_timeout_may_allow(helio: HelioFactory, recorder: Recorder) -> None:
    text = configured(timeout="1s").replace("mode:", "default_on_timeout: allow, mode:")
    process = helio(text, upstream=recorder.url)
    assert await came_out(await sent(process, "m")) == "passed"
    assert len(recorder.calls()) == 1
    (row,) = process.calls()
    assert (row["policy_decision"], row["approval_status"]) == ("allow", "timeout")
    assert row["approved_by"] is None
    assert 1000 <= row["approval_wait_ms"] < 1250
    (ticket,) = People(process).tickets(status="timeout")
    assert ticket["tool_input"] == {"mark": "m"}


async def test_a_ticket_outlives_a_crash_and_its_approval_counts_once(
    helio: HelioFactory, recorder: Recorder
) -> None:
    process = helio(configured(), upstream=recorder.url)
    people = People(process)
    lost = await sent(process, "m")
    (ticket,) = await people.waiting()
    process.kill()
    lost.leave()
    process.start()
    (still,) = await people.waiting()
    assert still["id"] == ticket["id"]
    assert still["timeout_at"] == ticket["timeout_at"]
    assert people.approve(still) == 200
    process.kill()
    process.start()
    assert await came_out(await sent(process, "m")) == "passed"
    process.kill()
    process.start()
    again = await sent(process, "m")
    (another,) = await people.waiting()
    assert another["id"] != ticket["id"]
    assert people.deny(another) == 200
    assert await came_out(again) == "approval_denied"
    assert len(recorder.calls()) == 1
    rows = process.export("--record-kind", "approval")
    assert sorted(row["id"] for row in rows) == sorted([ticket["id"], another["id"]])


async def test_a_ticket_times_out_after_a_crash_when_it_would_have(
    helio: HelioFactory, recorder: Recorder
) -> None:
    process = helio(configured(timeout="2s"), upstream=recorder.url)
    people = People(process)
    lost = await sent(process, "m")
    (ticket,) = await people.waiting()
    asked = time.monotonic()
    process.kill()
    lost.leave()
    process.start()
    await people.waiting(status="timeout")
    assert time.monotonic() - asked >= 1.8
    over = people.ticket(ticket["id"])
    assert over["resolved_at"] >= over["timeout_at"]


@pytest.mark.parametrize("mode", ["hold", "return"])
async def test_an_end_cancels_held_tickets_and_keeps_returned_ones(
    helio: HelioFactory, recorder: Recorder, mode: str
) -> None:
    process = helio(configured(mode=mode), upstream=recorder.url)
    people = People(process)
    agent = await sent(process, "m")
    (ticket,) = await people.waiting()
    if mode == "return":
        assert await came_out(agent) == "approval_pending"
    began = time.monotonic()
    ending = asyncio.ensure_future(asyncio.to_thread(process.stop))
    if mode == "hold":
        assert await came_out(agent) == "shutdown_cancelled"
        assert time.monotonic() - began < 2
    assert await ending == 0
    process.start()
    status = people.ticket(ticket["id"])["status"]
    assert status == ("shutdown_cancelled" if mode == "hold" else "pending")
    assert recorder.calls() == []
    (row,) = process.calls()
    assert row["approval_status"] == status


async def reload(process: HelioProcess, old: str, new: str) -> None:
    """Replaces a rule while Helio runs, and waits until it counts."""
    before = process.ask("/api/policy")["data"]["digest"]
    process.config.write_text(process.config.read_text().replace(old, new))
    await asyncio.to_thread(
        People.until, lambda: process.ask("/api/policy")["data"]["digest"] != before
    )


async def test_reloads_in_the_middle(helio: HelioFactory, recorder: Recorder) -> None:
    """What leaves the rule alone leaves its ticket valid; else the call is judged anew."""
    process = helio(configured(), upstream=recorder.url)
    people = People(process)
    cases = [
        (f"{{ match: {{ tool: other }}, action: deny }}, {RULE}", "passed"),
        (RULE.replace("require_approval", "deny"), "policy_denied"),
        (RULE.replace("require_approval", "allow"), "passed"),
    ]
    for number, (rule, expected) in enumerate(cases):
        agent = await sent(process, f"m{number}")
        (ticket,) = await people.waiting()
        await reload(process, RULE, rule)
        assert people.approve(ticket) == 200
        assert await came_out(agent) == expected
        await reload(process, rule, RULE)
    assert len(recorder.calls()) == 2


async def test_a_rule_that_means_something_else_after_a_reload_asks_again(
    helio: HelioFactory, recorder: Recorder
) -> None:
    process = helio(configured(mode="return"), upstream=recorder.url)
    people = People(process)
    assert await came_out(await sent(process, "m")) == "approval_pending"
    (ticket,) = await people.waiting()
    assert people.approve(ticket) == 200
    await reload(process, RULE, RULE.replace("tool: create_payment", "tool: create_*"))
    assert await came_out(await sent(process, "m")) == "approval_pending"
    (another,) = await people.waiting()
    assert another["id"] != ticket["id"]
    assert recorder.calls() == []
