"""What one call is governed by: the loaded policy and the facts about its upstream. Pure."""

from dataclasses import dataclass, field

from helio.evaluator import Evaluator
from helio.governance.catalogue import Catalogue
from helio.policy.graph import CompiledPolicy, RuleSummary


class ActivePolicy:
    """A compiled policy ready to decide. A call keeps the one it began with, reloads or not."""

    def __init__(self, compiled: CompiledPolicy) -> None:
        """Raises `helio.evaluator.GraphError` when the graph does not verify."""
        self.compiled = compiled
        self.settings = compiled.settings
        self.digest = compiled.digest
        self.evaluator = Evaluator(compiled.graph)
        self._rules = {rule.index: rule for rule in compiled.rules}

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

    def label(self, index: int) -> str | None:
        """What people call the rule: its name, or its path in the file; None for the default."""
        rule = self._rules.get(index)
        return None if rule is None else rule.label


@dataclass(frozen=True, slots=True)
class Governance:
    """Everything that decides about one call.

    `session_falls_back`: session-keyed limits of an unknown session use the agent (`on_unresolved:
    anonymous`). `allow_unrecorded`: the journal's failure does not block (`audit.on_failure:
    allow`).
    `max_record`: bytes of a body that a record keeps; a larger one is kept by hash and head.
    """

    policy: ActivePolicy
    catalogue: Catalogue
    environment: str | None = None
    session_falls_back: bool = False
    allow_unrecorded: bool = False
    include_responses: bool = True
    max_record: int = field(default=256 * 1024)
