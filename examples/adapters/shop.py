"""A shop's tools, which run in the agent's own process, and the calls that each agent beside this
file makes with them.

Above: the agents. Below: nothing.
"""

import os
import sys
from typing import Any

ORIGIN = "shop-agent"
"""What the audit calls the program."""


def lookup_order(order_id: int) -> str:
    """Look up an order."""
    return f"order {order_id}: standing desk"


def refund_order(order_id: int) -> str:
    """Refund an order."""
    if order_id == 0:
        raise ValueError("there is no order 0")
    return f"order {order_id} is refunded"


def delete_order(order_id: int) -> str:
    """Delete an order."""
    raise AssertionError(f"order {order_id} was deleted, which nobody may do")


def pay_supplier(amount: int) -> str:
    """Pay the supplier."""
    return f"the supplier got {amount}"


def close_books(month: int) -> str:
    """Close the books of a month."""
    raise AssertionError(f"the books of month {month} were closed, which was to be rehearsed")


def search_orders(text: str) -> str:
    """Search orders."""
    return f"orders with {text}: 7"


TOOLS = (lookup_order, refund_order, delete_order, pay_supplier, close_books, search_orders)

DAY: tuple[tuple[str, dict[str, Any]], ...] = (
    ("delete_order", {"order_id": 7}),
    # Blocked, and repaired as the feedback says: look the order up, and try again.
    ("refund_order", {"order_id": 7}),
    ("lookup_order", {"order_id": 7}),
    ("refund_order", {"order_id": 7}),
    ("close_books", {"month": 11}),
    # Two searches an hour, and no third.
    ("search_orders", {"text": "desk"}),
    ("search_orders", {"text": "lamp"}),
    ("search_orders", {"text": "chair"}),
    # A person decides: `helio approvals list -c examples/adapters/helio.yaml` shows each payment,
    # `helio approvals approve ID --by NAME -c examples/adapters/helio.yaml` or `deny` answers.
    ("pay_supplier", {"amount": 350}),
    ("pay_supplier", {"amount": 900}),
)
"""What a model might ask for in a day."""


def task() -> str:
    """The session that the calls belong to: the argument of the command line, else a new one."""
    return sys.argv[1] if len(sys.argv) > 1 else f"task-{os.getpid()}"


def show(tool: str, arguments: dict[str, Any], told: object) -> None:
    """Prints a call, and what a model would be told."""
    given = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    print(f"{tool}({given})\n  -> {told}", flush=True)
