"""How fast a replay is. With `HELIO_PROOF=1` the 100,000 calls of docs/replay.md, which `-s` shows;
else a short form."""

import json
import os
import random
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from helio.cli import app
from simulation.recording import Step, compiled, record

PROVING = os.environ.get("HELIO_PROOF") == "1"
CALLS = 100_000 if PROVING else 2_000
SECONDS = 10.0 if PROVING else 1.5
"""Of a processor, on a machine that nobody else uses: others make it a third more. The short form
takes 0.3."""
POLICY = """{ rules: [
  { name: cap, match: { tool: pay, input: { amount: { gt: 70 } } }, action: deny },
  { name: rate, match: { tool: pay }, action: rate_limit, limits: { max_calls: 4, window: 60s,
    key: session, max_spend: { field: amount, limit: 100, currency: GBP, window: 60s } } },
  { name: seen, match: { tool: note }, evidence: { requires: [lookup] } }] }"""


def traffic() -> list[Step]:
    chance = random.Random("traffic")
    return [
        Step(
            tool=chance.choice(["pay", "lookup", "note"]),
            arguments={"amount": chance.randint(1, 80), "id": chance.randint(1, 5)},
            session=f"s{chance.randint(1, 50)}",
            agent=chance.choice([None, "ann", "bob"]),
            after=0.05,
            latency=0.01,
        )
        for _ in range(CALLS)
    ]


@pytest.mark.slow
def test_a_replay_is_fast(tmp_path: Path) -> None:
    record(tmp_path / "audit", compiled("{ default: allow }"), traffic())
    policy = tmp_path / "new.yaml"
    policy.write_text(f"version: '1'\npolicies: {POLICY}\n", "utf-8")
    command = ["replay", "-p", str(policy), "--audit-path", str(tmp_path / "audit"), "-f", "json"]
    # What this process takes: others may keep the processors busy.
    started, began = time.process_time(), time.monotonic()
    ran = CliRunner().invoke(app, command)
    took, wall = time.process_time() - started, time.monotonic() - began
    print(f"\n{CALLS:,} calls: {took:.1f} s of a processor, {wall:.1f} s on the clock")
    told = json.loads(ran.stdout)
    assert told["calls"] == CALLS
    assert told["changed"] > CALLS / 10
    assert took < SECONDS
