"""One session of a legacy agent at a 2026-07-28 upstream, which has none: what Helio remembers of
it between requests.

Above: `helio.upstream.bridge.legacy_agent`. Below: the upstream's port.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from helio.errors import UpstreamFailed
from helio.evaluator import Message, parse_message
from helio.protocol.headers import Header
from helio.protocol.jsonrpc import identity
from helio.protocol.modern import (
    CLIENT_CAPABILITIES,
    CLIENT_INFO,
    LOG_LEVEL,
    PROTOCOL_VERSION,
    Parameters,
    headers_for,
)
from helio.protocol.revisions import LATEST_MODERN
from helio.upstream.bridge.envelope import callers_headers, with_envelope
from helio.upstream.bridge.splicing import raw
from helio.upstream.messages import ACCEPT_BOTH, CONTENT_TYPE

MAX_QUESTIONS: Final = 64
_VERSION: Final = b'"%b"' % LATEST_MODERN.encode()


@dataclass(frozen=True, slots=True)
class Reply:
    """What an agent answers a question: the raw JSON of its result, or of its error."""

    result: bytes | None
    error: bytes | None


@dataclass(slots=True)
class AgentSession:
    """`capabilities` and `info` (None: it does not say) are raw JSON, as the agent initialized.

    `level` is the raw log level that it wants, `uris` the raw URIs that it subscribed to, `used`
    when it was last heard of (seconds of the loop's clock).
    """

    revision: str
    capabilities: bytes
    info: bytes | None
    used: float
    id: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    level: bytes | None = None
    uris: list[bytes] = field(default_factory=list)
    subscriptions_changed: asyncio.Event = field(default_factory=asyncio.Event)
    ended: bool = False
    standing: bool = False
    _questions: dict[str, asyncio.Future[Reply]] = field(default_factory=dict)
    _calls: dict[object, Callable[[], None]] = field(default_factory=dict)

    def request(
        self,
        message: Message,
        headers: Sequence[Header],
        parameters: Parameters | None = None,
        params: Mapping[str, bytes] | None = None,
        identifier: bytes | None = None,
    ) -> tuple[list[Header], bytes]:
        """A request of the agent as 2026-07-28 has it: its headers and its body.

        `params` are set beside its own parameters and `identifier` in place of its id. Raises
        `ValueError` for parameters that are no object.
        """
        meta = {PROTOCOL_VERSION: _VERSION, CLIENT_CAPABILITIES: self.capabilities}
        if self.info is not None:
            meta[CLIENT_INFO] = self.info
        if self.level is not None:
            meta[LOG_LEVEL] = self.level
        body = with_envelope(message, meta, params or {}, identifier)
        made = headers_for(parse_message(body), parameters)
        return [*callers_headers(headers), ACCEPT_BOTH, CONTENT_TYPE, *made], body

    def ask(self) -> tuple[bytes, asyncio.Future[Reply]]:
        """The raw id of a question to the agent, and where its reply will be.

        Raises `UpstreamFailed` when too many questions wait for the agent already.
        """
        if len(self._questions) >= MAX_QUESTIONS:
            detail = "too many questions wait for the agent"
            raise UpstreamFailed("protocol_error", sent=True, detail=detail)
        name = f"helio-{secrets.token_urlsafe(16)}"
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._questions[name] = reply
        reply.add_done_callback(lambda done: self._questions.pop(name, None))
        return b'"%b"' % name.encode(), reply

    def answered(self, message: Message) -> None:
        """Takes the agent's response; one that answers nothing that was asked is nothing."""
        identifier = None if message.id is None else identity(message.id)
        reply = self._questions.get(identifier) if isinstance(identifier, str) else None
        if reply is not None and not reply.done():
            reply.set_result(Reply(raw(message, "result"), raw(message, "error")))

    @property
    def in_use(self) -> bool:
        """Whether a call or a standing stream is open."""
        return bool(self._calls) or self.standing

    def begin(self, identifier: bytes, cancel: Callable[[], None]) -> None:
        """A call is under way; `cancel` is called when the agent cancels it."""
        self._calls[identity(identifier)] = cancel

    def done(self, identifier: bytes, cancel: Callable[[], None]) -> None:
        """The call of this `cancel` is over."""
        if self._calls.get(identity(identifier)) == cancel:
            del self._calls[identity(identifier)]

    def cancel(self, identifier: bytes) -> None:
        """The agent cancels a request of its own; an unknown one is over already."""
        cancel = self._calls.get(identity(identifier))
        if cancel is not None:
            cancel()

    def end(self) -> None:
        """The session is over: every call and question with it."""
        self.ended = True
        self.subscriptions_changed.set()
        for cancel in tuple(self._calls.values()):
            cancel()
        for reply in tuple(self._questions.values()):
            reply.cancel()
