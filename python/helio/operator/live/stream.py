"""`GET /api/events`: what happens, as an event stream that goes on where it was left.

Above: `helio.app`. Below: `following`, `helio.operator.access` (whose session a stream belongs to).
"""

import asyncio
from collections.abc import Callable
from typing import Final

import orjson
from aiohttp import web

from helio.errors import JournalDamaged
from helio.operator.access import OPERATOR, Access
from helio.operator.asked import known, once
from helio.operator.faults import Refused
from helio.operator.live.following import Following, Listener
from helio.operator.live.told import Event, EventId

EVENTS: Final = "/api/events"
MOST_STREAMS: Final = 64
"""Streams at a time, of all operators together."""

_STALLED_SECONDS: Final = 20.0
"""How long the network may take no byte before a stream is given up."""
_RETRY: Final = b"retry: 1000\n\n"
"""How long a browser waits before it comes back, in ms."""
_HEADERS: Final = {"content-type": "text/event-stream", "x-accel-buffering": "no"}


class Stream:
    """Sends what is told. `heartbeat` is in seconds, `now` gives the time as ISO 8601 UTC."""

    def __init__(
        self, following: Following, access: Access, *, heartbeat: float, now: Callable[[], str]
    ) -> None:
        self._following = following
        self._access = access
        self._heartbeat = heartbeat
        self._now = now

    def routes(self) -> list[web.RouteDef]:
        """The stream."""
        return [web.get(EVENTS, self._events)]

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Events from now on, or from behind `Last-Event-ID` (or `last_event_id`, for whom a header
        cannot be set). The first one is a heartbeat, or `reset` where something was missed."""
        after = _heard(request)
        if self._following.listening >= MOST_STREAMS:
            raise Refused(503, "too many event streams at once", headers={"retry-after": "5"})
        try:
            listener = await self._following.join(after)
        except (OSError, JournalDamaged) as error:
            text = f"the journal cannot be followed: {error}"
            raise Refused(503, text, headers={"retry-after": "5"}) from error
        cookie = request[OPERATOR].cookie
        unwatch = self._access.sessions.watch(cookie, listener.end)
        try:
            response = web.StreamResponse(headers=_HEADERS)
            await response.prepare(request)
            await self._send(response, listener, cookie)
            return response
        finally:
            unwatch()
            await self._following.leave(listener)

    async def _send(self, response: web.StreamResponse, listener: Listener, cookie: str) -> None:
        """Sends until it is over, or nobody takes it."""
        told, listener.missed = listener.missed, None
        first = self._beat(listener.start) if told is None else self._reset(listener.start, told)
        piece: bytes | None = _RETRY + first.framed()
        while piece is not None and self._signed_in(cookie):
            try:
                async with asyncio.timeout(_STALLED_SECONDS):
                    await response.write(piece)
            except (TimeoutError, ConnectionError):
                return
            piece = await self._next(listener, cookie)

    async def _next(self, listener: Listener, cookie: str) -> bytes | None:
        """What is to be sent next; None when it is over."""
        events = await listener.next(self._patience(cookie))
        if not events:
            if listener.missed is not None:
                told, listener.missed = listener.missed, None
                return self._reset(self._following.last, told).framed()
            if listener.over:
                return None
            events = [self._beat(self._following.last)]
        return b"".join(event.framed() for event in events)

    def _patience(self, cookie: str) -> float:
        """Seconds until the next heartbeat, or the end of the session."""
        session = self._access.sessions.find(cookie) if cookie else None
        return self._heartbeat if session is None else min(self._heartbeat, session.seconds_left)

    def _signed_in(self, cookie: str) -> bool:
        return not cookie or self._access.sessions.find(cookie) is not None

    def _beat(self, heard: EventId) -> Event:
        return Event(heard, "heartbeat", orjson.dumps({"at": self._now()}))

    def _reset(self, heard: EventId, why: str) -> Event:
        """Who goes on from it misses nothing more."""
        return Event(heard, "reset", orjson.dumps({"at": self._now(), "why": why}))


def _heard(request: web.Request) -> EventId | None:
    """What the client heard last. Raises `Refused` for what is no id."""
    query = once(request.query)
    known(query, {"last_event_id"})
    text = request.headers.get("last-event-id") or query.get("last_event_id")
    if not text:
        return None
    found = EventId.read(text)
    if found is None:
        raise Refused(400, "last-event-id: is no id of an event")
    return found
