"""The operator API: health, the loaded policy, and what others add.

Above: `helio.app`. Below: `helio.operator.access`, `sign_in`. Single resources are
`{"data": …}`; aggregates (health, limits, budgets) are the object itself.
"""

from collections.abc import Callable, Iterable, Mapping

from aiohttp import web

from helio.operator.access import Access, guarded
from helio.operator.body import LARGEST
from helio.operator.sign_in import sign_in_routes

View = Callable[[], Mapping[str, object]]
"""Something to be shown, as it is now."""


def application(access: Access, routes: Iterable[web.RouteDef]) -> web.Application:
    """The web application of these routes, for those who may use them."""
    app = web.Application(middlewares=[guarded(access)], client_max_size=LARGEST)
    app.on_response_prepare.append(_keep_private)
    app.router.add_routes([*sign_in_routes(access), *routes])
    return app


async def _keep_private(_request: web.Request, response: web.StreamResponse) -> None:
    """What operators see stays in nobody's cache, and is nothing but what its type says."""
    response.headers.setdefault("cache-control", "no-store")
    response.headers.setdefault("x-content-type-options", "nosniff")


def health_route(health: View) -> web.RouteDef:
    """`GET /api/health`: open; 503 while the audit cannot be written."""

    async def answer(_request: web.Request) -> web.Response:
        found = health()
        return web.json_response(found, status=503 if found["status"] == "unavailable" else 200)

    return web.get("/api/health", answer)


def policy_route(policy: View) -> web.RouteDef:
    """`GET /api/policy`: the loaded one."""

    async def answer(_request: web.Request) -> web.Response:
        return web.json_response({"data": policy()})

    return web.get("/api/policy", answer)
