"""One of the upstreams that are served as one, and what it says as the agent gets it.

Above: the rest of this room, and `helio.app`, which makes the members. Below:
`helio.upstream.registry`, `helio.upstream.port`.
"""

import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from helio.errors import UpstreamFailed
from helio.protocol.headers import ForwardRules, Header
from helio.protocol.sse import Event, EventStreamParser, EventTooLarge, encode_event
from helio.upstream.aggregate.names import placed
from helio.upstream.aggregate.wording import TOOLS_CHANGED, for_agent
from helio.upstream.made import find
from helio.upstream.messages import MESSAGE_LIMIT, SESSION_ID, is_event_stream
from helio.upstream.port import Response
from helio.upstream.registry import Upstream

_TOOLS_CHANGED: Final = TOOLS_CHANGED.encode()

Reword = Callable[[bytes], bytes]
"""Makes of a message of an upstream what the agent gets."""


@dataclass(eq=False)
class Member:
    """One upstream.

    `rules`: what of an agent's headers it gets. `patience`: seconds that it may take where others
    wait for it, too (lists, and opening a session). `on_tools_changed` is called when it says on a
    stream of Helio's own that its tools changed. `capabilities` are those that it last declared.
    """

    upstream: Upstream
    rules: ForwardRules
    patience: float = 10.0
    on_tools_changed: Callable[[], None] = field(default=lambda: None)
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    resting_until: float = 0.0
    """Until when (the loop's clock) nobody waits for it where others wait, too: it was silent."""

    @property
    def name(self) -> str:
        """The upstream's name."""
        return self.upstream.name


class Translated:
    """A member's answer as the agent gets it; a `helio.upstream.port.Response`.

    `session_id` is the agent's session, which stands in place of the member's.
    """

    def __init__(
        self, response: Response, member: str, reword: Reword, session_id: bytes | None
    ) -> None:
        self._response = response
        self._member = member
        self._reword = reword
        headers = [header for header in response.headers if header[0] != SESSION_ID]
        if session_id is not None:
            headers.append((SESSION_ID, session_id))
        self.headers: tuple[Header, ...] = tuple(headers)

    @property
    def status(self) -> int:
        """See `helio.upstream.port.Response`."""
        return self._response.status

    @property
    def complete(self) -> bool:
        """See `helio.upstream.port.Response`."""
        return self._response.complete

    def header(self, name: bytes) -> bytes | None:
        """See `helio.upstream.port.Response`."""
        return find(self.headers, name)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """See `helio.upstream.port.Response`."""
        if not is_event_stream(self._response):
            yield self._reword(await self._response.read(MESSAGE_LIMIT))
            return
        parser = EventStreamParser(event_cap=MESSAGE_LIMIT)
        async with contextlib.aclosing(self._response.chunks()) as chunks:
            async for chunk in chunks:
                try:
                    events = parser.feed(chunk)
                except EventTooLarge as error:
                    raise UpstreamFailed("too_large", sent=True, detail=str(error)) from None
                if events:
                    yield b"".join(map(self._event, events))

    async def read(self, limit: int) -> bytes:
        """See `helio.upstream.port.Response`."""
        if not is_event_stream(self._response):
            return self._reword(await self._response.read(limit))
        pieces: list[bytes] = []
        size = 0
        async for piece in self.chunks():
            size += len(piece)
            if size > limit:
                raise UpstreamFailed("too_large", sent=True, detail=f"an answer over {limit} bytes")
            pieces.append(piece)
        return b"".join(pieces)

    def allow_silence(self, timeout: float | None) -> None:
        """See `helio.upstream.port.Response`."""
        self._response.allow_silence(timeout)

    def close(self) -> None:
        """See `helio.upstream.port.Response`."""
        self._response.close()

    def _event(self, event: Event) -> bytes:
        data = None if event.data is None else self._reword(event.data)
        if event.id is None and data == event.data:
            return event.raw
        place = None if event.id is None else placed(self._member, event.id)
        if data is not None:
            return encode_event(data, event=event.event, identifier=place, retry=event.retry)
        retry = b"" if event.retry is None else b"retry: %d\n" % event.retry
        return b"id: %b\n%b\n" % (place or b"", retry)


def translated(
    member: Member, response: Response, session_id: bytes | None, *, prefix_contents: bool = False
) -> Translated:
    """A member's answer as the agent gets it, in its session (None: it has none)."""

    def reword(body: bytes) -> bytes:
        if _TOOLS_CHANGED in body:
            member.on_tools_changed()
        return for_agent(member.name, body, prefix_contents=prefix_contents)

    return Translated(response, member.name, reword, session_id)


def headers_of(
    member: Member, headers: Sequence[Header], *, without: Sequence[bytes] = (), modern: bool
) -> list[Header]:
    """What of an agent's headers the member gets."""
    passes = member.rules.passes
    return [
        header
        for header in headers
        if passes(header[0], modern=modern) and header[0] not in without
    ]
