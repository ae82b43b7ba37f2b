"""What a decision costs where thousands of rules about one tool want a number between two others.

    python benches/intervals.py [--passes N]

Tiers follow each other, overlap (each with fifty others), or stand in no order. 2,000 calls with
an amount somewhere in them go from bytes to decision, as `orjson.loads` reads the same bytes; the
best pass of each counts. Prints ns per call and the ratio.
"""

import argparse
import random
import time
from collections.abc import Callable

import orjson
from rich.console import Console
from rich.table import Table

from helio.evaluator import Evaluator, parse_message
from helio.policy import compile_text

COUNTS = (10, 100, 1_000, 10_000)
CALLS = 2_000
WIDTH = 10
HEAD = "version: '1'\nupstream: { url: 'http://localhost:8080/mcp' }\npolicies:\n  rules:\n"


def tiers(rules: int) -> list[tuple[int, int]]:
    return [(number * WIDTH, (number + 1) * WIDTH) for number in range(rules)]


def overlapping(rules: int) -> list[tuple[int, int]]:
    return [(number * WIDTH, (number + 50) * WIDTH) for number in range(rules)]


def scattered(rules: int) -> list[tuple[int, int]]:
    found = tiers(rules)
    random.Random(7).shuffle(found)
    return found


KINDS = {"tiers": tiers, "overlapping": overlapping, "scattered": scattered}


def evaluator(intervals: list[tuple[int, int]]) -> Evaluator:
    """Decides by a rule for each interval. Half of the rules want another currency, too."""
    rules = "".join(
        f"    - {{ match: {{ tool: pay, input: {{ amount: {{ gte: {low}, lt: {high} }},"
        f" currency: {'EUR' if number % 2 else 'GBP'} }} }}, action: allow }}\n"
        for number, (low, high) in enumerate(intervals)
    )
    policy = compile_text(HEAD + rules, "helio.yaml").policy
    if policy is None:
        raise SystemExit("the policy is not valid")
    return Evaluator(policy.graph)


def calls(rules: int) -> list[bytes]:
    """Messages whose amount lies in some interval, or above all."""
    chance = random.Random(1)
    amounts = [chance.randrange(WIDTH * rules + WIDTH) for _ in range(CALLS)]
    return [
        orjson.dumps(
            {
                "jsonrpc": "2.0",
                "id": number,
                "method": "tools/call",
                "params": {
                    "name": "pay",
                    "arguments": {"amount": amount, "currency": "EUR", "note": "n" * 300},
                },
            }
        )
        for number, amount in enumerate(amounts)
    ]


def best(passes: int, work: Callable[[bytes], object], bodies: list[bytes]) -> float:
    """ns per body, of the fastest pass."""
    times = []
    for _ in range(passes):
        began = time.perf_counter_ns()
        for body in bodies:
            work(body)
        times.append(time.perf_counter_ns() - began)
    return min(times) / len(bodies)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--passes", type=int, default=20)
    options = parser.parse_args()
    table = Table("kind", "rules", "ns", "orjson.loads, ns", "ratio")
    for kind, of in KINDS.items():
        for rules in COUNTS:
            decides, bodies = evaluator(of(rules)), calls(rules)

            def decide(body: bytes, decides: Evaluator = decides) -> object:
                return decides.decide(parse_message(body), "default")

            decided = best(options.passes, decide, bodies)
            read = best(options.passes, orjson.loads, bodies)
            figures = (f"{rules:,}", f"{decided:,.0f}", f"{read:,.0f}", f"{decided / read:.2f}")
            table.add_row(kind, *figures)
    Console(highlight=False).print(table)


if __name__ == "__main__":
    main()
