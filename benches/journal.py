"""What a durable intent costs: records/s, waiting time and CPU, by the number of callers.

Run: `python benches/journal.py [--seconds 3] [--durability intent] [--busy 0.0] [--directory DIR]`.
`--busy F` has the loop compute for that share of its time, as a loaded proxy does, which is when
the writer's thread must wait for the interpreter; `--switch-interval` is how long at most, in ms.
The CPU is that of both threads, kernel included, with the caller's own few µs, and the outcome that
nobody waits for.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

import orjson
import uvloop

from helio.audit import recovery
from helio.audit.journal import Journal

CALLERS = (1, 64, 512)
INTENT: dict[str, object] = {
    "record_kind": "tool_call",
    "timestamp": "2026-01-02T03:04:05.678901Z",
    "session_id": "0197f0a2-8a5e-7cc1-9b9a-3c1d1f0a7e55",
    "session_source": "header",
    "agent_id": "support-bot",
    "environment": "production",
    "upstream": "default",
    "tool_name": "create_payment",
    "tool_input": '{"amount":12.50,"currency":"GBP","order":"o-1234","note":"as agreed"}',
    "args_hash": "sha256:" + "5" * 64,
    "policy_digest": "sha256:" + "a" * 64,
    "flagged_destructive": True,
    "origin": "mcp",
    "protocol_version": "2025-06-18",
    "matched_rule": "payments",
    "matched_rule_index": 4,
    "policy_decision": "allow",
    "charges": [["rate:payments:tool:3600000", "tool=default/pay", "rate", "1", 3_600_000]],
}
OUTCOME: dict[str, object] = {"status": "answered", "total_duration_ms": 1.5}


async def measure(callers: int, arguments: argparse.Namespace) -> dict[str, float]:
    """One run with so many callers; times in ms, CPU in µs per record."""
    with tempfile.TemporaryDirectory(dir=arguments.directory) as scratch:
        journal = Journal.open(Path(scratch), durability=arguments.durability)
        await journal.start(dict)
        waits: list[float] = []
        end = time.perf_counter() + arguments.seconds

        async def call(caller: int) -> None:
            number = 0
            while time.perf_counter() < end:
                number += 1
                began = time.perf_counter()
                await journal.append_intent({"call_id": f"{caller}-{number}", **INTENT})
                waits.append(time.perf_counter() - began)
                journal.append_soon("outcome", {"call_id": f"{caller}-{number}", **OUTCOME})

        busy = asyncio.create_task(compute(arguments.busy))
        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(call(number) for number in range(callers)))
        elapsed, cpu = time.perf_counter() - began, time.process_time() - cpu
        busy.cancel()
        await journal.close()
        recovery.verify(Path(scratch))
        waits.sort()
        return {
            "callers": callers,
            "records_per_s": round(len(waits) / elapsed),
            "p50_ms": round(waits[len(waits) // 2] * 1000, 3),
            "p99_ms": round(waits[len(waits) * 99 // 100] * 1000, 3),
            "cpu_us": round(cpu / len(waits) * 1e6, 1),
        }


async def compute(share: float) -> None:
    """Keeps the loop busy for this share of its time, 1 ms at a stretch."""
    while share > 0:
        end = time.perf_counter() + 0.001
        while time.perf_counter() < end:
            pass
        await asyncio.sleep(0.001 * (1 - share) / share)


def main() -> None:
    """Prints one JSON object per number of callers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--durability", choices=("full", "intent", "relaxed"), default="intent")
    parser.add_argument("--busy", type=float, default=0.0)
    parser.add_argument("--switch-interval", type=float, default=0.5)
    parser.add_argument("--directory", type=Path)
    arguments = parser.parse_args()
    sys.setswitchinterval(arguments.switch_interval / 1000)
    for callers in CALLERS:
        print(orjson.dumps(uvloop.run(measure(callers, arguments))).decode(), flush=True)


if __name__ == "__main__":
    main()
