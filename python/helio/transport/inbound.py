"""One request of an agent, in the shape of streamable HTTP, whichever door it came by.

Above: the doors (HTTP, SSE, stdio), which make these. Below: `helio.protocol`. What answers them
(`helio.transport.reception`) knows no door.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from helio.protocol.headers import Header
from helio.protocol.modern import is_modern


@dataclass(frozen=True, slots=True)
class Whole:
    """An answer that is given in one piece. `headers` have names in lower case."""

    status: int
    headers: Sequence[Header] = ()
    body: bytes = b""


class Downstream(Protocol):
    """An answer that is given as an event stream. The agent may go away at any time."""

    @property
    def gone(self) -> bool:
        """Whether nobody takes it any more."""

    async def write(self, data: bytes) -> None:
        """Sends a piece of the stream, with backpressure; does nothing once the agent is gone."""

    async def end(self) -> None:
        """Ends the answer."""

    def hang_up(self) -> None:
        """Ends it so that it does not look whole."""


@runtime_checkable
class EarlyEnding(Protocol):
    """A `Downstream` whose agent can come back for the rest, by GET and `Last-Event-ID`."""

    async def end_early(self) -> None:
        """Ends the answer as `Downstream.end` does, before the request is done with."""


Reply = Whole | Downstream


class Caller(Protocol):
    """The agent behind one request.

    `agent` is who it proved to be, None when nobody asked. `channel` names the session of a door
    that has sessions of its own (SSE, stdio) and stands in for an absent session header. `gave_up`:
    it is gone because it said that it does not want this request any more.
    """

    agent: str | None
    channel: str | None
    gave_up: bool

    def open_stream(self, status: int, headers: Sequence[Header]) -> Downstream:
        """Begins to answer with an event stream. Nothing is sent before the first `write`."""

    def on_gone(self, then: Callable[[], None] | None) -> None:
        """Calls `then` once when the agent's connection is lost; None forgets it."""


class Inbound:
    """What an agent asks: `method` is POST, GET or DELETE; `target` names the upstream, None for
    the one that is served without a name. `headers` are as they came; `body` is empty but for POST.

    `revision` is what its header says, None without one. `session` is its MCP session; 2026-07-28
    has none, whatever the header says.
    """

    __slots__ = ("_values", "body", "caller", "headers", "method", "revision", "session", "target")

    def __init__(
        self,
        method: str,
        target: str | None,
        headers: Sequence[Header],
        body: bytes,
        caller: Caller,
    ) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.caller = caller
        # The first one of a name counts.
        self._values = {name.lower(): value for name, value in reversed(headers)}
        self.revision = self._value(b"mcp-protocol-version")
        self.session = None if is_modern(self.revision) else self._value(b"mcp-session-id")

    def header(self, name: str) -> str | None:
        """The first header of this name, whatever its case; None without one."""
        return self._value(name.lower().encode("latin-1"))

    def _value(self, name: bytes) -> str | None:
        found = self._values.get(name)
        return None if found is None else found.decode("latin-1")
