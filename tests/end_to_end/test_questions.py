"""Heavy questions to the audit beside calls: the calls do not wait for them."""

import asyncio
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from end_to_end import asking
from end_to_end.recording import Recorder
from end_to_end.wire import call
from helio.audit.journal import Journal
from processes import HelioFactory, HelioProcess, end_process

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

ROWS = 20_000
CALLS = 300
ROUNDS = 3
ALLOWED = 0.01
"""Seconds that a call may take longer on a machine with two cores, all of them busy."""
RULES = "policies: { rules: [{ match: { tool: read_mail }, action: deny }] }"


async def fill(directory: Path) -> None:
    """A journal of many calls."""
    journal = Journal.open(directory, durability="relaxed")
    state = journal.recovered.state or {}
    await journal.start(lambda: state)
    body = json.dumps({"text": "x" * 200})
    for number in range(ROWS):
        data = {
            "call_id": f"call-{number}",
            "timestamp": "2026-01-02T03:04:05.000000Z",
            "policy_decision": "allow",
            "tool_name": f"tool_a{number % 50}",
            "agent_id": f"agent-{number % 20}",
            "tool_input": body,
        }
        journal.append_soon("blocked", data)
        if number % 500 == 0:
            await asyncio.sleep(0)
    await journal.close()


def most(seconds: list[float]) -> float:
    """What 95 % of the calls needed at most."""
    return statistics.quantiles(seconds, n=20)[-1]


def times(process: HelioProcess, number: int) -> list[float]:
    """How long so many calls take, one after the other, in seconds."""
    found = []
    for _ in range(number):
        began = time.perf_counter()
        reply = call(process.mcp_url, "read_mail")
        found.append(time.perf_counter() - began)
        assert reply.blocked["reason"] == "policy_denied"
    return found


def test_calls_do_not_wait_for_questions(helio: HelioFactory, recorder: Recorder) -> None:
    """In turns with nobody and with somebody who asks, so that a busy machine counts for both. A
    question that held the loop would hold every other call for as long as it takes (60 ms at the
    least)."""
    process = helio(RULES, upstream=recorder.url)
    process.stop()
    asyncio.run(fill(process.audit_dir))
    process.start().wait_for_index()
    quiet: list[float] = []
    busy: list[float] = []
    answered: list[float] = []
    command = [sys.executable, asking.__file__, process.operator_url, process.secret]
    for _ in range(ROUNDS):
        quiet += times(process, CALLS)
        asked = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert asked.stdout is not None
        with asked.stdout:
            answered += [float(asked.stdout.readline().split()[-1])]
            busy += times(process, CALLS)
            end_process(asked)
            answered += [float(line.split()[-1]) for line in asked.stdout if line.count(" ") == 2]
    assert len(answered) >= ROUNDS
    assert statistics.median(busy) < 2 * statistics.median(quiet) + ALLOWED, (quiet, busy)
    assert most(busy) < 2 * most(quiet) + ALLOWED, (most(quiet), most(busy), answered)
