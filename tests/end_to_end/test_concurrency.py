"""64 callers at once on limits with less room: exactly what fits passes, in every run."""

import json
import os
from collections import Counter
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from conftest import HelioFactory
from end_to_end.burst import Call, Crowd, outcome, reasons
from end_to_end.recording import Recorder
from processes import LOOPBACK, choose_free_port

pytestmark = pytest.mark.end_to_end

CALLERS = 64
RUNS = 200 if os.environ.get("HELIO_PROOF") == "1" else 4

LIMITS = """
policies:
  rules:
    - { name: forbidden, match: { input: { forbidden: { eq: true } } }, action: deny }
    - { name: calls, match: { tool: read_mail }, action: rate_limit,
        limits: { max_calls: 17, window: 1h, key: session } }
    - { name: both, match: { tool: create_payment }, action: spend_limit,
        limits: { max_calls: 40, window: 1h, key: session,
                  max_spend: { field: amount, limit: 2.5, currency: GBP, window: 24h,
                               key: [session, tool] } } }
"""

BUDGETS = """
budgets:
  - { name: pot, limit: 2, currency: GBP, window: session, contributors: [
      { match: { tool: create_payment }, field: amount },
      { match: { tool: read_mail }, amount: 0.1 } ] }
  - { name: payments, limit: 1.7, currency: GBP, window: 1h, key: session, contributors: [
      { match: { tool: create_payment }, field: amount } ] }
  - { name: mails, limit: 100000, currency: GBP, window: 1h, contributors: [
      { match: { tool: read_mail }, amount: 1.5 } ] }
"""


@pytest.fixture
async def crowd() -> AsyncIterator[Crowd]:
    async with Crowd(CALLERS) as found:
        yield found


def arrived(recorder: Recorder) -> Counter[str]:
    """How many calls of each session the upstream got, by the mark in their arguments."""
    messages = [json.loads(body) for body in recorder.arrived()]
    return Counter(message["params"]["arguments"]["mark"] for message in messages)


def read_mail(session: str, **arguments: object) -> Call:
    return Call("read_mail", {"mark": session, **arguments}, session)


async def test_of_64_callers_on_a_limit_of_17_exactly_17_pass(
    helio: HelioFactory, recorder: Recorder, crowd: Crowd
) -> None:
    process = helio(LIMITS, upstream=recorder.url)
    for run in range(RUNS):
        session = f"run-{run}"
        replies = await crowd.send(process.mcp_url, [read_mail(session)] * CALLERS)
        assert reasons(replies) == {"passed": 17, "rate_limited": CALLERS - 17}, session
        told = {str(reply.blocked["current_calls"]) for reply in replies if reply.blocked}
        assert told == {"17"}
    assert arrived(recorder) == {f"run-{run}": 17 for run in range(RUNS)}


async def test_spend_is_exact_to_the_penny_and_forbidden_calls_take_nothing(
    helio: HelioFactory, recorder: Recorder, crowd: Crowd
) -> None:
    process = helio(LIMITS, upstream=recorder.url)
    for run in range(RUNS):
        session = f"run-{run}"
        calls = [
            Call(
                "create_payment", {"amount": 0.1, "forbidden": forbidden, "mark": session}, session
            )
            for forbidden in [True, False, False, False] * (CALLERS // 4)
        ]
        replies = await crowd.send(process.mcp_url, calls)
        assert reasons(replies) == {"passed": 25, "policy_denied": 16, "spend_limited": 23}
    assert arrived(recorder) == {f"run-{run}": 25 for run in range(RUNS)}


async def test_calls_that_reach_nobody_take_nothing(
    helio: HelioFactory, recorder: Recorder, crowd: Crowd
) -> None:
    text = f"""
upstreams:
  - {{ name: alive, url: '{recorder.url}' }}
  - {{ name: dead, url: 'http://{LOOPBACK}:{choose_free_port()}/mcp', connect_timeout: 1s }}
{LIMITS}"""
    process = helio(text, upstream=recorder.url)
    for run in range(max(2, RUNS // 10)):
        calls = [read_mail(f"run-{run}")] * CALLERS
        lost = reasons(await crowd.send(f"{process.mcp_url}/dead", calls))
        # Those under way hold room until they are known to have reached nobody.
        assert set(lost) <= {"upstream_connect_failed", "rate_limited"}
        assert lost["upstream_connect_failed"] >= 17
        found = reasons(await crowd.send(f"{process.mcp_url}/alive", calls))
        assert found == {"passed": 17, "rate_limited": CALLERS - 17}


async def test_answers_that_tell_of_errors_are_charged(
    helio: HelioFactory, recorder: Recorder, crowd: Crowd
) -> None:
    """What the upstream got may have taken effect, whatever it says."""

    def fails(message: Any) -> Any:
        if message["params"]["arguments"]["fails"] == "tool":
            return {"result": {"content": [], "isError": True}}
        return {"error": {"code": -32000, "message": "no", "data": {"reason": "upstream"}}}

    recorder.answer = fails
    process = helio(LIMITS, upstream=recorder.url)
    ways = ["tool" if number % 2 else "protocol" for number in range(CALLERS)]
    calls = [read_mail("errors", fails=way) for way in ways]
    replies = await crowd.send(process.mcp_url, calls)
    assert Counter(outcome(each.message) for each in replies)["rate_limited"] == CALLERS - 17
    assert arrived(recorder) == {"errors": 17}


async def test_budgets_share_what_there_is_and_nothing_more(
    helio: HelioFactory, recorder: Recorder, crowd: Crowd
) -> None:
    process = helio(BUDGETS, upstream=recorder.url)
    mails = 0
    for run in range(RUNS):
        session = f"run-{run}"
        payment = Call("create_payment", {"amount": 0.1, "mark": session}, session)
        mixed = await crowd.send(process.mcp_url, [payment, read_mail(session)] * (CALLERS // 2))
        assert reasons(mixed) == {"passed": 20, "budget_exceeded": CALLERS - 20}, session
        paid = reasons(mixed[::2])["passed"]
        mails += 20 - paid
        assert paid <= 17

        session = f"payments-{run}"
        payment = Call("create_payment", {"amount": 0.1, "mark": session}, session)
        payments = await crowd.send(process.mcp_url, [payment] * CALLERS)
        assert reasons(payments) == {"passed": 17, "budget_exceeded": CALLERS - 17}, session
        # What the payments without room in one budget held in the other is there again.
        others = await crowd.send(process.mcp_url, [read_mail(session)] * CALLERS)
        assert reasons(others) == {"passed": 3, "budget_exceeded": CALLERS - 3}, session
        mails += 3
    assert set(arrived(recorder).values()) == {20}
    buckets = {each["name"]: each["buckets"] for each in process.ask("/api/budgets")["budgets"]}
    (sent,) = buckets["mails"]
    assert (sent["spent"], sent["reserved"]) == (mails * Decimal("1.5"), 0)
    assert all(each["reserved"] == 0 for each in buckets["pot"] + buckets["payments"])
