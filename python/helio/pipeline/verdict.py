"""From what was found out about a call to why it is blocked: one function a reason. Pure."""

from collections.abc import Sequence
from typing import Final

from helio.config.scalars import duration
from helio.evaluator import Breach, Decision
from helio.governance.catalogue import Drift
from helio.governance.definitions import ADDED, DUPLICATE, REMOVED, UNREADABLE, UNVERIFIED
from helio.governance.feedback import Block, exact, instant, limit_details, seconds
from helio.pipeline.events import CallReceived, Moment, UpstreamFailed
from helio.pipeline.governance import ActivePolicy, Governance
from helio.pipeline.record import not_judged


def decided_block(decision: Decision, governance: Governance) -> Block | None:
    """Why the decision alone blocks the call; None when it goes on to what the rules ask for."""
    policy = governance.policy
    if decision.panicked is not None:
        return _policy_denied(decision, governance, "The call could not be evaluated")
    if decision.action == "deny" and not _may_be_lifted(decision, policy):
        return _policy_denied(decision, governance, _denial(decision, policy))
    return None


def limits_fault(decision: Decision, received: CallReceived, policy: ActivePolicy) -> Block | None:
    """Why what the call would charge cannot be told; None when it can."""
    if decision.fault is None:
        return None
    return faulty(decision.fault, received, policy, decision.action)


def _may_be_lifted(decision: Decision, policy: ActivePolicy) -> bool:
    """Whether the rule denies only until what it asks for is there.

    One that could not be judged denies for good: to end the search there would widen.
    """
    rule = policy.rule(decision.rule)
    unjudged = any(index == decision.rule for index, _, _ in decision.indeterminate)
    return rule is not None and rule.until and not unjudged


def unknown_tool(tool: str, primed: bool) -> Block:
    """The tool is not in the upstream's list, and `unknown_tools: deny` lets only listed ones
    pass."""
    listed = (
        "is not in the upstream's tool list" if primed else "cannot be checked: no tool list yet"
    )
    return Block(
        reason="unknown_tool",
        decision="deny",
        action="deny",
        message=f"The tool `{tool}` {listed}.",
        suggestion="Call tools/list and use a name from it, exactly as it is written there.",
        retry_allowed=not primed,
    )


_NOT_ACCEPTED = {
    ADDED: "is not among those that were accepted",
    REMOVED: "was accepted and is not listed by its upstream any more",
    DUPLICATE: "is listed more than once by its upstream",
    UNREADABLE: "has a definition that is not strict JSON",
    UNVERIFIED: "cannot be compared with what was accepted: its upstream lists no tools yet",
}


def drifted(drift: Drift) -> Block:
    """The tool is not what was accepted, and `on_tool_drift` lets only accepted ones pass."""
    aspects = drift.aspects
    unverified = aspects == (UNVERIFIED,)
    changed = f"changed since it was accepted: {', '.join(aspects)}"
    return Block(
        reason="tool_definition_drift",
        decision="deny",
        action="deny",
        message=f"The tool `{drift.tool}` {_NOT_ACCEPTED.get(aspects[0], changed)}.",
        suggestion="Try again in a few seconds."
        if unverified
        else "An operator must review and accept its definition before it can be called.",
        retry_allowed=unverified,
        details={"drifted_aspects": list(aspects)},
    )


def changed_meanwhile(tool: str) -> Block:
    """The tool's definition changed between the decision and the moment of forwarding."""
    return Block(
        reason="tool_definition_drift",
        decision="deny",
        action="deny",
        message=f"The definition of the tool `{tool}` changed while this call was under way.",
        suggestion="Send the call again: it is judged by the new definition.",
        retry_allowed=True,
        details={"drifted_aspects": []},
    )


def no_room(breaches: Sequence[Breach], policy: ActivePolicy, action: str, now: Moment) -> Block:
    """A rate or spend limit is exhausted. The first in rule order is told in full."""
    breach = breaches[0]
    demand = breach.demand
    rule = policy.rule(demand.rule)
    rate = demand.kind == "rate"
    written = None if rule is None else rule.message
    advice = None if rule is None else rule.suggestion
    return Block(
        reason="rate_limited" if rate else "spend_limited",
        decision="rate_limited" if rate else "spend_limited",
        action=action if rule is None else rule.action,
        message=written or (_rate_message(breach) if rate else _spend_message(breach)),
        suggestion=advice or _wait(breach, now),
        rule=policy.label(demand.rule),
        rule_index=demand.rule,
        retry_allowed=all(each.reset_ns is not None for each in breaches),
        details=limit_details(breach, now.wall),
    )


def state_unavailable(policy: ActivePolicy, decision: Decision) -> Block:
    """The counters are out of reach, so nobody knows whether the call may pass."""
    return _internal(
        policy, decision, "state_unavailable", "The state that limits need is not available."
    )


def audit_unavailable(policy: ActivePolicy, decision: Decision) -> Block:
    """The audit cannot be written, and what cannot be recorded is not forwarded."""
    return _internal(
        policy, decision, "audit_unavailable", "The audit cannot be written at the moment."
    )


def _internal(policy: ActivePolicy, decision: Decision, reason: str, message: str) -> Block:
    return Block(
        reason=reason,
        decision="deny",
        action=decision.action,
        message=message,
        suggestion="Try again in a few seconds.",
        rule=policy.label(decision.rule),
        rule_index=_place(decision),
        retry_allowed=True,
    )


def _policy_denied(decision: Decision, governance: Governance, why: str) -> Block:
    rule = governance.policy.rule(decision.rule)
    details: dict[str, object] = {"policy_reason": why}
    if decision.indeterminate:
        details["indeterminate"] = not_judged(decision, governance)
    if decision.assumed_hints:
        details["assumed_annotations"] = decision.assumed_hints
    return Block(
        reason="policy_denied",
        decision="deny",
        action=decision.action,
        message=(rule and rule.message) or why,
        suggestion=(rule and rule.suggestion) or None,
        rule=None if rule is None else rule.label,
        rule_index=_place(decision),
        details=details,
    )


def _denial(decision: Decision, policy: ActivePolicy) -> str:
    """Why a deny denies: by its match, by what it could not judge, or by the default."""
    label = policy.label(decision.rule)
    if label is None:
        return "No rule allows this call, and the default is to deny."
    for rule, condition, detail in decision.indeterminate:
        if rule == decision.rule:
            return (
                f"Rule `{label}` restricts this call, because {condition} could not be judged: "
                f"{detail}."
            )
    if decision.assumed_hints:
        hints = ", ".join(decision.assumed_hints)
        return (
            f"Rule `{label}` denies this call; the tool does not state {hints}, so MCP's default "
            "counts."
        )
    return f"Rule `{label}` denies this call."


def faulty(
    fault: tuple[str, int, str, str], received: CallReceived, policy: ActivePolicy, action: str
) -> Block:
    """Something needed is missing: an amount that can be counted, or a session or key to count
    under."""
    kind, index, subject, found = fault
    rule = policy.rule(index)
    if kind == "invalid_amount":
        message = f"The amount `{subject}` is {found}."
        suggestion: str | None = f"Send `{subject}` as one JSON number that is not negative."
        details: dict[str, object] = {"field": subject, "found": found}
    else:
        tried = list(received.session.tried)
        message = f"This call needs a known {subject}, and none was found."
        suggestion = _how_to_name(subject, received)
        details = {"tried": tried}
    return Block(
        reason=kind,
        decision="deny",
        action=action if rule is None else rule.action,
        message=message,
        suggestion=suggestion,
        rule=policy.label(index),
        rule_index=index,
        retry_allowed=kind != "invalid_amount",
        details=details,
    )


_SAID_BY_ADAPTERS: Final = {
    "session": "session_id",
    "agent": "agent_id",
    "sender_id": "metadata.sender_id",
}


def _how_to_name(subject: str, received: CallReceived) -> str | None:
    """How whoever calls can say what a limit counts by; None where they cannot."""
    if received.origin == "mcp":
        tried = ", ".join(received.session.tried)
        return f"Send one of these headers: {tried}." if subject == "session" else None
    said = _SAID_BY_ADAPTERS.get(subject)
    return None if said is None else f"Send `{said}` with the call."


def _rate_message(breach: Breach) -> str:
    demand = breach.demand
    window = duration(demand.window_ms)
    return f"{breach.current} of {demand.maximum} calls in {window} are used."


def _spend_message(breach: Breach) -> str:
    demand = breach.demand
    return (
        f"{demand.amount} {demand.currency} is more than what is left: {breach.current} of "
        f"{demand.maximum} {demand.currency} in {duration(demand.window_ms)} are spent."
    )


def _wait(breach: Breach, now: Moment) -> str:
    if breach.reset_ns is None:
        return f"No wait helps: use at most {breach.demand.maximum} in one call."
    return f"The same call can pass from {instant(now.wall + breach.reset_ns)} on."


def _place(decision: Decision) -> int | None:
    return None if decision.rule < 0 else decision.rule


def limits_told(decision: Decision, breaches: Sequence[Breach]) -> list[dict[str, object]]:
    """Every limit a dry run met: `[{rule_index, kind, maximum, amount, window_seconds,
    would_pass}]`."""
    full = {(breach.demand.limit, breach.demand.key) for breach in breaches}
    return [
        {
            "rule_index": demand.rule,
            "kind": demand.kind,
            "maximum": exact(demand.maximum),
            "amount": exact(demand.amount),
            "currency": demand.currency,
            "window_seconds": seconds(demand.window_ms),
            "would_pass": (demand.limit, demand.key) not in full,
        }
        for demand in decision.demands
        if demand.enforced
    ]


def failure_text(failure: UpstreamFailed) -> str:
    """What an agent is told of a call that got no answer."""
    if failure.sent:
        return (
            "The upstream gave no answer, so it is not known whether the call took effect "
            f"({failure.detail})."
        )
    return f"The upstream could not be reached; the call was not sent ({failure.detail})."
