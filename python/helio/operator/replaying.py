"""`/api/policy/replay`: what another policy would have decided about the calls of late.

Above: `helio.app`, which judges them (`helio.simulation` lies beside this room). Below: `body`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import orjson
from aiohttp import web

from helio.config.scalars import Duration, UnfitValue
from helio.operator.answers import json_answer, json_bytes
from helio.operator.body import optional_text, read_object
from helio.operator.faults import Refused

REPLAY: Final = "/api/policy/replay"
_LONGEST: Final = Duration.parse("30d")
_USUAL: Final = "24h"

Told = Callable[[str], None]
"""Takes a line about how far it is."""
Judge = Callable[[str | None, str, Told], Awaitable[bytes]]
"""Judges the calls since so long ago by a policy's text (None: the file of the configuration as it
is on the disk). The report is that of `helio replay -f json`. Raises `Refused`; ends when it is
cancelled."""


class _Running:
    """A replay that goes on."""

    def __init__(self, judge: Judge, policy: str | None, since: str) -> None:
        self._begun = time.monotonic()
        self._progress: str | None = None
        self.cancelled = False
        self.report = asyncio.ensure_future(judge(policy, since, self._told))

    def shown(self) -> dict[str, object]:
        """How long it runs, and how far it is."""
        return {"seconds": round(time.monotonic() - self._begun, 1), "progress": self._progress}

    def cancel(self) -> None:
        """Ends it."""
        self.cancelled = True
        self.report.cancel()

    def _told(self, line: str) -> None:
        self._progress = line


class ReplayView:
    """Replays, one at a time: begun, looked at and cancelled by whoever is signed in."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._running: _Running | None = None

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        return [
            web.post(REPLAY, self._replay),
            web.get(REPLAY, self._progress),
            web.delete(REPLAY, self._cancel),
        ]

    async def _replay(self, request: web.Request) -> web.Response:
        """Takes `{policy?, since?}`, answers `{"data": report}`; 409 while another one runs, and
        when it was cancelled."""
        body = await read_object(request, {"policy", "since"})
        policy, since = body.get("policy"), optional_text(body, "since") or _USUAL
        if not (policy is None or isinstance(policy, str)):
            raise Refused(400, "policy: is not a text")
        _check(since)
        if self._running is not None:
            raise Refused(409, "a replay runs already: one at a time")
        running = self._running = _Running(self._judge, policy, since)
        try:
            report = await running.report
        except asyncio.CancelledError:
            if not running.cancelled:
                raise
            raise Refused(409, "the replay was cancelled") from None
        finally:
            self._running = None
        return json_bytes(b'{"data":' + orjson.dumps(orjson.Fragment(report)) + b"}")

    async def _progress(self, _request: web.Request) -> web.Response:
        """`{"data": {seconds, progress}}` of the one that runs, `progress` a line or None; `data`
        is None while none does."""
        running = self._running
        return json_answer({"data": None if running is None else running.shown()})

    async def _cancel(self, _request: web.Request) -> web.Response:
        """Ends the one that runs; 404 while none does."""
        if self._running is None:
            raise Refused(404, "no replay runs")
        self._running.cancel()
        return json_answer({"ok": True})


def _check(since: str) -> None:
    try:
        ago = Duration.parse(since)
    except UnfitValue as error:
        raise Refused(400, f"since: {error.message}: `24h`, `7d`") from error
    if not 0 < ago <= _LONGEST:
        raise Refused(400, "since: is longer ago than `30d`; `helio replay` goes back further")
