"""Tickets that channels are asked to tell of."""

from typing import Any

from approvals.tickets import SECOND, ticket
from helio.governance.ticket import State, Ticket

ASKED_AT = 1_795_408_200 * SECOND


def asked(**changes: Any) -> Ticket:
    """A large payment that waits for a person for five minutes."""
    values: dict[str, Any] = {
        "tool_input": '{"amount":1500.10,"to":"acme"}',
        "agent_id": "support-1",
        "channels": ("people",),
        "requested_at": ASKED_AT,
        "timeout_at": ASKED_AT + 300 * SECOND,
    }
    return ticket("tkt_1", **values | changes)


def approved(**changes: Any) -> Ticket:
    """The same, approved."""
    fate = {"state": State.APPROVED, "resolved_at": ASKED_AT + SECOND, "resolved_by": "alice"}
    return asked(**fate | changes)
