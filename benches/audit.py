"""The audit at a million calls: loading, asking, sealing, and what it all weighs.

    python benches/audit.py [--calls 1000000] [--days 10] [--keep DIR]

Writes a journal as Helio does (intents with arguments, outcomes with responses, a blocked call in
ten), loads it, asks what dashboards ask (best of five, in ms), seals all days but the last, and
asks again.
"""

import argparse
import itertools
import json
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from helio.audit import feed, query, reach, segment
from helio.audit.analytics import analytics
from helio.audit.archive import Archive
from helio.audit.directories import ARCHIVE
from helio.audit.loader import Loader
from helio.audit.node import named
from helio.audit.query import Filters
from helio.audit.sealing import Terms, seal
from helio.governance.store import LocalStore

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
CALLS_OF_SEGMENT = 50_000
"""About as many as 64 MiB hold."""
TOOLS = [f"tool_{number}" for number in range(40)]
AGENTS = [f"agent-{number}" for number in range(200)]
DIGEST = "sha256:" + "ab" * 32


def records(
    number: int, at: datetime, chance: random.Random
) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """One call's records."""
    call_id = f"{number:026d}"
    amount = f"{chance.randrange(1, 100_000) / 100:.2f}"
    blocked = number % 10 == 0
    call = {
        "call_id": call_id,
        "record_kind": "tool_call",
        "timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "session_id": f"s{number // 50}",
        "session_source": "header",
        "agent_id": chance.choice(AGENTS),
        "environment": "production",
        "upstream": "default",
        "tool_name": chance.choice(TOOLS),
        "tool_input": json.dumps({"amount": float(amount), "to": f"user-{number % 9999}"}),
        "args_hash": f"{chance.getrandbits(256):064x}",
        "policy_digest": DIGEST,
        "policy_decision": "deny" if blocked else "allow",
        "block_reason": "policy_denied" if blocked else None,
        "matched_rule": "payments",
        "matched_rule_index": 3,
        "flagged_destructive": False,
        "origin": "mcp",
        "protocol_version": "2025-11-25",
    }
    if blocked:
        yield b"blocked", {**call, "total_duration_ms": 0.4, "proxy_compute_ms": 0.4}
        return
    call["charges"] = [["spend:payments", "agent=a", "spend", amount, 86_400_000]]
    call["spend"] = {"GBP": amount}
    yield b"intent", call
    yield (
        b"outcome",
        {
            "call_id": call_id,
            "status": "answered",
            "upstream_http_status": 200,
            "upstream_latency_ms": chance.expovariate(0.05),
            "total_duration_ms": chance.expovariate(0.04),
            "proxy_compute_ms": 0.6,
            "upstream_response": json.dumps(
                {"content": [{"type": "text", "text": f"payment {call_id} of {amount} is booked"}]}
            ),
        },
    )


def write_journal(
    directory: Path,
    calls: int,
    days: int,
    first: datetime = FIRST,
    more: Callable[[dict[str, Any]], dict[str, Any]] = dict,
) -> int:
    """A journal of this many calls from `first` on, in segments as Helio makes them; its bytes.
    `more` gives an intent's data whatever else belongs into it."""
    directory.mkdir(parents=True)
    named(directory)
    encoder, chance = segment.Encoder(0, segment.NO_HASH), random.Random(7)
    step = timedelta(days=days) / calls
    parts = itertools.groupby(range(calls), key=lambda number: (first + number * step).date())
    follows, state = None, {"windows": LocalStore().snapshot(0)}
    for _, numbers in parts:
        for some in batched(numbers, CALLS_OF_SEGMENT):
            opened = encoder.sequence + 1
            header = {"format": 1, "node": None, "follows": follows, "state": state, "open": []}
            with segment.path_of(directory, opened).open("wb") as file:
                at = first + some[0] * step
                file.write(line(encoder, b"segment", at, header))
                for number in some:
                    at = first + number * step
                    for kind, data in records(number, at, chance):
                        told = more(data) if kind == b"intent" else data
                        file.write(line(encoder, kind, at, told))
                follows = [opened, file.tell()]
    return size_of(directory, "journal-*")


def line(encoder: segment.Encoder, kind: bytes, at: datetime, data: dict[str, Any]) -> bytes:
    return encoder.encode(kind, int(at.timestamp() * 1e6) * 1000, segment.encode_data(data))


def batched(numbers: Iterator[int], most: int) -> Iterator[list[int]]:
    while some := list(itertools.islice(numbers, most)):
        yield some


def best(ask: Callable[[], object], times: int = 5) -> float:
    """The shortest of some attempts, in ms."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - begun)
    return min(taken) * 1000


def questions(connection: Any, days: int) -> dict[str, float]:
    """What dashboards ask, each in ms."""
    middle = FIRST + timedelta(days=days // 2)
    search = Filters(tool="tool_3", agent="agent-7", blocked=False, limit=100)
    day = Filters(since=middle, until=middle + timedelta(days=1), limit=100)
    known = str(query.page(connection, Filters(limit=1, offset=1000))[0]["id"])
    return {
        "feed, the latest 50": best(lambda: feed.latest(connection, 0, 50)),
        "list, a page of 100 and the total": best(
            lambda: (query.page(connection, Filters(limit=100)), query.count(connection, Filters()))
        ),
        "search by tool and agent, and the total": best(
            lambda: (query.page(connection, search), query.count(connection, search))
        ),
        "search in one day, and the total": best(
            lambda: (query.page(connection, day), query.count(connection, day))
        ),
        "one call by its id": best(lambda: query.find(connection, known)),
        "analytics of one day": best(lambda: analytics(connection, day)),
        "analytics of everything": best(lambda: analytics(connection, Filters())),
    }


def size_of(directory: Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in directory.rglob(pattern))


def opened(path: Path) -> Any:
    settings = {"threads": 1, "memory_limit": "256MB"}
    return duckdb.connect(path, config=settings)


def load(connection: Any, directory: Path) -> tuple[float, float]:
    """Seconds it took, and seconds of processor."""
    begun, used = time.perf_counter(), time.process_time()
    loader = Loader(connection, directory)
    while loader.step():
        pass
    connection.execute("CHECKPOINT")
    return time.perf_counter() - begun, time.process_time() - used


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=10)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="helio-bench-") as scratch:
        directory = (arguments.keep or Path(scratch)) / "audit"
        run(directory, arguments.calls, arguments.days)


def run(directory: Path, calls: int, days: int) -> None:
    size = write_journal(directory, calls, days)
    print(f"journal: {calls} calls, {size / calls:.0f} bytes a call")
    index = directory / "index.duckdb"
    with opened(index) as connection:
        taken, used = load(connection, directory)
        print(f"load: {calls / taken:.0f} calls/s, {used / calls * 1e6:.1f} µs of processor a call")
        print(f"index: {size_of(directory, 'index.duckdb') / calls:.0f} bytes a call")
        before = questions(connection, days)
    begun = time.perf_counter()
    terms = Terms(after=timedelta(0), retention=timedelta(days=3650))
    archive = Archive(str(directory / ARCHIVE))
    done = seal(directory, archive, terms, now=FIRST + timedelta(days=days, seconds=-1))
    taken = time.perf_counter() - begun
    rows = sum(part.rows for part in done.sealed)
    print(f"seal: {rows / taken:.0f} calls/s; {len(done.sealed)} days")
    print(f"archive: {size_of(directory, '*.parquet') / rows:.0f} bytes a call")
    with opened(index) as connection:
        reach.learn(connection, archive, directory)
        connection.execute("CHECKPOINT")
        after = questions(connection, days)
    print("\n| question | hot, ms | sealed but for a day, ms |\n|---|---|---|")
    for name, milliseconds in before.items():
        print(f"| {name} | {milliseconds:.0f} | {after[name]:.0f} |")
    print(f"\nmost memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
