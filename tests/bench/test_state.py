"""The script that measures state runs, and counts what it says that it counts."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benches" / "state.py"


@pytest.mark.slow
def test_the_figures_of_state_are_of_as_much_as_was_asked_for() -> None:
    sizes = ["--windows", "1000", "--sessions", "50", "--entries", "200"]
    command = [sys.executable, str(SCRIPT), *sizes]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = {each.pop("part"): each for each in map(json.loads, ran.stdout.splitlines())}
    assert found["windows"]["windows"] == 1000
    assert found["pots"]["pots"] == 1000
    assert found["long_window"]["entries"] == 400
    assert found["sessions"]["sessions"] == 50
    assert found["start"]["calls_behind_it"] == 1000
    assert found["long_window"]["reserve_and_commit_ns"] > 0
