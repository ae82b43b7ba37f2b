"""What operators may ask a running Helio beyond its health and policy, by path.

Above: `helio.app.application`. Below: `helio.operator`, `helio.governance`.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.typedefs import Handler

from helio.evaluator import Level
from helio.governance.sessions import Sessions
from helio.governance.store import LocalStore
from helio.operator.api import json_answer
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

    def levels(view: Callable[[CompiledPolicy, Iterable[Level], int], object]) -> Handler:
        """Answers with the object itself. There may be very many levels: what is made of them is
        made in a thread, so that calls go on."""

        async def answer(_request: web.Request) -> web.Response:
            now = clock.now()
            found = store.levels(now.monotonic)
            return json_answer(await asyncio.to_thread(view, policy(), found, now.wall))

        return answer

    return {
        "/api/limits": levels(limits_shown),
        "/api/budgets": levels(budgets_shown),
        **ledger.paths(),
        "/api/evidence/{session}": evidence_handler(sessions, clock.now),
    }
