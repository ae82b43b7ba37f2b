"""A ticket: one call that waits for a person, what became of it, and the table of its states. Pure.

Above: `helio.pipeline` (asks), `helio.approvals` (keeps, notifies, resolves), `helio.operator`.
Below: `helio.governance.feedback`, `helio.errors`. Wall time is nanoseconds since 1970.

Of the eight statuses that people see (product reference, "Approvals") `pending` is three states:
what happens to a ticket depends on how its agent waits.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Literal, Self

import orjson

from helio.errors import AlreadyResolved, ProgrammingError
from helio.governance.feedback import exact, instant

Kind = Literal["rule", "destructive", "drift", "budget"]
Mode = Literal["hold", "return"]
Occasion = Literal["requested", "escalated", "resolved"]


class State(StrEnum):
    """Where a ticket stands. Pending are `HELD` (the agent's request is kept open), `RETURNED` (the
    agent was told and may send the call again) and `LEFT` (its client went away meanwhile)."""

    HELD = "held"
    RETURNED = "returned"
    LEFT = "left"
    APPROVED = "approved"
    DENIED = "denied"
    TIMEOUT = "timeout"
    BREAK_GLASS = "break_glass"
    CLIENT_DISCONNECTED = "client_disconnected"
    SHUTDOWN_CANCELLED = "shutdown_cancelled"
    CANCELLED = "cancelled"


PENDING = frozenset((State.HELD, State.RETURNED, State.LEFT))


class Happening(StrEnum):
    """What can happen to a ticket."""

    APPROVED = "approved"
    DENIED = "denied"
    BROKE_GLASS = "broke_glass"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    CLIENT_LEFT = "client_left"
    CLIENT_JOINED = "client_joined"
    SHUT_DOWN = "shut_down"
    RESTARTED = "restarted"


TABLE: Mapping[tuple[State, Happening], State] = {
    (State.HELD, Happening.APPROVED): State.APPROVED,
    (State.HELD, Happening.DENIED): State.DENIED,
    (State.HELD, Happening.BROKE_GLASS): State.BREAK_GLASS,
    (State.HELD, Happening.TIMED_OUT): State.TIMEOUT,
    (State.HELD, Happening.CANCELLED): State.CANCELLED,
    (State.HELD, Happening.CLIENT_LEFT): State.LEFT,
    (State.HELD, Happening.SHUT_DOWN): State.SHUTDOWN_CANCELLED,
    (State.HELD, Happening.RESTARTED): State.RETURNED,
    (State.RETURNED, Happening.APPROVED): State.APPROVED,
    (State.RETURNED, Happening.DENIED): State.DENIED,
    (State.RETURNED, Happening.BROKE_GLASS): State.BREAK_GLASS,
    (State.RETURNED, Happening.TIMED_OUT): State.TIMEOUT,
    (State.RETURNED, Happening.CANCELLED): State.CANCELLED,
    (State.RETURNED, Happening.CLIENT_JOINED): State.HELD,
    (State.RETURNED, Happening.SHUT_DOWN): State.RETURNED,
    (State.RETURNED, Happening.RESTARTED): State.RETURNED,
    (State.LEFT, Happening.APPROVED): State.APPROVED,
    (State.LEFT, Happening.DENIED): State.DENIED,
    (State.LEFT, Happening.BROKE_GLASS): State.BREAK_GLASS,
    (State.LEFT, Happening.TIMED_OUT): State.CLIENT_DISCONNECTED,
    (State.LEFT, Happening.CANCELLED): State.CANCELLED,
    (State.LEFT, Happening.CLIENT_JOINED): State.HELD,
    (State.LEFT, Happening.SHUT_DOWN): State.LEFT,
    (State.LEFT, Happening.RESTARTED): State.LEFT,
}
"""Every transition. Nothing happens to a ticket that is not pending any more."""


@dataclass(frozen=True, slots=True)
class BreachedBudget:
    """A budget without room for the call. Amounts are decimal texts; `key` says which of its pots;
    `reset_at` is ISO 8601, None when no wait helps."""

    id: str
    key: str
    name: str
    limit: str
    spent: str
    remaining: str
    attempted_amount: str
    currency: str
    window: str
    on_exceed: str
    reset_at: str | None

    def as_object(self) -> dict[str, object]:
        """As operators and receivers of webhooks see it."""
        return {
            "name": self.name,
            "limit": exact(self.limit),
            "spent": exact(self.spent),
            "remaining": exact(self.remaining),
            "attempted_amount": exact(self.attempted_amount),
            "currency": self.currency,
            "window": self.window,
            "on_exceed": self.on_exceed,
            "reset_at": self.reset_at,
        }


@dataclass(frozen=True, slots=True)
class NotificationFailure:
    """A channel that could not be told. `at` is wall time in ns; `detail` a sentence for people."""

    channel: str
    occasion: Occasion
    at: int
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequest:
    """What a person is asked.

    `tool_input` is JSON text as the audit has it, redacted where that is configured. `binding` is
    what an approval counts for (`binding_of`). `reasons` are sentences: why a person is asked.
    `channels` are notified, all configured ones when it is empty; `delegates` at the escalation, or
    `channels` again when there are none. `timeout_ms` None takes the configured one, and
    `escalation_after_ms` None does not escalate. `continues`: the `call_id` of the first round.
    """

    call_id: str
    kind: Kind
    binding: str
    upstream: str
    tool_name: str
    tool_input: str
    args_hash: str
    policy_digest: str
    environment: str | None
    matched_rule: str | None
    rule_index: int | None
    reasons: tuple[str, ...]
    session_id: str | None
    agent_id: str | None
    channels: tuple[str, ...] = ()
    delegates: tuple[str, ...] = ()
    timeout_ms: int | None = None
    escalation_after_ms: int | None = None
    breached_budgets: tuple[BreachedBudget, ...] = ()
    continues: str | None = None

    def fits(self, other: "ApprovalRequest") -> bool:
        """Whether what is said of this request answers the other one: it is about the same call,
        and about every budget that the other one breaches. Another limit is another question."""
        return self.binding == other.binding and _breached(self) >= _breached(other)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket(ApprovalRequest):
    """A request with its fate.

    `requested_at`, `timeout_at` and `resolved_at` are wall time in ns. `resolved_by` names who
    decided, None for nobody; `reason` is what they said (why denied, why the glass was broken).
    `receipts` are what channels keep of their own notifications, by the channel's name.
    `escalated`: the escalation has happened.
    """

    id: str
    mode: Mode
    requested_at: int
    timeout_at: int
    default_on_timeout: Literal["deny", "allow"]
    state: State
    resolved_at: int | None = None
    resolved_by: str | None = None
    reason: str | None = None
    escalated: bool = False
    receipts: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    notification_failures: tuple[NotificationFailure, ...] = ()

    @property
    def status(self) -> str:
        """What people see: `pending`, or how it ended."""
        return "pending" if self.is_pending else self.state.value

    @property
    def is_pending(self) -> bool:
        """Whether it waits for a person."""
        return self.state in PENDING

    @property
    def allows(self) -> bool:
        """Whether it lets its call through."""
        by_default = self.state is State.TIMEOUT and self.default_on_timeout == "allow"
        return by_default or self.state in (State.APPROVED, State.BREAK_GLASS)

    @property
    def channel_name(self) -> str:
        """The channels that were asked by, as one text."""
        return ", ".join(self.channels)

    def as_object(self) -> dict[str, object]:
        """The JSON object that the operator API, webhooks and `helio approvals` show."""
        return {
            "id": self.id,
            "status": self.status,
            "kind": self.kind,
            "tool_name": self.tool_name,
            "tool_input": orjson.Fragment(self.tool_input),
            "args_hash": self.args_hash,
            "upstream": self.upstream,
            "environment": self.environment,
            "matched_rule": self.matched_rule,
            "rule_index": self.rule_index,
            "policy_digest": self.policy_digest,
            "reasons": self.reasons,
            "channel_name": self.channel_name,
            "channels": self.channels,
            "delegates": self.delegates,
            "escalation_after_seconds": _seconds(self.escalation_after_ms),
            "escalated": self.escalated,
            "session_id": self.session_id,
            "agent_id": self.agent_id,
            "call_id": self.call_id,
            "mode": self.mode,
            "default_on_timeout": self.default_on_timeout,
            "requested_at": instant(self.requested_at),
            "timeout_at": instant(self.timeout_at),
            "breached_budgets": [each.as_object() for each in self.breached_budgets],
            "notification_failures": [
                {
                    "channel": each.channel,
                    "occasion": each.occasion,
                    "at": instant(each.at),
                    "detail": each.detail,
                }
                for each in self.notification_failures
            ],
            "resolved_at": None if self.resolved_at is None else instant(self.resolved_at),
            "resolved_by": self.resolved_by,
            "denial_reason": self.reason if self.state is State.DENIED else None,
            "break_glass_reason": self.reason if self.state is State.BREAK_GLASS else None,
        }

    def stored(self) -> dict[str, object]:
        """As the journal keeps it: a value for orjson."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def changed(self, values: Mapping[str, Any]) -> Self:
        """With some fields as `stored` gave them and JSON brought them back.

        Raises KeyError, TypeError or ValueError for what was never stored.
        """
        known = {each.name: getattr(self, each.name) for each in fields(self)}
        return type(self)(**known | _read(values))

    @classmethod
    def restored(cls, values: Mapping[str, Any]) -> Self:
        """From all fields, likewise."""
        return cls(**_read(values))

    @classmethod
    def of(cls, request: ApprovalRequest, **fate: Any) -> Self:
        """The ticket of a request."""
        asked = {each.name: getattr(request, each.name) for each in fields(ApprovalRequest)}
        return cls(**asked | fate)


def follow(ticket: Ticket, happening: Happening) -> State:
    """The state that follows. Raises `AlreadyResolved` for a ticket that is not pending."""
    if not ticket.is_pending:
        raise AlreadyResolved(ticket.status)
    state = TABLE.get((ticket.state, happening))
    if state is None:
        raise ProgrammingError(
            f"{happening.value} cannot happen to a ticket that is {ticket.state}"
        )
    return state


def binding_of(
    *,
    kind: Kind,
    upstream: str,
    tool: str,
    args_hash: str,
    definition: str | None,
    rules: tuple[str, ...],
    session: str | None,
    agent: str | None,
) -> str:
    """What an approval counts for, as a sha256 in hex: the same call, and no other.

    `args_hash` is of the canonical arguments, `definition` the fingerprint of the tool's definition
    (None for a tool that nobody lists), `rules` the digests of the deciding rule and of every rule
    that asks, `session` the session's key.
    """
    bound = [kind, upstream, tool, args_hash, definition, rules, session, agent]
    return hashlib.sha256(orjson.dumps(bound)).hexdigest()


def _breached(request: ApprovalRequest) -> frozenset[tuple[str, str, str]]:
    return frozenset((each.id, each.key, each.limit) for each in request.breached_budgets)


_READ: Mapping[str, Any] = {
    "state": State,
    "reasons": tuple,
    "channels": tuple,
    "delegates": tuple,
    "breached_budgets": lambda found: tuple(BreachedBudget(**each) for each in found),
    "notification_failures": lambda found: tuple(NotificationFailure(**each) for each in found),
}
"""What JSON does not bring back as it was."""


def _read(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _READ[name](value) if name in _READ else value for name, value in values.items()}


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
