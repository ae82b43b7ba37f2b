"""What state costs: bytes per window and session, ns per decision on many, and the time of a start.

Run: `python benches/state.py [--windows 100000] [--sessions 50000] [--entries 1000000]`. Each part
runs in a process of its own, so that its resident memory is its own; one JSON object for each.
Times are CPU times, so that others who use the machine matter less; the yardstick is `orjson.loads`
of the call's bytes.
"""

import argparse
import asyncio
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import orjson

from helio.audit import recovery
from helio.audit.journal import Journal
from helio.evaluator import Evaluator, Message, Windows, tool_call
from helio.governance.evidence import find_call, find_evidence
from helio.governance.sessions import Sessions, Visit
from helio.governance.store import Charge, LocalStore
from helio.policy import compile_text

Figures = dict[str, float]
DAY = 86_400_000
POLICY = """
version: '1'
upstream: { url: 'http://127.0.0.1:1/mcp' }
policies: { rules: [{ name: pay, match: { tool: create_payment }, limits: { max_calls: 1000000000,
  window: 24h, key: session, max_spend: { field: amount, limit: 1000000000, currency: GBP,
  window: 24h, key: session } } }] }
"""
BUDGETS = """
version: '1'
upstream: { url: 'http://127.0.0.1:1/mcp' }
budgets: [{ name: pot, limit: 1000000000, currency: GBP, window: session,
  contributors: [{ match: { tool: create_payment }, field: amount }] }]
"""
ARGUMENTS = b'{"amount":12.50,"currency":"GBP","order":"o-1234","note":"as agreed"}'
ROUNDS = 20_000


def resident() -> int:
    """Bytes of this process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def per_round(work: Callable[[int], object], rounds: int = ROUNDS) -> float:
    """The best of five: ns for one round."""
    best = float("inf")
    for _ in range(5):
        began = time.process_time_ns()
        for number in range(rounds):
            work(number)
        best = min(best, (time.process_time_ns() - began) / rounds)
    return round(best)


def compiled(text: str) -> Evaluator:
    found = compile_text(text)
    if found.policy is None:
        raise ValueError([each.message for each in found.diagnostics])
    return Evaluator(found.policy.graph)


def session_id(number: int) -> str:
    """As long as a UUID."""
    return f"0197f0a2-8a5e-7cc1-9b9a-{number:012d}"


def windows(count: int) -> Figures:
    """A rate and a spend limit of `count` sessions, one charge in each window."""
    evaluator, message, store = compiled(POLICY), payment(), Windows()
    decisions = [
        evaluator.decide(message, "default", session=session_id(number)) for number in range(1000)
    ]
    charges = store.charges(store.reserve(decisions[0], 0)[0])
    store = Windows()
    before = resident()
    for number in range(count // 2):
        for limit, _, kind, amount, window_ms in charges:
            key = f"session={session_id(number)}"
            store.charge(limit, key, kind, amount, window_ms, number, number)
    size = resident() - before

    def take(number: int) -> None:
        decision = decisions[number % len(decisions)]
        store.commit(store.reserve(decision, count)[0], count)

    def decide(number: int) -> None:
        evaluator.decide(message, "default", session=session_id(number % 1000))

    began = time.process_time()
    snapshot = store.snapshot(count)
    written = time.process_time() - began
    again = Windows()
    began = time.process_time()
    again.restore(snapshot, 0, count)
    return {
        "windows": len(store),
        "bytes_per_window": round(size / len(store)),
        "snapshot_bytes_per_window": round(len(snapshot) / len(store)),
        "snapshot_ms": round(written * 1000),
        "restore_ms": round((time.process_time() - began) * 1000),
        "decide_ns": per_round(decide),
        "reserve_and_commit_ns": per_round(take),
        "orjson_loads_ns": per_round(lambda _: orjson.loads(message.body)),
    }


def pots(count: int) -> Figures:
    """A pot for each of `count` sessions, one charge in each."""
    evaluator, message, store = compiled(BUDGETS), payment(), Windows()
    decisions = []
    before = resident()
    for number in range(count):
        decision = evaluator.decide(message, "default", session=session_id(number))
        store.commit(store.reserve_budgets(decision, number)[0], number)
        if number < 1000:
            decisions.append(decision)
    size = resident() - before

    def take(number: int) -> None:
        decision = decisions[number % len(decisions)]
        store.commit(store.reserve_budgets(decision, count)[0], count)

    return {
        "pots": len(store),
        "bytes_per_pot": round(size / len(store)),
        "reserve_and_commit_ns": per_round(take),
    }


def long_window(entries: int) -> Figures:
    """One window of a spend limit with so many charges, and what each next call pays for them."""
    evaluator, message, store = compiled(POLICY), payment(), LocalStore()
    decision = evaluator.decide(message, "default", session="s1")
    held = store.reserve(decision, 0, enforce=False)
    charges = held.charges
    store.release(held.id)
    before = resident()
    for number in range(entries):
        for charge in charges:
            store.charge(charge, number, number)
    size = resident() - before

    def take(_: int) -> None:
        found = store.reserve(decision, entries, enforce=False)
        store.commit(found.id, entries)

    return {
        "entries": entries * len(charges),
        "bytes_per_entry": round(size / entries / len(charges), 1),
        "reserve_and_commit_ns": per_round(take),
    }


def sessions(count: int) -> Figures:
    """Sessions with three tools called, two of them with what the calls were about."""
    table = Sessions(most=count + 1)
    before = resident()
    for number in range(count):
        for tool in ("orders.lookup", "customer.verify", "read_mail"):
            fill(table, session_id(number), tool, f"c{number}", number)
    size = resident() - before
    asked = ("orders.lookup", "customer.verify")
    bind = (("$['order']", "$['order']"),)

    def ask(number: int) -> None:
        facts = table.facts(session_id(number * 7 % count), asked, count)
        find_evidence(facts, "orders.lookup", bind, ARGUMENTS)
        find_call(facts, "customer.verify", success=True)

    began = time.process_time()
    snapshot = orjson.dumps(table.snapshot(count))
    written = time.process_time() - began
    again = Sessions(most=count + 1)
    began = time.process_time()
    again.restore(orjson.loads(snapshot), count)
    return {
        "sessions": len(table),
        "bytes_per_session": round(size / count),
        "snapshot_bytes_per_session": round(len(snapshot) / count),
        "snapshot_ms": round(written * 1000),
        "restore_ms": round((time.process_time() - began) * 1000),
        "facts_and_evidence_ns": per_round(ask),
        "enter_and_leave_ns": per_round(
            lambda number: fill(table, session_id(number % count), "read_mail", "c", count)
        ),
    }


def fill(table: Sessions, session: str, tool: str, call_id: str, now: int) -> None:
    """One successful call."""
    visit = Visit(session, call_id, tool, (), True)
    table.enter(visit, now)
    table.leave(visit, "succeeded", None if tool == "read_mail" else ARGUMENTS, now)


def start(count: int) -> Figures:
    """What a start reads: a checkpoint of `count` charges, then as many calls behind it."""
    store = LocalStore()
    for number in range(count):
        charge = Charge("spend:pay:session", f"session={number % 1000}", "spend", "12.5", 30 * DAY)
        store.charge(charge, number, number)

    async def write(directory: Path) -> None:
        journal = Journal.open(directory, durability="relaxed", max_segment_bytes=1 << 40)
        await journal.start(lambda: {"windows": store.snapshot(count)})
        told = list(charge)
        for number in range(0, count, 500):
            calls = range(number, number + 500)
            await asyncio.gather(
                *(journal.append_intent({"call_id": f"c{n}", "charges": [told]}) for n in calls)
            )
            ends = ({"call_id": f"c{n}", "status": "answered"} for n in calls)
            await asyncio.gather(*(journal.append_outcome("outcome", end) for end in ends))
        await journal.close()

    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(write(Path(scratch)))
        began = time.process_time()
        found = recovery.recover(Path(scratch))
        read = time.process_time() - began
    if found.state is None:
        raise ValueError("the journal holds no checkpoint")
    again = LocalStore()
    began = time.process_time()
    again.restore(found.state["windows"], 0, 0)
    restored = time.process_time() - began
    began = time.process_time()
    for past in found.charges:
        again.charge(Charge(*past[:5]), 0, 0)
    return {
        "charges_in_checkpoint": count,
        "calls_behind_it": count,
        "read_ms": round(read * 1000),
        "restore_ms": round(restored * 1000),
        "replay_ms": round((time.process_time() - began) * 1000),
    }


def payment() -> Message:
    return tool_call("create_payment", ARGUMENTS)


def main() -> None:
    """Prints one JSON object per part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=100_000)
    parser.add_argument("--sessions", type=int, default=50_000)
    parser.add_argument("--entries", type=int, default=1_000_000)
    arguments = parser.parse_args()
    parts = (
        (windows, arguments.windows),
        (pots, arguments.windows),
        (long_window, arguments.entries),
        (sessions, arguments.sessions),
        (start, arguments.windows),
    )
    fresh = multiprocessing.get_context("spawn")
    for part, size in parts:
        with fresh.Pool(1) as pool:
            figures = pool.apply(part, (size,))
        print(orjson.dumps({"part": part.__name__, **figures}).decode(), flush=True)


if __name__ == "__main__":
    main()
