"""The operator API of this version: health, what policy is loaded, and what others add.

Above: `helio.app`. Below: `helio.operator.access`. Single resources are `{"data": …}`; health is
an object.
"""

from collections.abc import Callable, Mapping

from aiohttp import web
from aiohttp.typedefs import Handler

from helio.operator.access import Access, guarded


def application(
    access: Access,
    health: Callable[[], Mapping[str, object]],
    policy: Callable[[], Mapping[str, object]],
    more: Mapping[str, Handler] | None = None,
) -> web.Application:
    """The web application: `GET /api/health` (open; 503 while the audit cannot be written),
    `GET /api/policy`, and `more` by their paths."""

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
