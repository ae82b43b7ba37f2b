"""What the journal holds of tickets. Pure.

Above: `broker` (writes), `book` (has it happen again). Below: `helio.governance.ticket`.

- `ticket`: something happened to a ticket; no row of the audit. `{"event": "requested", "ticket"}`
  holds all of it, any other event what changed: `{"event", "ticket_id", "changes"}`.
- `approval`: a ticket is over; the same, and beside it the columns of the audit's row.

An intent's `approvals` are the ids of the tickets that it uses up.
"""

import json
from typing import Final

from helio.governance.feedback import instant
from helio.governance.ticket import Ticket

TICKET: Final = "ticket"
APPROVAL: Final = "approval"


def requested_data(ticket: Ticket) -> dict[str, object]:
    """A person is asked."""
    return {"event": "requested", "ticket": ticket.stored()}


def changed_data(ticket: Ticket, event: str, *names: str) -> dict[str, object]:
    """Something happened that changed the fields of these names."""
    stored = ticket.stored()
    changes = {name: stored[name] for name in names}
    return {"event": event, "ticket_id": ticket.id, "changes": changes}


def resolved_data(ticket: Ticket, at: int, waited_ns: int) -> dict[str, object]:
    """The ticket is over since the wall time `at`."""
    changed = ("state", "resolved_at", "resolved_by", "reason")
    metadata: dict[str, object] = {
        "kind": ticket.kind,
        "call_id": ticket.call_id,
        "channels": ticket.channels,
        "reasons": ticket.reasons,
        "resolved_by": ticket.resolved_by,
        "reason": ticket.reason,
        "breached_budgets": [each.name for each in ticket.breached_budgets],
    }
    return {
        "call_id": ticket.id,
        "record_kind": APPROVAL,
        "timestamp": instant(at),
        "session_id": ticket.session_id,
        "agent_id": ticket.agent_id,
        "environment": ticket.environment,
        "upstream": ticket.upstream,
        "tool_name": ticket.tool_name,
        "tool_input": ticket.tool_input,
        "args_hash": ticket.args_hash,
        "policy_decision": "require_approval",
        "matched_rule": ticket.matched_rule,
        "matched_rule_index": ticket.rule_index,
        "policy_digest": ticket.policy_digest,
        "approval_status": ticket.status,
        "approved_by": ticket.resolved_by if ticket.allows else None,
        "approval_wait_ms": round(waited_ns / 1e6, 3),
        "metadata": json.dumps({name: value for name, value in metadata.items() if value}),
        **changed_data(ticket, ticket.status, *changed),
    }
