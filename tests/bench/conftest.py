"""Reports as `helio bench --format json` prints them."""

from collections.abc import Callable
from typing import Any

import pytest

ReportMaker = Callable[..., dict[str, Any]]


@pytest.fixture
def make_report() -> ReportMaker:
    """`make_report(speed=…)`: a report whose Helio answers 6,000 calls/s, but for what is given."""
    return _make_report


def _make_report(
    *,
    judge_ns: float = 800.0,
    speed: float = 6_000.0,
    p50_ms: float = 2.0,
    p99_ms: float = 5.0,
    p99_added_ms: float = 4.0,
    cpu: float | None = 100.0,
    machine_speed: float = 1.0,
) -> dict[str, Any]:
    """`machine_speed` makes everything faster, yardsticks included."""
    slow = 1 / machine_speed
    bare = {
        "requests_per_second": 4_000.0 * machine_speed,
        "p50_ms": 4.0 * slow,
        "p99_ms": 8.0 * slow,
        "p50_added_ms": 3.0 * slow,
        "p99_added_ms": 7.0 * slow,
        "cpu_us_per_call": 200.0 * slow,
    }
    helio = {
        "requests_per_second": speed * machine_speed,
        "p50_ms": p50_ms * slow,
        "p99_ms": p99_ms * slow,
        "p50_added_ms": 1.0 * slow,
        "p99_added_ms": p99_added_ms * slow,
        "cpu_us_per_call": None if cpu is None else cpu * slow,
        "ratio_to_passthrough": speed / 4_000.0,
    }
    direct = {
        "requests_per_second": 50_000.0 * machine_speed,
        "p50_ms": 1.0 * slow,
        "p99_ms": 1.0 * slow,
        "cpu_us_per_call": 10.0 * slow,
    }
    policy = {
        "rules": 100,
        "load_ms": 1.0 * slow,
        "first_ns": judge_ns * slow,
        "ns": judge_ns * slow,
        "steps_ns": judge_ns * slow,
        "p50_ms": judge_ns * slow / 1e6,
        "p99_ms": judge_ns * slow / 1e6,
        "orjson": {"ns": 1_600.0 * slow, "p50_ms": 0.0016, "p99_ms": 0.002},
        "ratio_to_orjson": judge_ns / 1_600.0,
    }
    process = {"ready_ms": 500.0, "idle_mib": 60.0, "load_mib": 80.0}
    return {
        "machine": {
            "at": "2026-01-02T03:04:05+00:00",
            "helio": "0.1.0",
            "python": "3.11.0",
            "system": "Linux 6",
            "processor": "a processor",
            "cores": 2,
            "load_average": 0.5,
            "sync_ms": 0.2,
        },
        "evaluator": {
            "calls": 2_000,
            "body_bytes": 750,
            "policies": [policy],
            "growth": 1.2,
            "growth_to_orjson": 1.1,
        },
        "proxy": {
            "rounds": 3,
            "seconds_per_run": 1.0,
            "rules": 20,
            "durability": "intent",
            "loads": [{"connections": 16, "direct": direct, "passthrough": bare, "helio": helio}],
            "traffic": [
                {
                    "traffic": "denied",
                    "connections": 16,
                    "requests_per_second": 9_000.0,
                    "p50_ms": 1.0,
                    "p99_ms": 2.0,
                    "cpu_us_per_call": cpu,
                }
            ],
            "processes": {"direct": process, "passthrough": process, "helio": process},
        },
    }
