"""What the audit keeps of a call, as the data of journal records (product reference, "What the
audit keeps"). Pure.

Bodies, and texts that hold parts of them, are kept without what redaction hides (`bodies`).
"""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache, partial
from typing import cast

from helio.evaluator import Decision, Redactor, unpack_hints
from helio.governance.catalogue import Drift, Standing
from helio.governance.feedback import Block, instant
from helio.governance.past import Priced
from helio.governance.store import Charge
from helio.pipeline.bodies import kept, kept_arguments, kept_head, outline
from helio.pipeline.events import CallReceived, Moment, UpstreamAnswered, UpstreamFailed
from helio.pipeline.governance import Governance
from helio.pipeline.quotes import Hidden, without


def call_data(
    received: CallReceived, started: Moment, governance: Governance, *, destructive: bool
) -> dict[str, object]:
    """What every record of a call begins with."""
    message, redactor, tool = received.message, governance.redactor, _tool(received)
    tool_input, args_hash = kept_arguments(message, tool, governance.max_record, redactor)
    data: dict[str, object] = {
        "call_id": received.call_id,
        "record_kind": received.kind,
        "timestamp": instant(started.wall),
        "session_id": received.session.id,
        "session_source": received.session.source,
        "agent_id": received.agent,
        "environment": governance.environment,
        "upstream": received.upstream,
        "tool_name": tool,
        "tool_input": tool_input,
        "args_hash": args_hash,
        "policy_digest": governance.policy.digest,
        "flagged_destructive": destructive,
        "origin": received.origin,
        "protocol_version": received.protocol_version,
    }
    if received.trace is not None:
        data["trace_id"] = received.trace.trace
    if received.metadata is not None:
        shown = redactor.document(received.metadata) or b"null"
        data["metadata"] = f'{{"adapter":{shown.decode()}}}'
    if received.continues is not None:
        data["metadata"] = json.dumps({"continues": received.continues})
    return data


def decision_data(decision: Decision, governance: Governance, hidden: Hidden) -> dict[str, object]:
    """What the rules said: the deciding rule, what could not be judged, what was assumed."""
    label = governance.policy.label
    data: dict[str, object] = {
        "matched_rule": label(decision.rule),
        "matched_rule_index": None if decision.rule < 0 else decision.rule,
    }
    if decision.indeterminate:
        data["indeterminate"] = without(not_judged(decision, governance), hidden)
    if decision.assumed_hints:
        data["assumed_annotations"] = decision.assumed_hints
    return data


def verdict_data(
    received: CallReceived, decision: Decision, governance: Governance
) -> dict[str, object]:
    """What is held of a call that nobody records: the rule, and what a person would be shown."""
    message = received.message
    return {
        "tool_input": message.arguments.decode(),
        "args_hash": message.arguments_hash(),
        "matched_rule": governance.policy.label(decision.rule),
    }


def known_annotations(standing: Standing) -> tuple[Mapping[str, bool], ...]:
    """What is known of the tool that a call is judged by: its annotations as each of its
    definitions states them (under drift the accepted one first, then the listed one), none of them
    for a tool that its upstream does not list."""
    if standing.tool is None and standing.drift is None:
        return ()
    return tuple(map(_stated, standing.views))


@cache
def _stated(hints: int) -> Mapping[str, bool]:
    return unpack_hints(hints)


def note_drift(data: dict[str, object], drift: Drift | None) -> None:
    """Adds to the record's `metadata` that the tool was not what was accepted, whatever follows."""
    if drift is None:
        return
    told = {"aspects": drift.aspects, "pinned": drift.pinned, "current": drift.current}
    add_metadata(data, tool_drift=told)


def add_metadata(data: dict[str, object], **details: object) -> None:
    """Adds details that have no column of their own to the record's `metadata`, a JSON text."""
    data["metadata"] = json.dumps(json.loads(str(data.get("metadata", "{}"))) | details)


def not_judged(decision: Decision, governance: Governance) -> list[dict[str, object]]:
    """The conditions that could not be judged: `[{rule, condition, detail}]`."""
    return [
        {"rule": governance.policy.label(rule), "condition": condition, "detail": detail}
        for rule, condition, detail in decision.indeterminate
    ]


def block_data(block: Block, hidden: Hidden) -> dict[str, object]:
    """A block's own part of a record."""
    told = {"message": block.message, "suggestion": block.suggestion, **block.details}
    data: dict[str, object] = {
        "policy_decision": block.decision,
        "block_reason": block.reason,
        "feedback": without(told, hidden),
    }
    if block.rule_index is not None:
        # The rule whose limit is full need not be the one that decided.
        data |= {"matched_rule": block.rule, "matched_rule_index": block.rule_index}
    return data


def rehearsal_data(block: Block | None) -> dict[str, object]:
    """A dry run's own part of a record; `block` is what would have kept the call back."""
    return {
        "policy_decision": "dry_run",
        "block_reason": None if block is None else block.reason,
        "dry_run": True,
        "would_forward": block is None,
    }


def withdrawn_data(block: Block) -> dict[str, object]:
    """What the outcome of a call says that was blocked after its intent was kept."""
    return {
        "policy_decision": block.decision,
        "block_reason": block.reason,
        "upstream_error": None,
    }


def charge_data(charges: Sequence[Charge]) -> list[list[object]]:
    """What the call charges, for the fold over the journal."""
    return [list(charge) for charge in charges]


def budget_data(decision: Priced, charges: Sequence[Charge]) -> list[dict[str, object]]:
    """What of the `charges` budgets are charged, for their ledgers: `[{budget, key, amount,
    currency, contributor}]`, the amount as a decimal text."""
    charged = {(charge.limit, charge.key): charge.amount for charge in charges}
    return [
        {
            "budget": demand.budget,
            "key": demand.key,
            "amount": charged[demand.id, demand.key],
            "currency": demand.currency,
            "contributor": demand.contributor,
        }
        for demand in decision.budgets
        if (demand.id, demand.key) in charged
    ]


def currencies(decision: Priced) -> Mapping[tuple[str, str], str | None]:
    """What each limit's and budget's amounts are in, by its identity and key; None for calls."""
    return {
        **{(each.limit, each.key): each.currency for each in decision.demands},
        **{(each.id, each.key): each.currency for each in decision.budgets},
    }


def actual_data(
    data: Mapping[str, object], amount: str, overdrawn: Mapping[str, object]
) -> dict[str, object]:
    """What the outcome says of an amount that is known only now: the `metadata` of the call's
    record (`data`), every digit as it was, with the amount in it, and with what has more in it than
    its limit since."""
    told = json.dumps({"amount": amount, **overdrawn})
    before = str(data.get("metadata", "{}")).removesuffix("}")
    separator = "" if before == "{" else ","
    return {"metadata": f'{before}{separator}"actual":{told}}}'}


def spend_data(decision: Priced, charges: Sequence[Charge]) -> dict[str, str]:
    """The money of the call, by currency, as decimal texts. What several limits and budgets count
    is the same money: the largest amount is what it comes to."""
    known = currencies(decision)
    spend: dict[str, Decimal] = {}
    for charge in charges:
        currency = known.get((charge.limit, charge.key))
        if currency is not None:
            spend[currency] = max(Decimal(charge.amount), spend.get(currency, Decimal(0)))
    return {currency: f"{amount:f}" for currency, amount in spend.items()}


def answered_data(
    received: CallReceived,
    answer: UpstreamAnswered,
    started: Moment,
    now: Moment,
    governance: Governance,
) -> dict[str, object]:
    """The outcome of a call that its upstream answered."""
    redactor, tool = governance.redactor, _tool(received)
    error = None if answer.error is None else _told_error(answer.error, redactor, tool)
    data: dict[str, object] = {
        "call_id": received.call_id,
        "status": "answered" if error is None else "upstream_error",
        "upstream_error": error,
        "upstream_http_status": answer.http_status,
        **_durations(answer.latency, started, now),
        **_report(answer.report),
    }
    if governance.include_responses:
        if answer.body is not None:
            redact = partial(redactor.answer, tool)
            data["upstream_response"] = kept(answer.body, governance.max_record, redactor, redact)
        elif answer.unread:
            head = kept_head(answer.unread, redactor, tool)
            data["upstream_response"] = outline(answer.unread, redactor, head)
    return data


def failed_data(
    received: CallReceived,
    failure: UpstreamFailed,
    started: Moment,
    now: Moment,
    governance: Governance,
) -> dict[str, object]:
    """The outcome of a call that got no answer: `not_forwarded` when nothing was sent."""
    detail = governance.redactor.text(failure.detail, _tool(received))
    return {
        "call_id": received.call_id,
        "status": "indeterminate" if failure.sent else "not_forwarded",
        "upstream_error": f"{failure.reason}: {detail}",
        **_durations(failure.latency, started, now),
        **_report(failure.report),
    }


def milliseconds(nanoseconds: int) -> float:
    """A duration in milliseconds, to the microsecond."""
    return round(nanoseconds / 1e6, 3)


def _told_error(error: str, redactor: Redactor, tool: str) -> str:
    """What an answer reports; a message behind its code may be JSON, and is read as such."""
    code, separator, message = error.partition(": ")
    return code + separator + redactor.text(message, tool) if separator else error


def _tool(received: CallReceived) -> str:
    return cast("str", received.message.tool)


def _report(report: str | None) -> dict[str, object]:
    """By what the outcome is known, for one that is reported again after a restart."""
    return {} if report is None else {"report": report}


def _durations(latency: int, started: Moment, now: Moment) -> dict[str, object]:
    total = now.monotonic - started.monotonic
    return {
        "upstream_latency_ms": milliseconds(latency),
        "total_duration_ms": milliseconds(total),
        "proxy_compute_ms": milliseconds(max(0, total - latency)),
    }
