"""What would have been blocked, were it enforced: the audit's `shadow`, as a list of notes. Pure.

Above: `helio.pipeline.machine`. Below: `helio.governance.feedback`.
"""

from helio.evaluator import Breach, BudgetBreach
from helio.governance.evidence import SessionFacts
from helio.governance.feedback import Block, key_names
from helio.pipeline.asking import Question
from helio.pipeline.bodies import about
from helio.pipeline.events import CallReceived
from helio.pipeline.governance import Governance
from helio.pipeline.judgement import Judgement
from helio.pipeline.prerequisites import examine
from helio.pipeline.quotes import without


class ShadowNotes:
    """The notes of one call, in the order in which they were found.

    Every note has `rule` and `rule_index`, or `budget`; beside them what the rule's `action` is, or
    for what `reason` it would have blocked.
    """

    def __init__(self, governance: Governance) -> None:
        self._policy = governance.policy
        self._redactor = governance.redactor
        self.notes: list[dict[str, object]] = []

    def rules(
        self, judgement: Judgement, received: CallReceived, facts: SessionFacts | None
    ) -> None:
        """The shadow rules that matched, and what they ask for and the call does not have; then
        those of their limits that could not be judged."""
        decision = judgement.decision
        for index, action in decision.shadow:
            rule = self._policy.rule(index)
            if rule is None or not (rule.evidence or rule.requires):
                self._note(index, action=action)
            elif facts is None:
                self._note(index, action=action, reason="session_unresolved")
            else:
                there = examine(rule, about(received.message, self._redactor), facts)
                lacking = {} if there.met else {"reason": there.reason, **there.details}
                # A deny that is lifted allows.
                passed = "allow" if rule.until and there.met else action
                self._note(index, action=passed, **lacking)
        for kind, index, subject, found in decision.shadow_faults:
            self._note(index, reason=kind, subject=subject, found=without(found, judgement.hidden))

    def block(self, block: Block) -> None:
        """A block that a policy in shadow does not carry out."""
        note = {"rule": block.rule, "rule_index": block.rule_index}
        self.notes.append({**note, "action": block.action, "reason": block.reason})

    def question(self, found: Question) -> None:
        """A person that would be asked."""
        for index in found.rules:
            self._note(index, action="require_approval", reason="approval_pending")
        if found.kind == "destructive":
            note = {"rule": None, "rule_index": None, "action": "require_approval"}
            self.notes.append({**note, "reason": "approval_pending"})

    def breach(self, breach: Breach) -> None:
        """A limit without room that blocks nothing."""
        demand = breach.demand
        self._note(
            demand.rule,
            reason="rate_limited" if demand.kind == "rate" else "spend_limited",
            key=key_names(demand.key),
            maximum=demand.maximum,
            current=breach.current,
        )

    def budget(self, breach: BudgetBreach) -> None:
        """A budget without room that blocks nothing."""
        demand = breach.demand
        self.notes.append(
            {
                "budget": demand.budget,
                "reason": "budget_exceeded",
                "key": key_names(demand.key),
                "maximum": demand.limit,
                "current": breach.current,
                "amount": demand.amount,
            }
        )

    def _note(self, rule: int, **found: object) -> None:
        note = {"rule": self._policy.label(rule), "rule_index": rule}
        self.notes.append({**note, **found})
