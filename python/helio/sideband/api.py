"""The SDK port as a web application.

Above: `helio.app`. Below: `access`, `openapi`, and the views whose routes come in.
"""

from collections.abc import Callable, Iterable

import orjson
from aiohttp import web

from helio.sideband.access import DOCUMENT_PATH, HEALTH_PATH, Access, guarded
from helio.sideband.openapi import document


def application(
    access: Access, routes: Iterable[web.RouteDef], available: Callable[[], bool], max_body: int
) -> web.Application:
    """The application of these routes, for those who may use them. `available`: the journal can be
    written. `max_body` is in bytes; a longer one is refused with 413."""

    async def health(_request: web.Request) -> web.Response:
        """`GET /healthz`: 503 while nothing can be recorded."""
        well = available()
        return web.json_response(
            {"status": "ok" if well else "unavailable"}, status=200 if well else 503
        )

    described = orjson.dumps(document())

    async def description(_request: web.Request) -> web.Response:
        """`GET /openapi.json`."""
        return web.Response(body=described, content_type="application/json")

    app = web.Application(middlewares=[guarded(access)], client_max_size=max_body)
    app.on_response_prepare.append(_keep_private)
    open_routes = [web.get(HEALTH_PATH, health), web.get(DOCUMENT_PATH, description)]
    app.router.add_routes([*open_routes, *routes])
    return app


async def _keep_private(_request: web.Request, response: web.StreamResponse) -> None:
    """What sessions hold stays in nobody's cache, and is nothing but what its type says."""
    response.headers.setdefault("cache-control", "no-store")
    response.headers.setdefault("x-content-type-options", "nosniff")
