"""Real processes, really killed, on one directory: what was acknowledged is there, once."""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from helio.audit import recovery

APPENDER = Path(__file__).parent / "appender.py"
ROUNDS = int(os.environ.get("HELIO_KILLS", "14"))
"""Kills per durability."""


def killed_after(directory: Path, durability: str, seconds: float) -> list[str]:
    """What one appender was promised before it was killed, that long after it was ready."""
    command = [sys.executable, str(APPENDER), str(directory), durability]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        # A reader that keeps up: the appender must not wait for its pipe.
        deadline = time.monotonic() + seconds
        promised = list(until(process.stdout, deadline))
        process.kill()
        promised += process.stdout.read().decode().splitlines()
    return promised


def until(lines: Iterator[bytes], deadline: float) -> Iterator[str]:
    for line in lines:
        yield line.decode().strip()
        if time.monotonic() >= deadline:
            return


@pytest.mark.parametrize("durability", ["intent", "full"])
def test_nothing_acknowledged_is_lost_or_doubled_by_kills(tmp_path: Path, durability: str) -> None:
    chance = random.Random(durability)
    promised: list[str] = []
    for number in range(ROUNDS):
        promised += killed_after(tmp_path, durability, chance.uniform(0.0, 0.08))
        if number % 5 == 0:
            torn = sorted(tmp_path.glob("journal-*"))[-1]
            with torn.open("ab") as file:
                file.write(b'{"seq":99,"prev":"never acknowl')
    check(tmp_path, promised)


def check(directory: Path, promised: list[str]) -> None:
    records: Counter[str] = Counter()
    unforwarded = 0
    for line in recovery.read(directory):
        if line.kind in ("intent", "outcome"):
            data = line.values()
            records[f"{line.kind} {data['call_id']}"] += 1
            unforwarded += data.get("status") == "not_forwarded"
    assert len(promised) > 10 * ROUNDS
    assert [promise for promise in promised if promise not in records] == []
    assert set(records.values()) == {1}

    found = recovery.recover(directory)
    intents = {name.removeprefix("intent ") for name in records if name.startswith("intent")}
    outcomes = {name.removeprefix("outcome ") for name in records if name.startswith("outcome")}
    assert outcomes <= intents
    assert {call.call_id for call in found.open_calls} == intents - outcomes
    assert found.state is not None
    assert found.state["committed"] + len(found.charges) == len(intents) - unforwarded
