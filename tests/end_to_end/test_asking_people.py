"""People decide about calls of a whole Helio: from the agent's call to the audit's rows."""

import json
import time
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from end_to_end.recording import Recorder
from end_to_end.wire import Reply, call
from processes import HelioFactory, HelioProcess

pytestmark = pytest.mark.end_to_end

RULES = """
approval: { mode: %s, timeout: 50s }
policies:
  rules:
    - name: large
      match: { tool: create_payment, input: { amount: { gt: 10 } } }
      action: require_approval
"""
LARGE = {"amount": 12}


def pay(process: HelioProcess, arguments: Mapping[str, object] = LARGE) -> Reply:
    """One payment. The answer of a call that was held comes as an event stream."""
    reply = call(process.mcp_url, "create_payment", arguments, session="s1")
    if reply.headers["content-type"].startswith("text/event-stream"):
        data = [line for line in reply.body.splitlines() if line.startswith(b"data: ")]
        reply.body = data[-1].removeprefix(b"data: ")
    return reply


def in_background(act: Callable[[], Reply]) -> Future[Reply]:
    executor = ThreadPoolExecutor(1)
    future = executor.submit(act)
    executor.shutdown(wait=False)
    return future


def tickets(process: HelioProcess, status: str = "pending") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = process.ask(f"/api/approvals?status={status}")["data"]
    return found


def the_ticket(process: HelioProcess) -> dict[str, Any]:
    """The one ticket that waits, as soon as it does."""
    deadline = time.monotonic() + 10
    while not (found := tickets(process)):
        assert time.monotonic() < deadline, process.log.read_text()
        time.sleep(0.02)
    assert len(found) == 1
    return found[0]


def say(process: HelioProcess, ticket_id: str, what: str, **body: str) -> None:
    """Has a person decide."""
    headers = {
        "authorization": f"Bearer {process.secret}",
        "content-type": "application/json",
    }
    url = f"{process.operator_url}/api/approvals/{ticket_id}/{what}"
    data = json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def reason(answered: Reply) -> str | None:
    return None if answered.blocked is None else str(answered.blocked["reason"])


def test_a_held_call_runs_when_somebody_approves_it(
    helio: HelioFactory, recorder: Recorder
) -> None:
    process = helio(RULES % "hold", upstream=recorder.url)
    waiting = in_background(lambda: pay(process))
    ticket = the_ticket(process)
    assert (ticket["tool_name"], ticket["tool_input"]) == ("create_payment", LARGE)
    assert (ticket["matched_rule"], ticket["session_id"]) == ("large", "s1")
    assert recorder.calls() == []
    say(process, ticket["id"], "approve", approved_by="ada")
    assert reason(waiting.result(10)) is None
    assert len(recorder.calls()) == 1
    process.stop()
    (row,) = process.calls()
    assert (row["policy_decision"], row["approval_status"]) == ("allow", "approved")
    assert row["approved_by"] == "ada"
    assert row["approval_wait_ms"] > 0
    assert row["metadata"]["tickets"][0]["ticket_id"] == ticket["id"]
    (ended,) = process.export("--record-kind", "approval")
    assert (ended["id"], ended["approval_status"]) == (ticket["id"], "approved")


def test_a_returned_call_runs_once_when_it_is_sent_again(
    helio: HelioFactory, recorder: Recorder
) -> None:
    process = helio(RULES % "return", upstream=recorder.url)
    first, again = pay(process), pay(process)
    assert (reason(first), reason(again)) == ("approval_pending", "approval_pending")
    assert first.blocked is not None
    assert again.blocked is not None
    assert first.blocked["ticket_id"] == again.blocked["ticket_id"]
    say(process, first.blocked["ticket_id"], "approve", approved_by="ada")
    assert reason(pay(process, {"amount": 13})) == "approval_pending"
    assert reason(pay(process, {"amount": 12.0})) is None
    assert reason(pay(process)) == "approval_pending"
    assert len(recorder.calls()) == 1


def test_a_denial_reaches_the_agent(helio: HelioFactory, recorder: Recorder) -> None:
    process = helio(RULES % "hold", upstream=recorder.url)
    waiting = in_background(lambda: pay(process))
    say(process, the_ticket(process)["id"], "deny", denied_by="ada", reason="too much")
    blocked = waiting.result(10).blocked
    assert blocked is not None
    assert (blocked["reason"], blocked["denial_reason"]) == ("approval_denied", "too much")
    assert "too much" in blocked["message"]
    assert recorder.calls() == []


def test_a_crash_leaves_tickets_and_grants_as_they_were(
    helio: HelioFactory, recorder: Recorder
) -> None:
    process = helio(RULES % "return", upstream=recorder.url)
    first, other = pay(process), pay(process, {"amount": 99})
    assert first.blocked is not None
    assert other.blocked is not None
    say(process, first.blocked["ticket_id"], "approve", approved_by="ada")
    process.kill()
    process.start()
    (waiting,) = tickets(process)
    assert waiting["id"] == other.blocked["ticket_id"]
    assert waiting["timeout_at"] == other.blocked["expires_at"]
    assert reason(pay(process)) is None
    process.kill()
    process.start()
    assert reason(pay(process)) == "approval_pending"
    assert len(recorder.calls()) == 1


def test_a_reload_that_changes_the_rule_asks_anew(helio: HelioFactory, recorder: Recorder) -> None:
    process = helio(RULES % "return", upstream=recorder.url)
    first = pay(process)
    assert first.blocked is not None
    say(process, first.blocked["ticket_id"], "approve", approved_by="ada")
    before = process.ask("/api/policy")["data"]["digest"]
    process.config.write_text(process.config.read_text().replace("gt: 10", "gt: 11"))
    deadline = time.monotonic() + 10
    while process.ask("/api/policy")["data"]["digest"] == before:
        assert time.monotonic() < deadline, process.log.read_text()
        time.sleep(0.02)
    again = pay(process)
    assert again.blocked is not None
    assert again.blocked["reason"] == "approval_pending"
    assert again.blocked["ticket_id"] != first.blocked["ticket_id"]


def test_budgets_destruction_and_drift_are_asked_about(
    helio: HelioFactory, recorder: Recorder
) -> None:
    process = helio(
        """
approval: { mode: return }
policies: { flag_destructive: require_approval, on_tool_drift: require_approval }
budgets:
  - name: money
    limit: 10
    currency: GBP
    window: 24h
    on_exceed: require_approval
    contributors: [{ match: { tool: read_mail }, amount: 20 }]
""",
        upstream=recorder.url,
    )
    for tool, kind in (("delete_order", "destructive"), ("read_mail", "budget")):
        blocked = call(process.mcp_url, tool).blocked
        assert blocked is not None
        assert blocked["reason"] == "approval_pending"
        assert process.ask(f"/api/approvals/{blocked['ticket_id']}")["data"]["kind"] == kind
    assert blocked["budgets"][0]["name"] == "money"
    say(process, blocked["ticket_id"], "approve", approved_by="ada")
    assert call(process.mcp_url, "read_mail").blocked is None
    (budget,) = process.ask("/api/budgets")["budgets"]
    assert budget["buckets"][0]["spent"] == 20
    (destructive,) = tickets(process)
    assert destructive["tool_name"] == "delete_order"
