"""What redaction adds to a call: its arguments and its answer under typical rules, and under none.

python benches/redaction.py
"""

import json
import statistics
import time
from collections.abc import Callable

from helio.evaluator import Redactor

KEY = bytes(32)
TYPICAL = [
    {"path": ["$.card.number", "$.customer.email"], "action": "mask"},
    {"key": ["*password*", "*token*", "authorization"], "action": "mask"},
    {"pattern": ["ACME-[0-9]{8}"], "action": "hash"},
    {"detect": ["cards", "secrets"], "action": "mask"},
]
ARGUMENTS = {
    "amount": 120.5,
    "currency": "GBP",
    "card": {"number": "4111 1111 1111 1111", "holder": "A. Customer"},
    "customer": {"id": "c-1234", "email": "a@example.com"},
    "note": "for ACME-00012345, as agreed on the phone",
}
ORDERS = [{"id": f"order-{each}", "state": "shipped", "total": each * 3.5} for each in range(200)]
ROUNDS = 2_000


def answer(result: object) -> bytes:
    """As a tool gives it: as text and structured."""
    content = [{"type": "text", "text": json.dumps(result)}]
    body = {"jsonrpc": "2.0", "id": 1, "result": {"content": content, "structuredContent": result}}
    return json.dumps(body).encode()


def microseconds(work: Callable[[], object]) -> float:
    """The median of many."""
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter_ns()
        work()
        taken.append(time.perf_counter_ns() - started)
    return statistics.median(taken) / 1000


def main() -> None:
    """Prints a table."""
    secrets = ["a-secret-of-the-operator-port", "Bearer a-token-of-the-upstream"]
    kinds = {
        "no rules, no secrets": Redactor(b"[]", KEY, ()),
        "configured secrets only": Redactor(b"[]", KEY, secrets),
        "typical rules": Redactor(json.dumps(TYPICAL).encode(), KEY, secrets),
    }
    arguments = json.dumps(ARGUMENTS).encode()
    small, large = answer({"status": "paid", "card": ARGUMENTS["card"]}), answer({"orders": ORDERS})
    print(f"arguments {len(arguments)} B, answers {len(small)} B and {len(large)} B; µs, median")
    for name, redactor in kinds.items():
        times = (
            microseconds(lambda one=redactor: one.arguments("pay", arguments)),
            microseconds(lambda one=redactor: one.answer("pay", small)),
            microseconds(lambda one=redactor: one.answer("pay", large)),
        )
        print(f"{name:25}", *(f"{each:9.1f}" for each in times))


if __name__ == "__main__":
    main()
