"""What the rule graph says of how people are asked.

Above: `lower`. Below: `document`, `helio.config`. Pure. Durations are in milliseconds.
"""

from collections.abc import Mapping

from helio.config.scalars import Duration
from helio.config.sections import BudgetConfig
from helio.policy.document import Rule


def budget_approval(values: BudgetConfig) -> Mapping[str, object] | None:
    """That of a budget; None where nothing is said."""
    approval = values.approval
    if approval is None:
        return None
    return {
        "channel": approval.channel,
        "timeout_ms": _milliseconds(approval.timeout),
        "escalation_after_ms": _milliseconds(approval.escalation_after),
        "delegates": list(approval.delegates),
    }


def rule_approval(rule: Rule) -> Mapping[str, object] | None:
    """That of a rule; None where nothing is said."""
    approval = rule.approval
    if approval is None:
        return None
    return {
        "channel": None if approval.channel is None else approval.channel.value,
        "timeout_ms": _milliseconds(approval.timeout),
        "escalation_after_ms": _milliseconds(approval.escalation_after),
        "delegates": [text.value for text in approval.delegates],
    }


def _milliseconds(duration: Duration | None) -> int | None:
    return None if duration is None else int(duration)
