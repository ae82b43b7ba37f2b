"""What an explanation holds, and how it is written as JSON. Pure.

Above: `explainer` makes it; `helio explain` and the operator API show it. Below: `helio.policy`.
"""

from dataclasses import dataclass
from typing import Literal

from helio.diagnostics import Span
from helio.pipeline.explaining.probe import Truth

Effect = Literal["decides", "restricts", "passed over", "shadow", "does not match"]
"""What a rule does to the decision: the table of "The three values" in docs/architecture.md."""


@dataclass(frozen=True, slots=True)
class ExplainedCondition:
    """One condition and how it came out.

    `found` is what it looked at. `parts` are its operators with what each came to, where there are
    several and none of them alone is the whole. `assumed`: MCP's default of an annotation that
    nobody states.
    """

    text: str
    result: Truth
    found: str
    span: Span | None
    parts: tuple[tuple[str, Truth], ...] = ()
    assumed: bool = False

    def as_object(self) -> dict[str, object]:
        """As JSON output has it."""
        told: dict[str, object] = {
            "condition": self.text,
            "result": self.result,
            "found": self.found,
            **_place(self.span),
        }
        if self.parts:
            told["operators"] = [{"operator": text, "result": truth} for text, truth in self.parts]
        if self.assumed:
            told["assumed"] = True
        return told


@dataclass(frozen=True, slots=True)
class ExplainedRule:
    """One rule that was considered. `label` is its name, or its path in the file."""

    label: str
    index: int
    action: str
    result: Truth
    effect: Effect
    span: Span | None
    conditions: tuple[ExplainedCondition, ...]

    def as_object(self) -> dict[str, object]:
        """As JSON output has it."""
        return {
            "rule": self.label,
            "index": self.index,
            "action": self.action,
            "result": self.result,
            "effect": self.effect,
            **_place(self.span),
            "conditions": [each.as_object() for each in self.conditions],
        }


@dataclass(frozen=True, slots=True)
class Asked:
    """Something that must be there, or have room, before the call goes through.

    `kind` is evidence, requires, limit, budget or approval; `text` says what, for people; `met`
    whether the stated session has it, None where only a running Helio knows. `rule` is the label of
    the rule that asks, None for what no rule asks. `enforced` False: a rule in shadow reports it.
    `details` are the fields of JSON output.
    """

    kind: Literal["evidence", "requires", "limit", "budget", "approval"]
    text: str
    rule: str | None
    met: bool | None
    details: tuple[tuple[str, object], ...] = ()
    enforced: bool = True

    def as_object(self) -> dict[str, object]:
        """As JSON output has it."""
        return {
            "kind": self.kind,
            "text": self.text,
            "rule": self.rule,
            "met": self.met,
            "enforced": self.enforced,
            **dict(self.details),
        }


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a call is decided so.

    `action` is that of the deciding rule, or of the default; `rule` its label and `rule_index` its
    place, both None for the default. `outcome` is what becomes of the call as far as it can be told
    without what a running Helio has counted: allow, deny, require_approval or dry_run; `reason` why
    it is blocked, in feedback's words. `rules` were considered, in file order; `other_tools` are
    the indices of those before the end of the search that are for other tools, and `not_reached`
    how many come after it. `of_scan`: it is about what an agent wants to install.
    """

    tool: str
    policy: str
    action: str
    rule: str | None
    rule_index: int | None
    outcome: str
    reason: str | None
    rules: tuple[ExplainedRule, ...]
    other_tools: tuple[int, ...]
    not_reached: int
    asks: tuple[Asked, ...]
    labels: tuple[str, ...]
    assumed_hints: tuple[str, ...]
    notes: tuple[str, ...]
    of_scan: bool = False

    def as_object(self) -> dict[str, object]:
        """As JSON output has it."""
        return {
            "tool": self.tool,
            "decision": self.action,
            "rule": self.rule,
            "rule_index": self.rule_index,
            "outcome": self.outcome,
            "reason": self.reason,
            "rules": [each.as_object() for each in self.rules],
            "other_tools": list(self.other_tools),
            "not_reached": self.not_reached,
            "asks": [each.as_object() for each in self.asks],
            "labels": list(self.labels),
            "assumed_hints": list(self.assumed_hints),
            "notes": list(self.notes),
            "policy": self.policy,
        }


def _place(span: Span | None) -> dict[str, object]:
    """The keys that diagnostics have, too."""
    if span is None:
        return {"line": None, "column": None}
    return {"line": span.line, "column": span.column}
