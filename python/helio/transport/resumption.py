"""Event streams that an agent comes back for: they ended early, or it lost them (2025-11-25,
Transports, "Resumability and Redelivery").

Above: `helio.transport.reception`, `helio.transport.exchange`. Below: `helio.transport.inbound`.

The answer to a call must come Helio's way to be recorded before it is given. So when an agent
asks, by `Last-Event-ID`, for the rest of a stream that belongs to a request under way, it gets it
from that request and the upstream is not asked. All other places are the upstream's to know.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final

from helio.protocol.headers import Header
from helio.transport.inbound import Caller, Downstream, EarlyEnding

KEPT_BYTES: Final = 1024 * 1024
"""Bytes of events that one stream keeps to be sent again; its last event is always kept."""
ALL_KEPT_BYTES: Final = 64 * 1024 * 1024
"""Bytes that all streams together keep; beyond that the oldest streams keep nothing more."""
EVENT_COST: Final = 2048
"""Bytes that an event counts for besides its own: what holding it and its stream takes."""
KEPT_SECONDS: Final = 60.0
"""How long the events of a stream that came to its end are kept."""

Owner = tuple[str | None, str | None, str]
"""Whose stream it is: target, authenticated agent, MCP session."""


class Resumable:
    """One event stream to an agent, which may get it in several pieces.

    Only streams whose events have ids keep anything; without an `owner`, none does.
    """

    def __init__(
        self, downstream: Downstream, headers: Sequence[Header], owner: Owner | None, kept: "Kept"
    ) -> None:
        self.headers = headers
        self.owner = owner
        self.size = 0
        self._downstream: Downstream | None = downstream
        self._events: deque[tuple[bytes | None, bytes]] = deque()
        self._kept = kept
        self._over = False
        self._turn = asyncio.Lock()
        self._left = asyncio.Event()

    @property
    def can_end_early(self) -> bool:
        """Whether the agent can be told to come back for the rest."""
        return bool(self._events) and (
            self._downstream is None or isinstance(self._downstream, EarlyEnding)
        )

    async def write(self, event: bytes, identifier: bytes | None = None) -> None:
        """Sends a whole event; `identifier` is its id field."""
        async with self._turn:
            if self.owner is not None and (identifier is not None or self._events):
                self._keep(event, identifier)
            if self._downstream is not None:
                await self._downstream.write(event)

    async def end_early(self) -> None:
        """Ends what the agent has of it; it may come back for the rest."""
        async with self._turn:
            if isinstance(self._downstream, EarlyEnding):
                await self._downstream.end_early()
                self._leave(None)

    async def end(self) -> None:
        """Ends it."""
        async with self._turn:
            self._over = True
            if self._downstream is not None:
                await self._downstream.end()
            self._leave(self._downstream)
            if self._events:
                self._kept.forget_later(self)

    def hang_up(self) -> None:
        """Ends it so that it does not look whole."""
        self._over = True
        if self._downstream is not None:
            self._downstream.hang_up()
        self._leave(None)
        self._kept.forget(self)

    async def go_on(self, caller: Caller, place: bytes) -> Downstream:
        """Gives an agent that came back what follows the event with the id `place`.

        Returns when the stream is over, when it ended early once more, or when the agent left.
        What the agent had of it before is hung up on, so that no message is on two streams.
        """
        if self._downstream is not None:
            # First, because a write to an agent that went away unseen may take its time.
            self._downstream.hang_up()
        async with self._turn:
            downstream = caller.open_stream(200, self.headers)
            self._leave(downstream)
            left = self._left
            caller.on_gone(left.set)
            await downstream.write(b"")
            for event in self._after(place):
                await downstream.write(event)
            if self._over:
                await downstream.end()
                left.set()
        try:
            await left.wait()
        finally:
            caller.on_gone(None)
        return downstream

    def forget_events(self) -> list[bytes]:
        """Keeps nothing any more; the ids of what was kept."""
        identifiers = [identifier for identifier, _ in self._events if identifier is not None]
        self._events.clear()
        self.size = 0
        self.owner = None
        return identifiers

    def _leave(self, then: Downstream | None) -> None:
        """Whoever waits for what the agent has of it now waits no longer."""
        self._downstream = then
        self._left.set()
        self._left = asyncio.Event()

    def _keep(self, event: bytes, identifier: bytes | None) -> None:
        self._events.append((identifier, event))
        self.size += len(event) + EVENT_COST
        self._kept.add(self, identifier, len(event) + EVENT_COST)
        while self.size > KEPT_BYTES and len(self._events) > 1:
            dropped, gone = self._events.popleft()
            self.size -= len(gone) + EVENT_COST
            self._kept.remove(self, dropped, len(gone) + EVENT_COST)

    def _after(self, place: bytes) -> list[bytes]:
        events = list(self._events)
        found = [index for index, (identifier, _) in enumerate(events) if identifier == place]
        return [event for _, event in events[found[-1] + 1 :]] if found else []


class Kept:
    """The streams that agents may come back for, by whose they are and the id of an event."""

    def __init__(self) -> None:
        self._places: dict[tuple[Owner, bytes], Resumable] = {}
        self._streams: dict[Resumable, asyncio.TimerHandle | None] = {}
        self._size = 0

    def find(self, owner: Owner, place: bytes) -> Resumable | None:
        """The stream on which its owner saw this event, if what follows it is here."""
        return self._places.get((owner, place))

    def add(self, stream: Resumable, place: bytes | None, size: int) -> None:
        """A stream keeps one more event; the oldest streams make room for it."""
        self._streams.setdefault(stream, None)
        self._size += size
        if place is not None and stream.owner is not None:
            self._places[stream.owner, place] = stream
        while self._size > ALL_KEPT_BYTES:
            self.forget(next(iter(self._streams)))

    def remove(self, stream: Resumable, place: bytes | None, size: int) -> None:
        """A stream keeps an event no longer."""
        self._size -= size
        if place is not None:
            self._forget_place(stream, stream.owner, place)

    def forget_later(self, stream: Resumable) -> None:
        """A stream is over: its agent has `KEPT_SECONDS` to come back for what it lost."""
        if stream in self._streams:
            loop = asyncio.get_running_loop()
            self._streams[stream] = loop.call_later(KEPT_SECONDS, self.forget, stream)

    def forget(self, stream: Resumable) -> None:
        """Nothing of this stream is kept any more."""
        timer = self._streams.pop(stream, None)
        if timer is not None:
            timer.cancel()
        owner = stream.owner
        self._size -= stream.size
        for place in stream.forget_events():
            self._forget_place(stream, owner, place)

    def forget_session(self, owner: Owner) -> None:
        """A session ended."""
        for stream in [stream for stream in self._streams if stream.owner == owner]:
            self.forget(stream)

    def _forget_place(self, stream: Resumable, owner: Owner | None, place: bytes) -> None:
        if owner is not None and self._places.get((owner, place)) is stream:
            del self._places[owner, place]
