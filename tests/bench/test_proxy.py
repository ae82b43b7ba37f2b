"""The whole benchmark, once and short: shapes, no speeds."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from helio.bench.proxy import Plan

SERVERS = ("direct", "passthrough", "helio")


def test_a_plan_knows_how_many_runs_it_takes() -> None:
    assert Plan(3, 1.0, 0.1, (1, 16)).runs == 3 * 2 * 3
    # Four servers at each load, and four kinds of calls through Helio.
    assert Plan(5, 1.0, 0.1, (1, 16, 64), every_traffic=True).runs == 5 * (3 * 4 + 4)


@pytest.mark.slow
@pytest.mark.end_to_end
def test_the_quick_benchmark(tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "helio", "bench", "--quick", "--format", "json"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        timeout=180,
    )
    assert finished.returncode == 0, finished.stderr.decode()
    report = json.loads(finished.stdout)
    assert set(report) == {"evaluator", "proxy", "machine"}

    policies = report["evaluator"]["policies"]
    assert [policy["rules"] for policy in policies] == [10, 100, 1_000, 10_000]
    assert all(0 < policy["p50_ms"] <= policy["p99_ms"] for policy in policies)

    loads = report["proxy"]["loads"]
    assert [load["connections"] for load in loads] == [1, 16]
    for load in loads:
        for server in SERVERS:
            assert load[server]["requests_per_second"] > 0
            assert 0 < load[server]["p50_ms"] <= load[server]["p99_ms"]
        assert load["helio"]["ratio_to_passthrough"] > 0
        assert {"p50_added_ms", "p99_added_ms"} <= set(load["helio"])
    for process in report["proxy"]["processes"].values():
        assert process["ready_ms"] > 0
    # Nothing is left behind.
    assert list(tmp_path.iterdir()) == []
