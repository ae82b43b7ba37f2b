"""What test cases reached of a policy: rules that decided, conditions that were true and false.

Above: `helio.cli`. Below: `helio.pipeline.explaining.probe`. Pure. A rule is covered when it
decided about a call, added to a decision, or reported in shadow. A condition is covered on either
side by a call whose search came as far as its rule. A rule for another environment than the case's
is not there.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from helio.evaluator import Decision
from helio.pipeline.explaining.probe import Condition, Probe, Truth
from helio.pipeline.governance import ActivePolicy
from helio.policy.graph import CompiledPolicy, RuleSummary


@dataclass(frozen=True, slots=True)
class Gap:
    """What no case reached: a rule, or one of its conditions that was never `missing`. `line` is
    its place in the configuration."""

    rule: str
    line: int
    condition: str | None = None
    missing: Truth | None = None

    def as_object(self) -> dict[str, object]:
        """As JSON output has it."""
        if self.condition is None:
            return {"rule": self.rule, "line": self.line}
        return {
            "rule": self.rule,
            "line": self.line,
            "condition": self.condition,
            "never": self.missing,
        }


class Coverage:
    """Of a policy as it is configured, by what was seen of it in every environment: rules for calls
    and rules about installations, each by a probe."""

    def __init__(self, parts: Iterable[tuple[ActivePolicy, Probe]]) -> None:
        self._parts = {
            probe.is_install: _Covered(policy.compiled, probe) for policy, probe in parts
        }

    def add(self, decision: Decision, probe: Probe, truths: Mapping[int, Truth]) -> None:
        """Counts one call, as it was decided and as its conditions came out."""
        self._parts[probe.is_install].add(decision, probe, truths)

    @property
    def rules(self) -> tuple[int, int]:
        """How many rules are covered, of how many."""
        return _sums(part.rules for part in self._parts.values())

    @property
    def sides(self) -> tuple[int, int]:
        """How many sides of conditions are covered, of how many: two of each."""
        return _sums(part.sides for part in self._parts.values())

    @property
    def percent(self) -> float:
        """Rules and sides together, from 0 to 100, rounded down to a tenth; 100 of nothing."""
        covered, total = _sums((self.rules, self.sides))
        return 100.0 if total == 0 else covered * 1000 // total / 10

    def gaps(self) -> list[Gap]:
        """What is not covered, in the order of the file."""
        found = chain.from_iterable(part.gaps() for part in self._parts.values())
        return sorted(found, key=lambda gap: (gap.line, gap.condition or "", gap.missing or ""))

    def as_object(self) -> dict[str, object]:
        """As JSON output has it: `{percent, rules: {covered, total}, conditions: {covered, total},
        uncovered: [{rule, line, condition?, never?}]}`, conditions by their sides."""
        rules, sides = self.rules, self.sides
        return {
            "percent": self.percent,
            "rules": {"covered": rules[0], "total": rules[1]},
            "conditions": {"covered": sides[0], "total": sides[1]},
            "uncovered": [gap.as_object() for gap in self.gaps()],
        }


@dataclass(slots=True)
class _Covered:
    """The rules of one graph."""

    policy: CompiledPolicy
    probe: Probe
    _rules: set[int] = field(default_factory=set)
    _sides: set[tuple[tuple[int, str], Truth]] = field(default_factory=set)

    def add(self, decision: Decision, probe: Probe, truths: Mapping[int, Truth]) -> None:
        self._rules.update((decision.rule, *decision.restricting))
        self._rules.update(index for index, _ in decision.shadow)
        for index, conditions in probe.by_rule.items():
            if decision.rule >= 0 and index > decision.rule:
                break
            if not any(each.folded for each in conditions):
                self._sides.update((each.key, truths[each.node]) for each in conditions)

    @property
    def rules(self) -> tuple[int, int]:
        return sum(rule.index in self._rules for rule in self.policy.rules), len(self.policy.rules)

    @property
    def sides(self) -> tuple[int, int]:
        gaps = len(self._open_sides())
        total = 2 * sum(len(self._asked(rule)) for rule in self.policy.rules)
        return total - gaps, total

    def gaps(self) -> Iterator[Gap]:
        for rule in self.policy.rules:
            if rule.index not in self._rules:
                yield Gap(rule.label, 0 if rule.span is None else rule.span.line)
        for rule, condition, side in self._open_sides():
            yield Gap(rule.label, _line(condition), condition.text, side)

    def _asked(self, rule: RuleSummary) -> list[Condition]:
        return [each for each in self.probe.by_rule[rule.index] if not each.folded]

    def _open_sides(self) -> list[tuple[RuleSummary, Condition, Truth]]:
        sides: tuple[Truth, Truth] = ("true", "false")
        return [
            (rule, condition, side)
            for rule in self.policy.rules
            for condition in self._asked(rule)
            for side in sides
            if (condition.key, side) not in self._sides
        ]


def _sums(counted: Iterable[tuple[int, int]]) -> tuple[int, int]:
    pairs = list(counted)
    return sum(covered for covered, _ in pairs), sum(total for _, total in pairs)


def _line(condition: Condition) -> int:
    return 0 if condition.span is None else condition.span.line
