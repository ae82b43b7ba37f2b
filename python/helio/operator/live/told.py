"""What operators are told of, made of the journal's records as they come. Pure.

Above: `following`. Below: `helio.audit` (lines, rows). A record gives no event, one, or several.
Events hold no bodies: whoever wants them asks for the row.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, Self

import orjson

from helio.approvals.records import APPROVAL, TICKET
from helio.audit.record import Row, row_of
from helio.audit.segment import Line
from helio.governance.feedback import exact, instant
from helio.governance.ticket import Ticket
from helio.protocol.sse import encode_event

ACTION: Final = (
    *("id", "timestamp", "record_kind", "session_id", "agent_id", "upstream", "tool_name"),
    *("policy_decision", "block_reason", "matched_rule", "approval_status", "approved_by"),
    *("outcome", "flagged_destructive", "dry_run", "origin", "total_duration_ms"),
)
"""The columns of a row that an `action` has, after `seq` and `ended_seq`."""
NAMES: Final = (
    *("heartbeat", "action", "approval_requested", "approval_resolved"),
    *("approval_notification_failed", "limit_warning", "budget_update", "budget_breached"),
    *("tool_drift", "policy_reloaded", "reset"),
)
"""Every event that there is. `reset`: something was missed that cannot be told any more."""

_MOST_OPEN: Final = 20_000
"""Calls whose outcome is waited for. A call that is forgotten is told without what it was."""
_BODIES: Final = frozenset({"tool_input", "upstream_response", "charges", "facts"})
_DRIFT: Final = frozenset({"drifted", "cleared", "accepted", "released", "lock_refused"})
_ASKED: Final = (
    *("id", "kind", "tool_name", "upstream", "matched_rule", "session_id", "agent_id"),
    *("requested_at", "timeout_at"),
)
_SAID: Final = frozenset({"message", "suggestion"})
_LIMITED: Final = frozenset({"rate_limited", "spend_limited"})


class EventId(NamedTuple):
    """The number of a record, and which of its events this is; as a text `12`, or `12.1`."""

    sequence: int
    place: int = 0

    @classmethod
    def read(cls, text: str) -> Self | None:
        """The id that `str` wrote; None for any other text."""
        parts = text.split(".")
        if len(parts) > 2 or not all(_is_number(part) for part in parts):
            return None
        return cls(*map(int, parts))

    def __str__(self) -> str:
        return f"{self.sequence}.{self.place}" if self.place else str(self.sequence)


class Event(NamedTuple):
    """Something to be told: one of `NAMES`, and a JSON object."""

    id: EventId
    name: str
    data: bytes

    def framed(self) -> bytes:
        """As an event stream has it (WHATWG HTML, section 9.2)."""
        return encode_event(self.data, event=self.name.encode(), identifier=str(self.id).encode())


class Teller:
    """Makes events of records, which it takes in their order."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[int, str, Mapping[str, Any]]] = {}
        self._last = EventId(0)

    @property
    def last(self) -> EventId:
        """The id of the newest record, or of its last event."""
        return self._last

    def take(self, line: Line) -> list[Event]:
        """The events of the next record."""
        self._last = EventId(line.sequence)
        told = list(self._told(line))
        return [self._event(name, data, place) for place, (name, data) in enumerate(told)]

    def more(self, name: str, data: Mapping[str, object]) -> Event:
        """An event beside those of the newest record."""
        return self._event(name, data, self._last.place + 1)

    def _event(self, name: str, data: Mapping[str, object], place: int) -> Event:
        self._last = EventId(self._last.sequence, place)
        return Event(self._last, name, orjson.dumps(data))

    def _told(self, line: Line) -> Iterator[tuple[str, Mapping[str, object]]]:
        match line.kind:
            case "intent":
                self._begin(line)
            case "outcome":
                yield from self._ended(line)
            case "blocked" | "rejected":
                yield from _stopped(line)
            case kind if kind == TICKET:
                yield from _ticket(line)
            case kind if kind == APPROVAL:
                yield "approval_resolved", _resolved(line)
            case "drift_event":
                yield from _drift(line)
            case "policy_loaded":
                yield "policy_reloaded", _policy(line)

    def _begin(self, line: Line) -> None:
        data = line.values()
        slim = {name: value for name, value in data.items() if name not in _BODIES}
        self._open[data["call_id"]] = line.sequence, line.at, slim
        if len(self._open) > _MOST_OPEN:
            del self._open[next(iter(self._open))]

    def _ended(self, line: Line) -> Iterator[tuple[str, Mapping[str, object]]]:
        outcome = line.values()
        unknown = line.sequence, line.at, {"call_id": outcome["call_id"]}
        sequence, at, data = self._open.pop(outcome["call_id"], unknown)
        row = row_of("intent", at, data, outcome)
        yield "action", _action(sequence, line.sequence, row)
        charged = outcome.get("budgets") or data.get("budgets")
        if charged and outcome["status"] != "not_forwarded":
            charges = [{**each, "amount": exact(each["amount"])} for each in charged]
            yield "budget_update", {"call_id": row["id"], "charges": charges}
        if overdrawn := _overdrawn(outcome):
            told = {"call_id": row["id"], "ticket_id": None, "after_the_call": True}
            yield "budget_breached", {**told, "budgets": overdrawn}


def _overdrawn(outcome: Mapping[str, Any]) -> list[Mapping[str, object]]:
    """The budgets that the actual amount of a call left with more in them than their limits."""
    if "metadata" not in outcome:
        return []
    budgets = orjson.loads(outcome["metadata"]).get("actual", {}).get("budgets", [])
    amounts = ("limit", "spent")
    return [{**each, **{name: exact(each[name]) for name in amounts}} for each in budgets]


def _stopped(line: Line) -> Iterator[tuple[str, Mapping[str, object]]]:
    """A call that went no further."""
    data = line.values()
    row = row_of(line.kind, line.at, data)
    yield "action", _action(line.sequence, line.sequence, row)
    reason, feedback = data.get("block_reason"), data.get("feedback") or {}
    if reason in _LIMITED:
        told = {name: value for name, value in feedback.items() if name not in _SAID}
        rule = {"rule": data.get("matched_rule"), "rule_index": data.get("matched_rule_index")}
        yield (
            "limit_warning",
            {"call_id": row["id"], "reached": True, "kind": reason, **rule, **told},
        )
    if reason == "budget_exceeded":
        breached = feedback.get("budgets", [])
        yield "budget_breached", {"call_id": row["id"], "ticket_id": None, "budgets": breached}


def _ticket(line: Line) -> Iterator[tuple[str, Mapping[str, object]]]:
    data = line.values()
    if data["event"] == "requested":
        ticket = Ticket.restored(data["ticket"]).as_object()
        yield "approval_requested", {name: ticket[name] for name in _ASKED}
        if breached := ticket["breached_budgets"]:
            told = {"call_id": ticket["call_id"], "ticket_id": ticket["id"]}
            yield "budget_breached", {**told, "budgets": breached}
    elif data["event"] == "notification_failed":
        failure = data["changes"]["notification_failures"][-1]
        told = {**failure, "at": instant(failure["at"])}
        yield "approval_notification_failed", {"ticket_id": data["ticket_id"], **told}


def _resolved(line: Line) -> Mapping[str, object]:
    data = line.values()
    same = ("tool_name", "upstream", "matched_rule", "session_id", "agent_id")
    return {
        "id": data["ticket_id"],
        "status": data["approval_status"],
        "resolved_by": data["changes"]["resolved_by"],
        "resolved_at": data["timestamp"],
        **{name: data.get(name) for name in same},
    }


def _drift(line: Line) -> Iterator[tuple[str, Mapping[str, object]]]:
    data = line.values()
    told = orjson.loads(data["metadata"])
    if told["event"] in _DRIFT:
        yield "tool_drift", {"upstream": data["upstream"], "tool_name": data["tool_name"], **told}


def _policy(line: Line) -> Mapping[str, object]:
    data = line.values()
    return {
        "digest": data["policy_digest"],
        "loaded_at": data["timestamp"],
        "refused": None,
        **orjson.loads(data["metadata"]),
    }


def _action(sequence: int, ended: int, row: Row) -> Mapping[str, object]:
    return {"seq": sequence, "ended_seq": ended, **{name: row[name] for name in ACTION}}


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18
