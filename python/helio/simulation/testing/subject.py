"""The policy that is tested, as it is for each environment. Pure.

Above: `running`, `mutants`. Below: `helio.policy`, `probe`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from helio.approvals.settings import ApprovalSettings
from helio.errors import ProgrammingError
from helio.governance.lock import ToolLock
from helio.governance.sessions import Sessions
from helio.pipeline.explaining.probe import Probe
from helio.pipeline.governance import ActivePolicy
from helio.policy.graph import CompiledPolicy


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What of a configuration decides beside its policy. `upstream` is where calls go that name
    none, `file` the configuration's name, `headers` those that a session's id may come in, `lock`
    the accepted definitions, `upstreams` the names where there are several."""

    file: str
    environment: str | None
    upstream: str
    session_falls_back: bool
    approvals: ApprovalSettings
    sessions: Callable[[], Sessions]
    headers: tuple[str, ...]
    lock: ToolLock = field(default_factory=ToolLock)
    upstreams: tuple[str, ...] = ()


class Known(NamedTuple):
    """A policy of calls and one of installations, ready to decide, each with its probe."""

    calls: tuple[ActivePolicy, Probe]
    scans: tuple[ActivePolicy, Probe]


class Subject:
    """One policy. `compiled` gives it for an environment (a label, or None)."""

    def __init__(
        self, compiled: Callable[[str | None], CompiledPolicy], surroundings: Surroundings
    ) -> None:
        self.surroundings = surroundings
        self._compiled = compiled
        self._environments: dict[str | None, Known] = {}

    @property
    def policy(self) -> CompiledPolicy:
        """As it is configured."""
        return self.policy_in(self.surroundings.environment)

    def policy_in(self, environment: str | None) -> CompiledPolicy:
        """As it is in one environment."""
        return self.known(environment).calls[0].compiled

    def known(self, environment: str | None) -> Known:
        """The policy of one environment, ready to decide."""
        found = self._environments.get(environment)
        if found is None:
            policy = ActivePolicy(self._compiled(environment))
            if policy.install is None:
                raise ProgrammingError("the policy was compiled without its configuration")
            calls, scans = ((each, Probe(each.compiled)) for each in (policy, policy.install))
            found = self._environments[environment] = Known(calls, scans)
        return found

    def changed(self, change: Callable[[CompiledPolicy], CompiledPolicy]) -> "Subject":
        """The same with another policy made of every environment's."""
        compiled: Mapping[str | None, CompiledPolicy] = {
            environment: change(known.calls[0].compiled)
            for environment, known in self._environments.items()
        }
        return Subject(compiled.__getitem__, self.surroundings)
