"""Who calls: the session that a call belongs to, read from what the client sent.

Above: `helio.transport` (reads it), `helio.pipeline` (uses it). Pure.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

MAX_SESSION_ID = 256
"""Characters of a session id that are kept; a longer one is refused, never cut (two could
collide)."""

Source = Literal["header", "legacy_header", "sdk", "adapter"]


@dataclass(frozen=True, slots=True)
class SessionIdentity:
    """The session of one call.

    `id` is None when no source had a usable value; `source` names the one that had (a header, or
    the SDK or an adapter, who say it by themselves); `tried` are the
    headers that were looked at, in order, for feedback.
    """

    id: str | None
    source: Source | None
    tried: tuple[str, ...]

    def key(self, agent: str | None) -> str | None:
        """What this session is counted by: its id, and for an authenticated agent that agent's own.

        One id from two agents is two keys, and no agent's key is what somebody without an agent can
        send: no id holds a space.
        """
        return self.id if self.id is None or agent is None else f"{agent} {self.id}"


class SessionResolver:
    """Reads the session id from request headers by the configured order of `(source, header)`
    pairs."""

    def __init__(self, sources: Iterable[tuple[Source, str]]) -> None:
        self._sources = tuple(sources)
        self._tried = tuple(header for _, header in self._sources)

    def resolve(
        self,
        header: Callable[[str], str | None],
        *,
        channel: str | None = None,
        is_modern: bool = False,
    ) -> SessionIdentity:
        """The session that `header(name)`, case-insensitive, says; None when a header is absent.

        A value that is empty, longer than `MAX_SESSION_ID` or not visible ASCII counts as absent.
        `channel`, the session of a door that has its own, stands in for an absent legacy header; a
        request of 2026-07-28 has no such header (`is_modern`), whatever was sent.
        """
        for source, name in self._sources:
            value = None if is_modern and source == "legacy_header" else header(name)
            if value is None and source == "legacy_header":
                value = channel
            if value is not None and is_session_id(value):
                return SessionIdentity(value, source, self._tried)
        return SessionIdentity(None, None, self._tried)


def is_session_id(value: str) -> bool:
    """Whether `value` can be a session's id: 1 to `MAX_SESSION_ID` characters of visible ASCII
    (MCP: 0x21 to 0x7E)."""
    return (
        0 < len(value) <= MAX_SESSION_ID
        and value.isascii()
        and value.isprintable()
        and " " not in value
    )
