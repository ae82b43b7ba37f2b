"""Why a call was decided so, and why not by the rule that was expected: sentences for people. Pure.

Above: `running`. Below: `probe`.
"""

from collections.abc import Mapping

from helio.diagnostics import near_miss
from helio.evaluator import Decision
from helio.pipeline.explaining.probe import Probe, Truth
from helio.policy.graph import CompiledPolicy, RuleSummary


class Explanation:
    """What one call met. `file` is the name of the configuration."""

    def __init__(
        self,
        policy: CompiledPolicy,
        probe: Probe,
        decision: Decision,
        truths: Mapping[int, Truth],
        file: str,
    ) -> None:
        self._policy = policy
        self._probe = probe
        self._decision = decision
        self._truths = truths
        self._file = file

    def sentences(self, message: str | None, expected: str | None) -> list[str]:
        """`message` is what the agent is told, `expected` the label of the rule that should have
        decided; None when no other rule was expected."""
        told = [self._decided()]
        told += [
            f"{self._place(index)} adds what it asks for: {condition} cannot be judged: {detail}"
            for index, condition, detail in self._decision.indeterminate
            if index in self._decision.restricting
        ]
        if message:
            told.append(f"the agent is told: {message}")
        if expected is not None:
            told.append(self._not_decided(expected))
        return told

    def _decided(self) -> str:
        decision = self._decision
        if decision.rule < 0:
            return f"no rule decides, so the default does: {self._policy.settings.default}"
        unjudged = [
            f"{condition} cannot be judged: {detail}"
            for index, condition, detail in decision.indeterminate
            if index == decision.rule
        ]
        place = f"{self._place(decision.rule)} decides ({decision.action})"
        if unjudged:
            return f"{place}, because {'; '.join(unjudged)}"
        conditions = [each.text for each in self._probe.by_rule[decision.rule]]
        return f"{place}: {' and '.join(conditions) or 'it matches every call'}"

    def _not_decided(self, label: str) -> str:
        rule = next((each for each in self._policy.rules if each.label == label), None)
        if rule is None:
            near = near_miss(label, [each.label for each in self._policy.rules])
            meant = "" if near is None else f": did you mean `{near}`?"
            return f"no rule is called `{label}`{meant}"
        place = self._place(rule.index)
        failed = [
            f"{each.text} is {self._truths[each.node]}"
            for each in self._probe.by_rule[rule.index]
            if self._truths[each.node] != "true"
        ]
        if failed:
            return f"{place} does not match: {'; '.join(failed)}"
        if rule.shadow:
            return f"{place} matches, but it is in shadow"
        if 0 <= self._decision.rule < rule.index:
            return f"{place} would match, but the search ended before it"
        return f"{place} matches"

    def _place(self, index: int) -> str:
        rule = _found(self._policy, index)
        line = "" if rule.span is None else f" ({self._file}:{rule.span.line})"
        return f"rule `{rule.label}`{line}"


def _found(policy: CompiledPolicy, index: int) -> RuleSummary:
    return next(each for each in policy.rules if each.index == index)
