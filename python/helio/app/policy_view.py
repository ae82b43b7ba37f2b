"""The loaded policy as operators see it, and how often each of its rules decided.

Above: `helio.app.application`. Below: `helio.operator.seen`, `helio.policy`.
"""

from collections.abc import Mapping

from helio.governance.feedback import instant
from helio.operator.seen import Seen
from helio.pipeline.events import Moment
from helio.pipeline.governance import ActivePolicy
from helio.policy.graph import CompiledPolicy, RuleSummary


def policy_shown(
    policy: ActivePolicy, loaded: Moment, reload_error: str | None, seen: Seen
) -> Mapping[str, object]:
    """The data of `GET /api/policy`."""
    compiled = policy.compiled
    hits = seen.hits(policy.digest)
    return {
        "digest": policy.digest,
        "loaded_at": instant(loaded.wall),
        "reload_error": reload_error,
        "default": compiled.settings.default,
        "rules": [_rule(rule, compiled) | hits.of(rule.index) for rule in compiled.rules],
        "default_hits": hits.of(None),
    }


def _rule(rule: RuleSummary, compiled: CompiledPolicy) -> dict[str, object]:
    span = rule.span
    return {
        "index": rule.index,
        "rule": rule.label,
        "action": rule.action,
        "shadow": rule.shadow,
        "until": rule.until,
        "line": None if span is None else span.line,
        "labels": rule.labels,
        "evidence": [each.name for each in rule.evidence],
        "requires": rule.requires,
        "limits": [each.kind for each in compiled.limits if each.rule_index == rule.index],
    }
