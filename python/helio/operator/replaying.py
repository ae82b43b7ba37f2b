"""`POST /api/policy/replay`: what another policy would have decided about the calls of late.

Above: `helio.app`, which judges them (`helio.simulation` lies beside this room). Below: `body`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import orjson
from aiohttp import web

from helio.config.scalars import Duration, UnfitValue
from helio.operator.answers import json_bytes
from helio.operator.body import optional_text, read_object
from helio.operator.faults import Refused

REPLAY: Final = "/api/policy/replay"
_LONGEST: Final = Duration.parse("30d")
_USUAL: Final = "24h"

Judge = Callable[[str | None, str], Awaitable[bytes]]
"""Judges the calls since so long ago by a policy's text (None: the file of the configuration as it
is on the disk). The report is that of `helio replay -f json`. Raises `Refused`."""


def replay_route(judge: Judge) -> web.RouteDef:
    """Takes `{policy?, since?}`, answers `{"data": report}`; one at a time."""
    turn = asyncio.Lock()

    async def answer(request: web.Request) -> web.Response:
        body = await read_object(request, {"policy", "since"})
        policy, since = body.get("policy"), optional_text(body, "since") or _USUAL
        if not (policy is None or isinstance(policy, str)):
            raise Refused(400, "policy: is not a text")
        _check(since)
        if turn.locked():
            raise Refused(409, "a replay runs already: one at a time")
        async with turn:
            report = await judge(policy, since)
        return json_bytes(b'{"data":' + orjson.dumps(orjson.Fragment(report)) + b"}")

    return web.post(REPLAY, answer)


def _check(since: str) -> None:
    try:
        ago = Duration.parse(since)
    except UnfitValue as error:
        raise Refused(400, f"since: {error.message}: `24h`, `7d`") from error
    if not 0 < ago <= _LONGEST:
        raise Refused(400, "since: is longer ago than `30d`; `helio replay` goes back further")
