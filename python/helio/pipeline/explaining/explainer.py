"""Explains decisions of one policy. Pure.

Above: `helio explain`, the operator API. Below: `probe` (how conditions came out), `found` (what
they looked at), `asking` (what is left to be met), `helio.evaluator`.
"""

from functools import cached_property

from helio.errors import ProgrammingError
from helio.evaluator import Decision
from helio.pipeline.explaining import asking
from helio.pipeline.explaining.explanation import (
    Effect,
    ExplainedCondition,
    ExplainedRule,
    Explanation,
)
from helio.pipeline.explaining.found import found
from helio.pipeline.explaining.probe import Condition, Probe, Truth
from helio.pipeline.explaining.stated import StatedCall
from helio.pipeline.governance import ActivePolicy
from helio.policy.graph import CompiledPolicy, RuleSummary

_ORDER: tuple[Truth, ...] = ("false", "indeterminate", "true")


class Explainer:
    """Explains calls by one policy; it may be kept and asked again.

    `upstream` is where calls go that name none. Raises `helio.evaluator.GraphError` for a graph
    that is too large to be taken apart.
    """

    def __init__(self, policy: CompiledPolicy, upstream: str = "default") -> None:
        self._policy = ActivePolicy(policy)
        self._upstream = upstream
        self._probe = Probe(policy)

    def explain(self, call: StatedCall) -> Explanation:
        """Why the call is decided so. Its `environment` is that of the policy already. Of a scan
        the rules about installations say so."""
        if call.is_scan != self._policy.compiled.is_install:
            return self._installs.explain(call)
        policy = self._policy
        decision = call.decided(policy.evaluator, self._upstream)
        truths = self._probe.look(lambda evaluator: call.decided(evaluator, self._upstream))
        considered: list[ExplainedRule] = []
        other_tools: list[int] = []
        reached = 0
        rules = policy.compiled.rules
        for rule in rules:
            if 0 <= decision.rule < rule.index:
                break
            reached += 1
            conditions = self._probe.by_rule[rule.index]
            if any(each.kind == "tool" and truths[each.node] == "false" for each in conditions):
                other_tools.append(rule.index)
            else:
                considered.append(self._explained(rule, call, decision, truths))
        asks = asking.asks(decision, call, policy)
        outcome, reason = asking.outcome(decision, call, policy, asks)
        decided = policy.rule(decision.rule)
        return Explanation(
            tool=call.tool,
            policy=policy.compiled.digest,
            action=decision.action,
            rule=None if decided is None else decided.label,
            rule_index=None if decided is None else decided.index,
            outcome=outcome,
            reason=reason,
            rules=tuple(considered),
            other_tools=tuple(other_tools),
            not_reached=len(rules) - reached,
            asks=asks,
            labels=policy.labels(decision.rule),
            assumed_hints=tuple(decision.assumed_hints),
            notes=asking.notes(decision, call, policy),
            of_scan=call.is_scan,
        )

    @cached_property
    def _installs(self) -> "Explainer":
        """For scans."""
        install = self._policy.compiled.install
        if install is None:
            raise ProgrammingError("the policy was compiled without its configuration")
        return Explainer(install, self._upstream)

    def _explained(
        self, rule: RuleSummary, call: StatedCall, decision: Decision, truths: dict[int, Truth]
    ) -> ExplainedRule:
        conditions = tuple(
            self._condition(each, call, truths) for each in self._probe.by_rule[rule.index]
        )
        results = (each.result for each in conditions)
        result = min(results, key=_ORDER.index, default=_ORDER[-1])
        return ExplainedRule(
            rule.label,
            rule.index,
            rule.action,
            result,
            _effect(rule, result, decision),
            rule.span,
            conditions,
        )

    def _condition(
        self, condition: Condition, call: StatedCall, truths: dict[int, Truth]
    ) -> ExplainedCondition:
        assumed = condition.hint is not None and condition.hint not in call.annotations
        return ExplainedCondition(
            condition.text,
            truths[condition.node],
            found(condition, call, self._upstream),
            condition.span,
            tuple((text, truths[node]) for node, text in condition.parts),
            assumed,
        )


def _effect(rule: RuleSummary, result: Truth, decision: Decision) -> Effect:
    if result == "false":
        return "does not match"
    if rule.shadow:
        return "shadow"
    if rule.index == decision.rule:
        return "decides"
    return "restricts" if rule.index in decision.restricting else "passed over"
