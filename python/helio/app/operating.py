"""What operators may ask of a running Helio: the routes of its operator port.

Above: `helio.app.application`. Below: `helio.operator`, and the parts of the application that know.
"""

import asyncio
from collections.abc import Callable, Iterable

from aiohttp import web
from aiohttp.typedefs import Handler

from helio.app.governed import GovernedUpstream
from helio.app.memory import Memory
from helio.config import HelioConfig
from helio.evaluator import Level
from helio.operator.answers import json_answer
from helio.operator.api import View, health_route, policy_route
from helio.operator.audit import AuditView
from helio.operator.counters import budgets_shown, limits_shown
from helio.operator.dashboard.serving import dashboard_routes
from helio.operator.evidence import evidence_handler
from helio.operator.explaining import PolicyExplaining
from helio.operator.ledger import Ledger
from helio.operator.picture import picture_route
from helio.operator.questions import Asking
from helio.operator.seen import Seen, adapters_route
from helio.operator.tools import ToolsView
from helio.policy import CompiledPolicy
from helio.runtime import clock
from helio.upstream.aggregate.names import Names


def routes(
    *,
    health: View,
    shown_policy: View,
    policy: Callable[[], CompiledPolicy],
    memory: Memory,
    asking: Asking,
    upstreams: Iterable[GovernedUpstream],
    config: HelioConfig,
    seen: Seen,
) -> list[web.RouteDef]:
    """Every route of the operator port, each answering by what is true when it is asked."""
    governed = {each.upstream.name: each for each in upstreams}
    tools = ToolsView(
        lambda: {name: each.catalogue for name, each in governed.items()},
        lambda name, changes, by: governed[name].note(changes, by),
    )
    ledger = Ledger(asking, lambda: {each.name for each in policy().budgets})

    def levels(view: Callable[[CompiledPolicy, Iterable[Level], int], object]) -> Handler:
        """Answers with the object itself. There may be very many levels: what is made of them is
        made in a thread, so that calls go on."""

        async def answer(_request: web.Request) -> web.Response:
            now = clock.now()
            found = memory.store.levels(now.monotonic)
            return json_answer(await asyncio.to_thread(view, policy(), found, now.wall))

        return answer

    return [
        health_route(health),
        policy_route(shown_policy),
        picture_route(policy),
        web.get("/api/limits", levels(limits_shown)),
        web.get("/api/budgets", levels(budgets_shown)),
        *AuditView(asking).routes(),
        *ledger.routes(),
        *tools.routes(),
        adapters_route(seen),
        PolicyExplaining(
            policy,
            next(iter(governed)),
            session_falls_back=config.session.on_unresolved == "anonymous",
            split=Names(governed).split if config.aggregate else None,
        ).route(),
        *dashboard_routes(),
        web.get("/api/evidence/{session}", evidence_handler(memory.sessions, clock.now)),
    ]
