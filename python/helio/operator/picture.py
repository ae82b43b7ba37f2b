"""`GET /api/policy/graph`: the loaded policy as boxes and arrows.

Above: `helio.app`. Below: `helio.policy.picture`.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import orjson
from aiohttp import web

from helio.operator.answers import json_bytes
from helio.policy import CompiledPolicy
from helio.policy.picture import draw

GRAPH: Final = "/api/policy/graph"


def picture_route(policy: Callable[[], CompiledPolicy]) -> web.RouteDef:
    """`{"data": {policy, boxes, arrows}}`, as `helio graph -f json` has it, drawn once a policy."""
    drawn: tuple[CompiledPolicy, bytes] | None = None
    turn = asyncio.Lock()

    async def answer(_request: web.Request) -> web.Response:
        nonlocal drawn
        # One at a time, in a thread: a policy may have very many rules.
        async with turn:
            now = policy()
            if drawn is None or drawn[0] is not now:
                drawn = now, await asyncio.to_thread(_drawn, now)
        return json_bytes(drawn[1])

    return web.get(GRAPH, answer)


def _drawn(policy: CompiledPolicy) -> bytes:
    return orjson.dumps({"data": draw(policy).as_object()})
