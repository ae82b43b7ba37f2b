"""One governed day in a shop, played through any framework: what its model would be told."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from end_to_end.pairs import Pair, running_pair
from end_to_end.people import People
from processes import end_process, start_demo_upstream

POLICIES = """
session: { on_unresolved: deny }
approval: { mode: hold, timeout: 60s }
policies:
  rules:
    - name: nothing-is-deleted
      match: { tool: delete_order }
      action: deny
      feedback: { message: 'Orders are never deleted', suggestion: 'Ask a person.' }
    - name: refunds-need-their-order
      match: { tool: refund_payment }
      evidence: { requires: ['orders.lookup'] }
    - name: large-payments
      match: { tool: create_payment, input: { '$.amount': { gt: 200 } } }
      action: require_approval
    - name: searches
      match: { tool: search_orders }
      action: rate_limit
      limits: { max_calls: 2, window: 1h, key: session }
"""
LOOKUP = "orders.lookup"
"""The tool that the feedback about a refund names."""


@dataclass(frozen=True)
class Said:
    """What a framework gives to its model: a text, and whether it is marked as an error (None: the
    framework has no such mark).
    """

    text: str
    error: bool | None


class Framework(Protocol):
    """An agent's framework that is connected to a server."""

    tools: Sequence[str]

    def call(self, tool: str, arguments: dict[str, Any]) -> Said:
        """Calls a tool by the name that it has there."""

    def begin(self, tool: str, arguments: dict[str, Any]) -> None:
        """The same, without waiting for what is said."""

    def end(self) -> Said:
        """What is said in the end."""


@dataclass(frozen=True)
class Day:
    """What was said to each call of the scenario. `renamed`: the framework's own name of
    `orders.lookup`, where it has another; `ticket` is the status of what a person was asked.
    """

    renamed: str | None
    allowed: Said
    denied: Said
    blocked: Said
    looked_up: Said
    repaired: Said
    paid: Said
    approved: Said
    limited: Said
    ticket: str


@contextmanager
def shop(directory: Path) -> Iterator[Pair]:
    """A demo upstream of one's own, and Helio before it."""
    process, url = start_demo_upstream(directory / "upstream.log")
    try:
        with running_pair(directory, url, POLICIES, "30s") as pair:
            yield pair
    finally:
        end_process(process)


def play(framework: Framework, pair: Pair) -> Day:
    """Plays the scenario: allowed, denied, blocked and repaired, approved, limited."""
    people = People(pair.helio)
    lookup = LOOKUP if LOOKUP in framework.tools else LOOKUP.replace(".", "_")
    search = ("search_orders", {"text": "desk"})
    refund = ("refund_payment", {"payment_id": "p1"})
    allowed = framework.call(*search)
    denied = framework.call("delete_order", {"order_id": 7})
    paid = framework.call("create_payment", {"order_id": 7, "amount": 120, "currency": "GBP"})
    blocked = framework.call(*refund)
    looked_up = framework.call(lookup, {"order_id": 7})
    repaired = framework.call(*refund)
    framework.begin("create_payment", {"order_id": 7, "amount": 350, "currency": "GBP"})
    (ticket,) = people.wait_for()
    assert people.approve(ticket) == 200
    approved = framework.end()
    framework.call(*search)
    return Day(
        renamed=None if lookup == LOOKUP else lookup,
        allowed=allowed,
        denied=denied,
        blocked=blocked,
        looked_up=looked_up,
        repaired=repaired,
        paid=paid,
        approved=approved,
        limited=framework.call(*search),
        ticket=people.ticket(ticket["id"])["status"],
    )


def decisions(pair: Pair) -> list[tuple[str, str]]:
    """What the audit says of the calls, in their order."""
    return [(row["tool_name"], row["policy_decision"]) for row in pair.helio.calls()]


DECISIONS = [
    ("search_orders", "allow"),
    ("delete_order", "deny"),
    ("create_payment", "allow"),
    ("refund_payment", "deny"),
    ("orders.lookup", "allow"),
    ("refund_payment", "allow"),
    ("create_payment", "allow"),
    ("search_orders", "allow"),
    ("search_orders", "rate_limited"),
]
"""What the audit says after such a day."""


def outcomes(day: Day, *, marks: bool) -> dict[str, bool]:
    """What of the day went as it should; `marks`: blocked calls are marked as errors."""

    def passed(said: Said, part: str) -> bool:
        return part in said.text and "Blocked" not in said.text and not said.error

    def blocked(said: Said, *parts: str) -> bool:
        told = said.text.startswith("Blocked: ") and all(part in said.text for part in parts)
        return told and said.error is (True if marks else None)

    return {
        "allowed": passed(day.allowed, "order 7: standing desk") and passed(day.paid, "120"),
        "blocked": blocked(day.denied, "Orders are never deleted. Ask a person."),
        "repaired": blocked(day.blocked, f"Call {LOOKUP} before retrying")
        and passed(day.looked_up, "Ada Ferreira")
        and passed(day.repaired, "-120"),
        "approved": passed(day.approved, "350") and day.ticket == "approved",
        "limited": blocked(day.limited, "2 of 2 calls in 1h are used"),
    }
