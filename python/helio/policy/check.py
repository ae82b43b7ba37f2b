"""What must hold of rules that could be read: patterns, operands, limits, names, places.

Above: `compiler`, `budget_check`. Below: `document`, `patterns`, `operands`, `codes`. Pure. Every
rule is checked whole; faults are collected, none is skipped. What is asked of people is checked by
`approval_check`.
"""

import re
from collections.abc import Iterator, Sequence

from helio.config import HelioConfig
from helio.diagnostics import Code, Diagnostics, Label, child_path, opening, quoted
from helio.policy import codes
from helio.policy.document import Limits, Match, Operation, Rule, Spend, Text
from helio.policy.mistaken import (
    Advice,
    mistaken_name,
    mistaken_path,
    mistaken_text,
    mistaken_tool,
)
from helio.policy.operands import SIGNS, operand_fault
from helio.policy.patterns import Patterns, may_select_several

_LONGEST_NAME = 128
_COMPARISON = re.compile(r"\s*([<>]=?|[=!]=)\s*(-?\d+(?:\.\d+)?)\s*$")


def check(rules: Sequence[Rule], config: HelioConfig | None, diagnostics: Diagnostics) -> None:
    """Adds what is wrong with the rules, or worth a warning, to `diagnostics`.

    Without a `config` (it has faults of its own) what depends on it is not checked.
    """
    checker = Checker(config, diagnostics)
    for rule in rules:
        checker.rule(rule, is_last=rule is rules[-1])


class Checker:
    """Checks one rule after the other; remembers the names that were taken. Budgets share what they
    have in common with rules."""

    def __init__(self, config: HelioConfig | None, diagnostics: Diagnostics) -> None:
        self._config = config
        self._diagnostics = diagnostics
        self._patterns = Patterns(diagnostics)
        self._names: dict[str, Text] = {}
        several = () if config is None else config.upstreams or ()
        self._upstreams = {str(each.name) for each in several}

    def rule(self, rule: Rule, *, is_last: bool) -> None:
        """All checks of one rule."""
        if rule.name is not None:
            self._name(rule.name)
        if rule.match is not None:
            self.match(rule.match)
        self._action(rule)
        self._reach(rule, is_last=is_last)
        self._limits(rule)
        called = () if rule.match is None else (*rule.match.called, *rule.match.not_called)
        for text in (*called, *rule.requires, *(each.tool for each in rule.evidence)):
            self._mistaken(codes.MISTAKEN_TOOL, text, mistaken_name(text.value))
        for required in rule.evidence:
            for pair in required.bind:
                for end in pair:
                    self._patterns.path(end)
        self._approval(rule)

    def _name(self, name: Text) -> None:
        unfit = len(name.value) > _LONGEST_NAME or name.value.startswith("#")
        if unfit or not name.value.isprintable() or not name.value.strip():
            self._at(codes.RULE_NAME, f"{quoted(name.value)} cannot name a rule", name)
        first = self._names.setdefault(name.value, name)
        if first is not name:
            message = f"{quoted(name.value)} is also the name of the rule in line {first.span.line}"
            related = [Label(first.span, "the first one")]
            self._diagnostics.add(
                codes.DUPLICATE_NAME, message, name.span, name.path, related=related
            )

    # conditions

    def match(self, match: Match) -> None:
        """The patterns and operands of the conditions, and whether the environment is known."""
        for text in (*match.tool, *match.upstream, *match.agent, *match.environment):
            self._patterns.glob(text)
        for text in match.tool:
            self._mistaken(codes.MISTAKEN_TOOL, text, mistaken_tool(text.value, self._upstreams))
        if match.environment and self._config is not None and self._config.environment is None:
            message = "this rule asks for an environment, and none is configured"
            self._at(codes.NO_ENVIRONMENT, message, match.environment[0])
        for selection in match.input:
            self._patterns.path(selection.selector)
            selector = selection.selector
            self._mistaken(codes.MISTAKEN_PATH, selector, mistaken_path(selector.value))
        for selection in match.metadata:
            self._patterns.metadata_path(selection.selector)
        for selection in (*match.input, *match.metadata):
            for operation in selection.operations:
                self._operation(operation)

    def _operation(self, operation: Operation) -> None:
        operand = operation.operand
        fault = operand_fault(operation)
        if fault is not None:
            place, at = opening(operand), operation.path
            self._diagnostics.add(
                codes.OPERAND, fault.message, place, at, fault.hint, fix=fault.fix
            )
            return
        for listed in operation.texts():
            advice = mistaken_text(operation.operator, listed.value)
            self._mistaken(codes.MISTAKEN_TEXT, listed, advice)
        if (text := operation.text()) is None:
            return
        if operation.operator == "regex":
            self._patterns.regex(text)
        elif operation.operator in ("eq", "neq") and (found := _COMPARISON.match(text.value)):
            message = f"this compares with the text {quoted(text.value)}, not with a number"
            sign, number = found.groups()
            hint = f"write `{{ {SIGNS[sign]}: {number} }}`"
            self._at(codes.TEXT_COMPARISON, message, text, hint)

    # actions and what they ask for

    def _action(self, rule: Rule) -> None:
        asks = bool(rule.evidence or rule.requires)
        if rule.is_known and not rule.keys.keys() & {"action", "evidence", "requires", "limits"}:
            message = "this rule says nothing about its calls"
            hint = "add `action: allow`, `action: deny` or another one"
            self._in(rule, codes.NO_ACTION, message, "match", hint)
        if rule.action == "deny" and rule.limits is not None and not asks:
            message = "a denied call is never counted: these limits do nothing"
            self._in(rule, codes.LIMITS_ON_DENY, message, "limits")
        if rule.action == "deny" and asks:
            message = "this rule denies until what it asks for is there; then the call passes"
            self._in(rule, codes.DENIES_UNTIL, message, "action")
        if "requires_success" in rule.keys and "requires" not in rule.keys:
            message = "`requires_success` without `requires` does nothing"
            self._in(rule, codes.REQUIRES_SUCCESS_ALONE, message, "requires_success")

    def _reach(self, rule: Rule, *, is_last: bool) -> None:
        has_conditions = rule.match is not None and rule.match.is_given
        if rule.is_known and not (is_last or rule.shadow or has_conditions):
            message = "this rule matches every call: the rules below it are never reached"
            self._in(rule, codes.MATCHES_ALL, message, "match")

    def _limits(self, rule: Rule) -> None:
        if rule.limits is None and "limits" in rule.keys:
            return
        missing = list(_missing(rule.action, rule.limits))
        if rule.limits is None:
            if missing:
                message = f"`{rule.action}` needs {' and '.join(missing)} in `limits`"
                self._in(rule, codes.INCOMPLETE_LIMIT, message, "action")
            return
        if missing:
            message = f"these limits lack {' and '.join(missing)}"
            self._in(rule, codes.INCOMPLETE_LIMIT, message, "limits")
        spend = rule.limits.spend
        if spend is not None and spend.field is not None:
            self.amount_path(spend.field)

    def amount_path(self, field: Text) -> None:
        """The path of an amount: it should select one value."""
        path = self._patterns.path(field)
        if path is not None and may_select_several(path):
            message = f"{quoted(field.value)} may select several values"
            self._at(codes.AMOUNT_PATH, message, field)

    def _approval(self, rule: Rule) -> None:
        if rule.approval is not None and rule.action != "require_approval":
            message = "nobody is asked about these calls"
            self._in(rule, codes.APPROVAL_WITHOUT_ACTION, message, "approval")

    # reporting

    def _mistaken(self, code: Code, text: Text, advice: Advice | None) -> None:
        if advice is not None:
            self._at(code, advice[0], text, advice[1])

    def _at(self, code: Code, message: str, text: Text, hint: str | None = None) -> None:
        self._diagnostics.add(code, message, text.span, text.path, hint)

    def _in(self, rule: Rule, code: Code, message: str, key: str, hint: str | None = None) -> None:
        """At a key of the rule; at the rule where it has no such key."""
        path = child_path(rule.path, key) if key in rule.keys else rule.path
        self._diagnostics.add(code, message, rule.place(key), path, hint)


def _missing(action: str | None, limits: Limits | None) -> Iterator[str]:
    """The parts that limits under this action need and do not have."""
    has = frozenset() if limits is None else limits.keys
    if limits is None and action not in ("rate_limit", "spend_limit"):
        return
    if action == "spend_limit" and "max_spend" not in has:
        yield "`max_spend`"
    elif "max_calls" not in has and (action == "rate_limit" or "max_spend" not in has):
        yield "`max_calls`"
    if "window" not in has:
        if action == "rate_limit" or "max_calls" in has:
            yield "`window`"
        elif limits is not None and limits.spend is not None and not _has_window(limits.spend):
            yield "a `window` for `max_spend`"


def _has_window(spend: Spend) -> bool:
    return "window" in spend.keys
