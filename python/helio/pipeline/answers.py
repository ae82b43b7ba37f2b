"""What Helio itself answers to a call: blocked, rehearsed or failed. Pure.

Above: `helio.pipeline.machine`. Below: `helio.governance.feedback`. An answer has the form of the
revision that the call was sent in.
"""

from typing import cast

from helio.evaluator import Decision
from helio.governance.feedback import (
    Block,
    blocked_answer,
    dry_run_answer,
    upstream_failure_answer,
)
from helio.pipeline import approval, verdict
from helio.pipeline.asking import Question
from helio.pipeline.budgets import budgets_told
from helio.pipeline.commands import Answer
from helio.pipeline.events import CallReceived, RoomChecked, UpstreamFailed
from helio.pipeline.governance import Governance
from helio.protocol.revisions import is_modern


def blocked(received: CallReceived, block: Block, governance: Governance) -> Answer:
    """Why the call goes no further, in the configured form."""
    policy = governance.policy
    return Answer(
        blocked_answer(
            _id(received),
            block,
            received.call_id,
            policy.digest,
            policy.settings.blocked_as,
            # Nothing known: without `structuredContent` no client can refuse the answer.
            declares_output=_declares_output(received, governance, unknown=True),
            modern=is_modern(received.protocol_version),
        )
    )


def rehearsed(
    received: CallReceived,
    block: Block | None,
    decision: Decision,
    checked: RoomChecked,
    governance: Governance,
    *,
    question: Question | None,
) -> Answer:
    """What would have happened; `checked` are the limits and budgets without room, `question` is
    what a person would be asked."""
    label = governance.policy.label
    told: dict[str, object] = {
        "dry_run": True,
        "would_forward": block is None,
        "decision": "allow" if block is None else block.decision,
        "reason": None if block is None else block.reason,
        "rule": label(decision.rule) if block is None else block.rule,
        "message": None if block is None else block.message,
        # What goes on from an earlier round is not charged again.
        "limits": [] if received.continues else verdict.limits_told(decision, checked.breaches),
        "budgets": [] if received.continues else budgets_told(decision, checked.budgets),
        "approval": approval.told(question, checked.budgets),
        "call_id": received.call_id,
        "policy": governance.policy.digest,
    }
    return Answer(
        dry_run_answer(
            _id(received),
            told,
            declares_output=_declares_output(received, governance, unknown=False),
            modern=is_modern(received.protocol_version),
        )
    )


def failed(received: CallReceived, failure: UpstreamFailed) -> Answer:
    """That the upstream gave no answer."""
    return Answer(
        upstream_failure_answer(
            _id(received),
            f"upstream_{failure.reason}",
            verdict.failure_text(failure),
            received.call_id,
        )
    )


def _id(received: CallReceived) -> bytes:
    return cast("bytes", received.message.id)


def _declares_output(received: CallReceived, governance: Governance, *, unknown: bool) -> bool:
    """Whether the tool declares an `outputSchema`; `unknown` is what a tool nobody listed counts
    as."""
    tool = governance.catalogue.find(cast("str", received.message.tool))
    return unknown if tool is None else tool.declares_output
