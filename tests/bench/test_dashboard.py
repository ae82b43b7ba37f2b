"""The script that measures the dashboard runs, in small: every page, every question, and memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from end_to_end.browsing import chromium

SCRIPT = Path(__file__).parents[2] / "benches" / "dashboard.py"
PROOF = bool(os.environ.get("HELIO_PROOF"))
SIZES = (
    ["--calls", "1000000", "--days", "10", "--rate", "200", "--minutes", "10"]
    if PROOF
    else ["--calls", "400", "--days", "2", "--rate", "20", "--minutes", "0.03"]
)
MOST_MS = 1000
MOST_RISE_KIB = 100
"""A minute, of a page's heap: what garbage and the growth of caches make look like a rise."""


@pytest.mark.slow
@pytest.mark.end_to_end
def test_every_page_and_question_is_measured(tmp_path: Path) -> None:
    chromium()
    report = tmp_path / "report.json"
    rounds = [] if PROOF else ["--paints", "1", "--asked", "1", "--watched", "live"]
    command = [sys.executable, str(SCRIPT), *SIZES, *rounds, "--report", str(report)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(report.read_text())
    assert found["live"]["calls"] > 0
    assert {"Live", "Record", "Analytics, all"} <= found["paints"].keys()
    assert all(each["first_paint_ms"] > 0 for each in found["paints"].values())
    assert all(each["p50_ms"] > 0 for each in found["questions"].values())
    for page in found["memory"].values():
        assert len(page["samples"]) >= 3
        assert page["samples"][-1]["heap_mib"] > 0
    if PROOF:
        assert max(each["first_paint_ms"] for each in found["paints"].values()) < MOST_MS
        assert max(each["p50_ms"] for each in found["questions"].values()) < MOST_MS
        assert max(each["heap_kib_a_minute"] for each in found["memory"].values()) < MOST_RISE_KIB
