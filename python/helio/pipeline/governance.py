"""What one call is governed by: the loaded policy and the facts about its upstream. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from helio.evaluator import Evaluator, Redactor
from helio.governance.catalogue import Catalogue
from helio.policy.graph import CompiledPolicy, RuleSummary


class ActivePolicy:
    """A compiled policy ready to decide. A call keeps the one it began with, reloads or not.

    `demanding` are the rules that ask for evidence or earlier calls, by their index.
    `needs_session`: what a session did before can change a decision. `session_names` are the tools
    and the evidence that rules ask for, `evidence_names` those that marks may stand for, and of
    calls of `bound_names` it counts what they were about. `asking` are the rules that have a person
    asked, and how, by their index; `asking_budgets` the budgets, by their id. `install` is what
    installations are judged by, None where the policy says nothing of them.
    """

    def __init__(self, compiled: CompiledPolicy, hash_key: bytes | None = None) -> None:
        """With `hash_key` the arguments in keys of limits are hashed with it, so that nobody can
        guess them. Raises `helio.evaluator.GraphError` when the graph does not verify."""
        self.compiled = compiled
        self.settings = compiled.settings
        self.digest = compiled.digest
        self.evaluator = Evaluator(compiled.graph, hash_key)
        install = compiled.install
        self.install = None if install is None else ActivePolicy(install, hash_key)
        self._rules = {rule.index: rule for rule in compiled.rules}
        self.asking = {
            rule.index: rule.approval
            for rule in compiled.rules
            if rule.action == "require_approval" and not rule.shadow
        }
        self.asking_budgets = {
            budget.id: budget.approval
            for budget in compiled.budgets
            if budget.on_exceed == "require_approval"
        }
        self.demanding = {
            rule.index: rule for rule in compiled.rules if rule.evidence or rule.requires
        }
        evidence = [required for rule in self.demanding.values() for required in rule.evidence]
        required = {tool for rule in self.demanding.values() for tool in rule.requires}
        self.evidence_names = frozenset(each.name for each in evidence)
        self.bound_names = frozenset(each.name for each in evidence if each.bind)
        self.session_names = compiled.asked_tools | self.evidence_names | required
        self.needs_session = self.evaluator.needs_session_facts or bool(self.session_names)

    def may_allow(
        self,
        tool: str,
        upstream: str,
        hints: int | None,
        *,
        agent: str | None = None,
        agent_known: bool,
    ) -> bool:
        """Whether some call of a tool may be answered by more than a denial: `hide_denied`.

        As `helio.evaluator.Evaluator.may_allow`, whose arguments these are, under the policy's
        settings: shadow enforces no rule, and a dry run answers every call.
        """
        if self.settings.shadow or self.settings.dry_run:
            return True
        return self.evaluator.may_allow(tool, upstream, hints, agent=agent, agent_known=agent_known)

    def rule(self, index: int) -> RuleSummary | None:
        """The rule at this place in the file; None for the default (-1)."""
        return self._rules.get(index)

    def labels(self, index: int) -> tuple[str, ...]:
        """What the rule puts on the sessions of the calls that it decides."""
        rule = self._rules.get(index)
        return () if rule is None else rule.labels

    def label(self, index: int) -> str | None:
        """What people call the rule: its name, or its path in the file; None for the default."""
        rule = self._rules.get(index)
        return None if rule is None else rule.label


UNREDACTED: Final = Redactor(b"[]", b"", ())
"""Hides nothing."""


@dataclass(frozen=True, slots=True)
class Governance:
    """Everything that decides about one call.

    `session_falls_back`: session-keyed limits of an unknown session use the agent (`on_unresolved:
    anonymous`). `allow_unrecorded`: the journal's failure does not block (`audit.on_failure:
    allow`).
    `unserved`: no upstream stands behind it, so that whatever is called is unknown.
    `max_record`: bytes of a body that a record keeps; a larger one is kept by hash and head.
    `shown`: what agents call the tool of a name, where several upstreams are served as one.
    `current`: the policy that governs now, for calls that wait for a person; None when there is no
    other.
    `redactor` hides in what is recorded what must not be written.
    `recorded`: somebody keeps the records of its calls; those of a simulation hold only what was
    decided (`helio.pipeline.record.verdict_data`).
    """

    policy: ActivePolicy
    catalogue: Catalogue
    environment: str | None = None
    session_falls_back: bool = False
    allow_unrecorded: bool = False
    include_responses: bool = True
    unserved: bool = False
    max_record: int = field(default=256 * 1024)
    shown: Callable[[str], str] = str
    current: Callable[[], ActivePolicy] | None = None
    redactor: Redactor = UNREDACTED
    recorded: bool = True
