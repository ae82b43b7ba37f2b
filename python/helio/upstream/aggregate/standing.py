"""One standing stream out of one of each member, each opened again when it ends.

Above: `helio.upstream.aggregate.port`. Below: the members' streams. For legacy agents it is the GET
of a session, for those of 2026-07-28 a `subscriptions/listen`; the streams' own places stay inside.
"""

import asyncio
import contextlib
import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, Final

from helio.errors import UpstreamFailed
from helio.evaluator import Answer, inspect_answer
from helio.protocol.modern.document import raw, text
from helio.upstream.aggregate.member import Member
from helio.upstream.aggregate.names import uri_prefix
from helio.upstream.aggregate.sessions import Refused
from helio.upstream.aggregate.wording import TOOLS_CHANGED, UPDATED, for_agent
from helio.upstream.bridge.envelope import SUBSCRIPTION
from helio.upstream.made import StreamResponse
from helio.upstream.messages import events, is_event_stream
from helio.upstream.port import Response

logger = logging.getLogger(__name__)

READY_SECONDS: Final = 2.0
"""How long the members' streams may take to open before the agent's own is there."""
LEAST_PAUSE: Final = 0.25
MOST_PAUSE: Final = 15.0
"""Between two attempts to open a member's stream again."""

MAX_EARLY: Final = 1000
"""Messages that wait for the acknowledgement; what comes beyond them is dropped."""
_HAS_NONE: Final = (404, 405, 501)
"""Statuses of an upstream without such a stream. A legacy session's 404 does not get here."""

CHANGES: Final = {
    "toolsListChanged": ("tools", TOOLS_CHANGED),
    "promptsListChanged": ("prompts", "notifications/prompts/list_changed"),
    "resourcesListChanged": ("resources", "notifications/resources/list_changed"),
}
"""What can be listened to: what announces it, by what notification."""
ACKNOWLEDGED: Final = "notifications/subscriptions/acknowledged"

Open = Callable[[Member, bytes | None], Awaitable[Response]]
"""Opens a member's stream, after the event with this id when one is given."""


class Standing:
    """The stream of one agent: `stream` is what it reads. `plain_uris` are those that it subscribed
    to without a prefix; `away` are the members of whose lists it may know nothing yet.

    `on_over` is called once, when the agent left it.
    """

    def __init__(
        self,
        members: Sequence[Member],
        opens: Open,
        *,
        plain_uris: set[str],
        away: Collection[str] = (),
        on_over: Callable[[], None] = lambda: None,
    ) -> None:
        self._members = members
        self._opens = opens
        self._plain_uris = plain_uris
        self._away = away
        self.on_over = on_over
        self._tasks: list[asyncio.Task[None]] = []
        self.failures: deque[UpstreamFailed | Refused] = deque(maxlen=len(members))
        """Why members were not listened to."""
        self.stream = StreamResponse(timeout=None, on_close=self.end)

    async def begin(self) -> None:
        """Opens the members' streams, and waits a little until they are there."""
        ready = []
        for member in self._members:
            opened = asyncio.Event()
            ready.append(asyncio.ensure_future(opened.wait()))
            self._tasks.append(asyncio.create_task(self._follow(member, opened)))
        try:
            await asyncio.wait(ready, timeout=READY_SECONDS)
        except asyncio.CancelledError:
            self.end()
            raise
        finally:
            for waiting in ready:
                waiting.cancel()

    def end(self) -> None:
        """Ends all streams."""
        for task in self._tasks:
            task.cancel()
        self.on_over()

    def finish(self) -> None:
        """Ends the agent's stream as well."""
        self.end()
        self.stream.end()

    async def put(self, message: bytes) -> None:
        """Gives the agent a message."""
        self.stream.put(message)
        await self.stream.room()

    async def hear(self, member: Member, message: Answer, ready: asyncio.Event) -> None:
        """Takes what a member says, `ready` being set once its stream is there."""
        if message.kind == "response":
            return
        if message.method == TOOLS_CHANGED:
            member.on_tools_changed()
        uri = text(raw(message, "params", "uri")) if message.method == UPDATED else None
        if uri in self._plain_uris:
            await self.put(message.body)
        else:
            await self.put(for_agent(member.name, message.body))

    async def missed(self, member: Member) -> None:
        """The member was away, and nobody knows what it said: what it lists may be new."""
        for group, method in CHANGES.values():
            if group == "tools" or group in member.capabilities:
                await self.put(b'{"jsonrpc":"2.0","method":"%b"}' % method.encode())

    async def opened(self, ready: asyncio.Event) -> None:
        """A member's stream is there."""
        ready.set()

    async def _follow(self, member: Member, ready: asyncio.Event) -> None:
        """Keeps a member's stream open until the agent leaves, or the member has none."""
        pause, place, away = LEAST_PAUSE, None, member.name in self._away
        while not self.stream.closed:
            try:
                with contextlib.closing(await self._opens(member, place)) as response:
                    if response.status in _HAS_NONE:
                        return
                    await self._begin(member, response, ready, away=away)
                    away = False
                    async with contextlib.aclosing(events(response)) as received:
                        async for event in received:
                            pause = LEAST_PAUSE
                            place = event.id if event.id is not None else place
                            message = inspect_answer(event.data) if event.data else None
                            if message is not None:
                                await self.hear(member, message, ready)
            except (UpstreamFailed, Refused) as failure:
                logger.info("the stream of %s broke, or was not opened: %s", member.name, failure)
                self.failures.append(failure)
                away, place = True, None
            finally:
                ready.set()
            await asyncio.sleep(pause)
            pause = min(2 * pause, MOST_PAUSE)

    async def _begin(
        self, member: Member, response: Response, ready: asyncio.Event, *, away: bool
    ) -> None:
        if not is_event_stream(response):
            detail = f"HTTP {response.status} in place of a stream"
            raise UpstreamFailed("protocol_error", sent=True, detail=detail)
        await self.opened(ready)
        if away:
            await self.missed(member)


class Subscription(Standing):
    """The stream of one `subscriptions/listen`: acknowledged first, and once (2026-07-28,
    Subscriptions). `identifier` is the request's id, as raw JSON."""

    def __init__(
        self, members: Sequence[Member], opens: Open, identifier: bytes, plain_uris: set[str]
    ) -> None:
        super().__init__(members, opens, plain_uris=plain_uris)
        self._identifier = identifier
        self._honoured: dict[str, Any] = {}
        self._early: list[bytes] | None = []

    async def begin(self) -> None:
        """Opens the members' streams, and acknowledges. Raises `UpstreamFailed` when none is
        there."""
        await super().begin()
        if not self._honoured and len(self.failures) == len(self._members):
            self.end()
            detail = f"no upstream can be listened to: {self.failures[0]}"
            raise UpstreamFailed("connect_failed", sent=False, detail=detail)
        await super().put(
            b'{"jsonrpc":"2.0","method":"%b","params":{"notifications":%b,"_meta":{"%b":%b}}}'
            % (
                ACKNOWLEDGED.encode(),
                json.dumps(self._honoured).encode(),
                SUBSCRIPTION.encode(),
                self._identifier,
            )
        )
        early, self._early = self._early or [], None
        for message in early:
            await super().put(message)

    async def put(self, message: bytes) -> None:
        """Gives the agent a message, not before the acknowledgement."""
        if self._early is not None:
            if len(self._early) < MAX_EARLY:
                self._early.append(message)
        else:
            await super().put(message)

    async def hear(self, member: Member, message: Answer, ready: asyncio.Event) -> None:
        """See `Standing.hear`. Acknowledgements of members become one."""
        if message.method == ACKNOWLEDGED:
            self._honour(member, message)
            ready.set()
        elif message.kind == "notification":
            await super().hear(member, message, ready)

    async def missed(self, member: Member) -> None:
        """See `Standing.missed`; only what the agent listens to."""
        for name, (_, method) in CHANGES.items():
            if self._honoured.get(name):
                await self.put(
                    b'{"jsonrpc":"2.0","method":"%b","params":{"_meta":{"%b":%b}}}'
                    % (method.encode(), SUBSCRIPTION.encode(), self._identifier)
                )

    async def opened(self, ready: asyncio.Event) -> None:
        """It is there once it is acknowledged."""

    def _honour(self, member: Member, message: Answer) -> None:
        told = raw(message, "params", "notifications")
        honoured = json.loads(told) if told is not None else None
        if not isinstance(honoured, dict):
            return
        for name in CHANGES:
            if honoured.get(name) is True:
                self._honoured[name] = True
        uris = honoured.get("resourceSubscriptions")
        for uri in uris if isinstance(uris, list) else ():
            if isinstance(uri, str):
                shown = uri if uri in self._plain_uris else uri_prefix(member.name).decode() + uri
                known = self._honoured.setdefault("resourceSubscriptions", [])
                if shown not in known:
                    known.append(shown)
