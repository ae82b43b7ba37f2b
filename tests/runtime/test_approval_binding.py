"""What was approved is what runs: each thing that an approval is bound to, changed afterwards."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.playbook import listed
from runtime.people import POLICIES, RULE, Helio, Sent

TOOL: dict[str, Any] = {"name": "pay", "description": "Pays.", "inputSchema": {"type": "object"}}
OTHER = TOOL | {"name": "pay_more"}
CHANGED = TOOL | {"description": "Pays, and tells the world."}
ARGUMENTS = '{"to":"a","amount":1200}'
ANY_PAY = RULE.replace("tool: pay", "tool: pay*")
LOG_DRIFT = f"{{ on_tool_drift: log, rules: [{ANY_PAY}] }}"

Start = Callable[..., Awaitable[Helio]]


@pytest.fixture
async def helio(tmp_path: Path) -> AsyncIterator[Start]:
    started: list[Helio] = []

    async def start(mode: str, policies: str = LOG_DRIFT) -> Helio:
        directory = tmp_path / str(len(started))
        tools = [TOOL, OTHER]
        started.append(await Helio(directory, policies, tools=tools, mode=mode).start())
        return started[-1]

    yield start
    for each in started:
        await each.broker.shutdown()
        await asyncio.gather(*[call.task for call in each.sent if call.task is not None])
        await each.stop()


async def approved(helio: Helio) -> None:
    """One call, answered with `approval_pending`, was approved since."""
    first = helio.send(arguments=ARGUMENTS)
    assert await first.came_out() == "approval_pending"
    (ticket,) = helio.broker.tickets("pending")
    await helio.broker.approve(ticket.id, "ann")


def send(helio: Helio, **changed: Any) -> Sent:
    return helio.send(**{"arguments": ARGUMENTS, **changed})


@pytest.mark.parametrize(
    "same",
    [
        ARGUMENTS,
        '{"amount":1200,"to":"a"}',
        '{ "to": "\\u0061", "amount": 1200.0 }',
        '{"to":"a","amount":1.2e3}',
        '{"to":"a","amount":120000E-2}',
    ],
)
async def test_the_same_call_runs_once_however_it_is_written(helio: Start, same: str) -> None:
    here = await helio("return")
    await approved(here)
    assert await send(here, arguments=same).came_out() == "passed"
    again = send(here, arguments=same)
    assert await again.came_out() == "approval_pending"
    assert [call.forwards for call in here.sent] == [0, 1, 0]


@pytest.mark.parametrize(
    "changed",
    [
        {"upstream": "another"},
        {"tool": "pay_more"},
        {"session": "s2"},
        {"session": None},
        {"agent": "mallory"},
        {"arguments": '{"to":"a","amount":1200.000000000000000000001}'},
        {"arguments": '{"to":"a","amount":"1200"}'},
        {"arguments": '{"to":"A","amount":1200}'},
        {"arguments": '{"to":"a","amount":1200,"more":null}'},
        {"arguments": '{"to":"a"}'},
        {"arguments": "{}"},
    ],
)
async def test_another_call_is_another_question(helio: Start, changed: dict[str, Any]) -> None:
    here = await helio("return")
    await approved(here)
    other = send(here, **changed)
    assert await other.came_out() == "approval_pending"
    (ticket,) = here.broker.tickets("pending")
    assert ticket.id == other.answers[0]["ticket_id"]
    assert [call.forwards for call in here.sent] == [0, 0]
    # The approval is still there for the call that it is about.
    assert await send(here).came_out() == "passed"


async def test_another_definition_is_another_question(helio: Start) -> None:
    here = await helio("return")
    await approved(here)
    here.governance.catalogue.replace(listed(CHANGED, OTHER))
    assert await send(here).came_out() == "approval_pending"
    here.governance.catalogue.replace(listed(TOOL, OTHER))
    assert await send(here).came_out() == "passed"


@pytest.mark.parametrize(
    "policies",
    [
        POLICIES.replace("tool: pay", "tool: 'pa?'"),
        POLICIES.replace(
            "match: { tool: pay }", "match: { tool: pay, input: { amount: { gt: 1 } } }"
        ),
        POLICIES.replace("require_approval", "require_approval, approval: { timeout: 9s }"),
    ],
)
async def test_a_rule_of_another_meaning_is_another_question(helio: Start, policies: str) -> None:
    here = await helio("return", POLICIES)
    await approved(here)
    here.reload(policies)
    assert await send(here).came_out() == "approval_pending"
    here.reload(POLICIES)
    assert await send(here).came_out() == "passed"


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        (f"{{ rules: [{{ match: {{ tool: x }}, action: deny }}, {RULE}] }}", "passed"),
        ("{ rules: [{ match: { tool: pay }, action: deny }] }", "policy_denied"),
        (f"{{ dry_run: true, rules: [{RULE}] }}", "dry_run"),
    ],
)
async def test_a_grant_replaces_only_its_approval(
    helio: Start, policies: str, expected: str
) -> None:
    """The call is judged by the policy of its moment."""
    here = await helio("return", POLICIES)
    await approved(here)
    here.reload(policies)
    call = send(here)
    assert await call.came_out() == expected
    assert call.forwards == (1 if expected == "passed" else 0)


async def test_of_two_calls_at_once_one_has_the_grant(helio: Start) -> None:
    here = await helio("return")
    await approved(here)
    both = [send(here), send(here)]
    found = [await call.came_out() for call in both]
    assert sorted(found) == ["approval_pending", "passed"]
    assert sum(call.forwards for call in both) == 1


async def test_a_call_that_is_stopped_leaves_the_grant(helio: Start) -> None:
    here = await helio("return", f"{{ rules: [{RULE}] }}")
    await approved(here)
    here.governance.catalogue.replace(listed(CHANGED, OTHER))
    assert await send(here).came_out() == "tool_definition_drift"
    here.governance.catalogue.replace(listed(TOOL, OTHER))
    assert await send(here).came_out() == "passed"


async def test_a_definition_that_changes_while_it_is_held_stops_the_call(helio: Start) -> None:
    here = await helio("hold", f"{{ rules: [{RULE}] }}")
    call = send(here)
    ticket = await here.waiting(call)
    here.governance.catalogue.replace(listed(CHANGED, OTHER))
    await here.broker.approve(ticket.id, "ann")
    assert await call.came_out() == "tool_definition_drift"
    assert call.forwards == 0


async def test_two_held_calls_of_one_kind_need_two_approvals(helio: Start) -> None:
    here = await helio("hold")
    both = [send(here), send(here)]
    tickets = [await here.waiting(call) for call in both]
    assert tickets[0].id != tickets[1].id
    await here.broker.approve(tickets[0].id, "ann")
    assert await both[0].came_out() == "passed"
    assert both[1].answers == []
    await here.broker.deny(tickets[1].id, "ann")
    assert await both[1].came_out() == "approval_denied"


async def test_what_its_session_did_meanwhile_counts(helio: Start) -> None:
    """In both modes the person's word replaces the question, and no other rule."""
    reads = "{ match: { tool: read }, action: allow, labels: [untrusted] }"
    guards = "{ match: { tool: pay, session: { labels: [untrusted] } }, action: deny }"
    policies = f"{{ rules: [{reads}, {guards}, {RULE}] }}"
    for mode in ("hold", "return"):
        here = await helio(mode, policies)
        here.governance.catalogue.replace(listed(TOOL, OTHER, TOOL | {"name": "read"}))
        call = send(here)
        if mode == "return":
            assert await call.came_out() == "approval_pending"
        ticket = await here.waiting(call)
        assert await here.send("read").came_out() == "passed"
        await here.broker.approve(ticket.id, "ann")
        if mode == "return":
            call = send(here)
        assert await call.came_out() == "policy_denied"
        assert call.forwards == 0
