"""The policy that is tested, as it is for each environment. Pure.

Above: `running`, `mutants`. Below: `helio.policy`, `probe`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from helio.approvals.settings import ApprovalSettings
from helio.governance.lock import ToolLock
from helio.governance.sessions import Sessions
from helio.pipeline.explaining.probe import Probe
from helio.pipeline.governance import ActivePolicy
from helio.policy.graph import CompiledPolicy


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What of a configuration decides beside its policy. `upstream` is where calls go that name
    none, `file` the configuration's name, `headers` those that a session's id may come in, `lock`
    the accepted definitions."""

    file: str
    environment: str | None
    upstream: str
    session_falls_back: bool
    approvals: ApprovalSettings
    sessions: Callable[[], Sessions]
    headers: tuple[str, ...]
    lock: ToolLock = field(default_factory=ToolLock)


class Subject:
    """One policy. `compiled` gives it for an environment (a label, or None)."""

    def __init__(
        self, compiled: Callable[[str | None], CompiledPolicy], surroundings: Surroundings
    ) -> None:
        self.surroundings = surroundings
        self._compiled = compiled
        self._known: dict[str | None, tuple[ActivePolicy, Probe]] = {}

    @property
    def policy(self) -> CompiledPolicy:
        """As it is configured."""
        return self.policy_in(self.surroundings.environment)

    def policy_in(self, environment: str | None) -> CompiledPolicy:
        """As it is in one environment."""
        return self.known(environment)[0].compiled

    def known(self, environment: str | None) -> tuple[ActivePolicy, Probe]:
        """The policy of one environment, ready to decide, and its probe."""
        found = self._known.get(environment)
        if found is None:
            policy = self._compiled(environment)
            found = self._known[environment] = (ActivePolicy(policy), Probe(policy))
        return found

    def changed(self, change: Callable[[CompiledPolicy], CompiledPolicy]) -> "Subject":
        """The same with another policy made of every environment's."""
        compiled: Mapping[str | None, CompiledPolicy] = {
            environment: change(policy.compiled) for environment, (policy, _) in self._known.items()
        }
        return Subject(compiled.__getitem__, self.surroundings)
