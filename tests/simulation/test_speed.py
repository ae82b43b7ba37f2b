"""How fast a replay is. With `HELIO_PROOF=1` the 100,000 calls of docs/replay.md, which `-s` shows;
else a short form."""

import os
import random
import time
from pathlib import Path

import pytest

from helio.audit.export import opened
from helio.audit.query import Filters
from helio.audit.recorded import recorded
from helio.simulation.replay import Candidate, Replay
from helio.simulation.report import Report
from simulation.recording import Step, compiled, record

PROVING = os.environ.get("HELIO_PROOF") == "1"
CALLS = 100_000 if PROVING else 2_000
SECONDS = 10.0 if PROVING else 2.0
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
    policy = compiled(POLICY)
    # Of this process alone: others may keep the processors busy.
    started, began = time.process_time(), time.monotonic()
    report = Report(10)
    with opened(tmp_path / "audit") as source:
        read = time.process_time() - started
        replay = Replay(Candidate(lambda _: policy))
        for call in recorded(source.connection, Filters(), before=None, whole_sessions=False):
            judged = replay.take(call)
            assert judged is not None
            report.add(judged)
    took, wall = time.process_time() - started, time.monotonic() - began
    print(f"\n{CALLS:,} calls: {took:.1f} s ({read:.1f} s to read them), {wall:.1f} s on the clock")
    assert report.calls == CALLS
    assert report.whole.changed > CALLS / 10
    assert took < SECONDS
