"""The operator API: health, the loaded policy, and what others add.

Above: `helio.app`. Below: `helio.operator.access`. Single resources are `{"data": …}`; aggregates
(health, limits, budgets) are the object itself.
"""

from collections.abc import Callable, Mapping

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

from helio.operator.access import Access, guarded

View = Callable[[], Mapping[str, object]]
"""Something to be shown, as it is now."""


def application(
    access: Access, health: View, policy: View, more: Mapping[str, Handler] | None = None
) -> web.Application:
    """The web application: `GET /api/health` (open; 503 while the audit cannot be written),
    `GET /api/policy`, and a GET for each path of `more`."""

    async def answer_health(_request: web.Request) -> web.Response:
        found = health()
        return web.json_response(found, status=503 if found["status"] == "unavailable" else 200)

    async def answer_policy(_request: web.Request) -> web.Response:
        return web.json_response({"data": policy()})

    app = web.Application(middlewares=[guarded(access)])
    app.router.add_get("/api/health", answer_health)
    app.router.add_get("/api/policy", answer_policy)
    for path, handler in (more or {}).items():
        app.router.add_get(path, handler)
    return app


def json_answer(value: object) -> web.Response:
    """A value as JSON, `helio.governance.feedback.exact` numbers included."""
    return web.Response(body=orjson.dumps(value), content_type="application/json")
