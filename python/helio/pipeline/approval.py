"""The approvals that a call has, and what its agent is told when it has them not. Pure.

Above: `helio.pipeline.deciding`, `forwarding`, `answers`. Below: `asking`,
`helio.governance.ticket`.
"""

from collections.abc import Sequence

from helio.evaluator import BudgetBreach, Decision
from helio.governance.feedback import Block, instant, seconds
from helio.governance.ticket import ApprovalRequest, State, Ticket
from helio.pipeline.asking import Question, channels, may_be_approved, shortest_timeout
from helio.pipeline.commands import Command, GiveBackApprovals, UseApprovals
from helio.pipeline.governance import ActivePolicy
from helio.pipeline.record import add_metadata, milliseconds


class CallApprovals:
    """The approvals that one call has, and how long it waited for them."""

    __slots__ = ("_call_id", "_tickets", "_waited")

    def __init__(self, call_id: str) -> None:
        self._call_id = call_id
        self._tickets: dict[str, Ticket] = {}
        self._waited = 0

    def answer(self, request: ApprovalRequest) -> bool:
        """Whether this was asked and approved already."""
        return any(each.allows and each.fits(request) for each in self._tickets.values())

    def note(self, ticket: Ticket, waited: int) -> None:
        """What became of a ticket, after so many nanoseconds."""
        self._tickets[ticket.id] = ticket
        self._waited += waited

    def use(self) -> list[Command]:
        """The call runs with them."""
        ids = self._allowing()
        return [UseApprovals(ids, self._call_id)] if ids else []

    def give_back(self) -> list[Command]:
        """The call goes no further."""
        ids = self._allowing()
        return [GiveBackApprovals(ids, self._call_id)] if ids else []

    def intent(self) -> dict[str, object]:
        """What the intent's record says, so that a restart knows that they are used."""
        ids = self._allowing()
        return {"approvals": ids} if ids else {}

    def record(self, data: dict[str, object]) -> None:
        """Adds what the audit keeps of them to the call's record: the last one's status, and in
        `metadata` all tickets."""
        if not self._tickets:
            return
        last = list(self._tickets.values())[-1]
        data["approval_status"] = last.status
        data["approved_by"] = last.resolved_by if last.allows else None
        data["approval_wait_ms"] = milliseconds(self._waited)
        told = [
            {
                "ticket_id": each.id,
                "kind": each.kind,
                "status": each.status,
                "resolved_by": each.resolved_by,
            }
            for each in self._tickets.values()
        ]
        add_metadata(data, tickets=told)

    def discount(self, data: dict[str, object]) -> None:
        """People's time is not Helio's."""
        if not self._waited:
            return
        computed = data.get("proxy_compute_ms")
        if isinstance(computed, float):
            data["proxy_compute_ms"] = max(0.0, round(computed - milliseconds(self._waited), 3))

    def _allowing(self) -> tuple[str, ...]:
        if not self._tickets:
            return ()
        return tuple(each.id for each in self._tickets.values() if each.allows)


def needed(
    reasons: Sequence[str], rules: Sequence[int], decision: Decision, policy: ActivePolicy
) -> Block:
    """What a dry run says of a call that a person would be asked about; `rules` are those that
    ask."""
    rule = policy.rule(rules[0]) if rules else None
    return Block(
        reason="approval_pending",
        decision="require_approval",
        action=decision.action,
        message=" ".join(reasons),
        suggestion="A person would be asked.",
        rule=None if rule is None else rule.label,
        rule_index=None if rule is None else rule.index,
        retry_allowed=True,
    )


def pending(ticket: Ticket, decision: Decision) -> Block:
    """The agent need not wait: it sends the call again when somebody has approved it."""
    return _block(
        "approval_pending",
        ticket,
        decision,
        f"{' '.join(ticket.reasons)} Ticket {ticket.id} waits for a person.",
        "Send exactly this call again after it is approved; it can be approved until "
        f"{instant(ticket.timeout_at)}.",
        retry=True,
    )


def not_approved(ticket: Ticket, decision: Decision) -> Block:
    """The call does not run: somebody said so, nobody said anything, or nobody waits for it."""
    after = seconds(ticket.timeout_ms or 0)
    match ticket.state:
        case State.DENIED:
            why = f": {ticket.reason}" if ticket.reason else ""
            message = f"{ticket.resolved_by} denied this call{why}"
            advice = (
                "Do not repeat it unchanged: ask the people responsible what they would accept."
            )
            return _block("approval_denied", ticket, decision, message, advice, retry=False)
        case State.SHUTDOWN_CANCELLED:
            message = "Helio shut down before anybody decided about this call."
            advice = "Send the call again when Helio is back: a person is asked anew."
            return _block("shutdown_cancelled", ticket, decision, message, advice, retry=True)
        case State.CANCELLED:
            message = "This call was cancelled before anybody decided about it."
            return _block("approval_cancelled", ticket, decision, message, None, retry=True)
        case State.LEFT | State.CLIENT_DISCONNECTED:
            message = "The client went away before anybody decided about this call."
            advice = "Send exactly this call again: it runs if it was approved meanwhile."
            return _block("client_disconnected", ticket, decision, message, advice, retry=True)
        case _:
            message = f"Nobody decided about this call within {after} s."
            advice = "Send the call again to ask anew, or ask the people responsible."
            return _block("approval_timeout", ticket, decision, message, advice, retry=True)


def asking_refused(policy: ActivePolicy, decision: Decision, why: str) -> Block:
    """Nobody can be asked now."""
    return Block(
        reason="state_unavailable",
        decision="deny",
        action=decision.action,
        message=f"A person must decide about this call, and nobody can be asked now: {why}.",
        suggestion="Try again in a few seconds.",
        rule=policy.label(decision.rule),
        rule_index=None if decision.rule < 0 else decision.rule,
        retry_allowed=True,
    )


def _block(
    reason: str,
    ticket: Ticket,
    decision: Decision,
    message: str,
    suggestion: str | None,
    *,
    retry: bool,
) -> Block:
    details: dict[str, object] = {
        "ticket_id": ticket.id,
        "denied_by": ticket.resolved_by if ticket.state is State.DENIED else None,
        "denial_reason": ticket.reason if ticket.state is State.DENIED else None,
        "timeout_seconds": seconds(ticket.timeout_ms or 0),
        "expires_at": instant(ticket.timeout_at),
    }
    if ticket.breached_budgets:
        details["budgets"] = [each.as_object() for each in ticket.breached_budgets]
    return Block(
        reason=reason,
        decision="require_approval",
        action=decision.action,
        message=message,
        suggestion=suggestion,
        rule=ticket.matched_rule,
        rule_index=ticket.rule_index,
        retry_allowed=retry,
        details=details,
    )


def told(found: Question | None, breaches: Sequence[BudgetBreach]) -> dict[str, object] | None:
    """What a dry run tells of the person who would be asked; None when nobody would."""
    if found is not None:
        shortest = shortest_timeout(found.ways)
        return {
            "kind": found.kind,
            "reasons": found.reasons,
            "channels": channels(found.ways),
            "timeout_seconds": None if shortest is None else seconds(shortest),
        }
    if breaches and may_be_approved(breaches):
        return {"kind": "budget", "budgets": [each.demand.budget for each in breaches]}
    return None
