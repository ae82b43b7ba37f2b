"""What operators may ask a running Helio beyond its health and policy, by path.

Above: `helio.app.application`. Below: `helio.operator`, `helio.governance`.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from aiohttp.typedefs import Handler

from helio.governance.sessions import Sessions
from helio.governance.store import LocalStore
from helio.operator.api import aggregate
from helio.operator.counters import budgets_shown, limits_shown
from helio.operator.evidence import evidence_handler
from helio.operator.ledger import Ledger
from helio.policy import CompiledPolicy
from helio.runtime import clock

if TYPE_CHECKING:
    from helio.audit.index import Index


def paths(
    policy: Callable[[], CompiledPolicy],
    store: LocalStore,
    sessions: Sessions,
    index: "Callable[[], Index | None]",
) -> Mapping[str, Handler]:
    """The handlers, each answering by what is true when it is asked."""
    ledger = Ledger(index, lambda: {budget.name for budget in policy().budgets})

    def limits() -> Mapping[str, object]:
        now = clock.now()
        return limits_shown(policy(), store.levels(now.monotonic), now.wall)

    def budgets() -> Mapping[str, object]:
        now = clock.now()
        return budgets_shown(policy(), store.levels(now.monotonic), now.wall)

    return {
        "/api/limits": aggregate(limits),
        "/api/budgets": aggregate(budgets),
        **ledger.paths(),
        "/api/evidence/{session}": evidence_handler(sessions, clock.now),
    }
