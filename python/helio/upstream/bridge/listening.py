"""`subscriptions/listen` of 2026-07-28 agents on a legacy session.

Above: `helio.upstream.bridge.modern_agent`. Below: the session, which tells what the server says.
Acknowledged first; then only what was asked for, each message marked with the subscription's id
(2026-07-28, Subscriptions).
"""

import orjson

from helio.errors import UpstreamFailed
from helio.evaluator import Answer, Message
from helio.protocol.modern.document import text as said
from helio.upstream.bridge.envelope import SUBSCRIPTION
from helio.upstream.bridge.held_session import HeldSession
from helio.upstream.bridge.splicing import Edits, is_object, members_of, raw
from helio.upstream.made import StreamResponse

_CHANGES = {
    "toolsListChanged": ("tools", "notifications/tools/list_changed"),
    "promptsListChanged": ("prompts", "notifications/prompts/list_changed"),
    "resourcesListChanged": ("resources", "notifications/resources/list_changed"),
}
_UPDATED = "notifications/resources/updated"
MAX_URIS = 1000
MAX_EARLY = 1000
"""Changes that are kept until the acknowledgement is on its way."""


class Listening:
    """One subscription: `stream` is its answer, `begin` starts it."""

    def __init__(self, session: HeldSession, message: Message, identifier: bytes) -> None:
        self._session = session
        self._identifier = identifier
        self._wanted = _wanted(message)
        self._methods: set[str] = set()
        self._uris: list[str] = []
        self._early: list[Answer] | None = []
        self.stream = StreamResponse(timeout=None, on_close=self.end)

    async def begin(self) -> None:
        """Subscribes to resources, acknowledges, and relays from then on. Raises
        `UpstreamFailed`."""
        declared = {name for name, *_ in members_of(self._session.capabilities)}
        honoured: dict[str, object] = {}
        for name, (group, method) in _CHANGES.items():
            if self._wanted.get(name) is True and group in declared:
                honoured[name] = True
                self._methods.add(method)
        self._session.listen(self._hear, self._lost)
        uris = self._wanted.get("resourceSubscriptions")
        if isinstance(uris, list) and uris and "resources" in declared:
            self._methods.add(_UPDATED)
            honoured["resourceSubscriptions"] = await self._subscribe(uris[:MAX_URIS])
        self._acknowledge(honoured)
        if self._session.dead:
            self._lost()

    def end(self) -> None:
        """Nobody listens any more."""
        self._session.unlisten(self._hear)
        for uri in self._uris:
            self._session.unsubscribe_later(orjson.dumps(uri))
        self._uris.clear()

    async def _subscribe(self, uris: list[object]) -> list[str]:
        honoured = []
        for uri in uris:
            if isinstance(uri, str) and uri not in self._uris:
                self._uris.append(uri)
                if await self._session.subscribe(orjson.dumps(uri)):
                    honoured.append(uri)
        return honoured

    def _acknowledge(self, honoured: dict[str, object]) -> None:
        self.stream.put(
            b'{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":'
            b'{"notifications":%b,"_meta":{"%b":%b}}}'
            % (orjson.dumps(honoured), SUBSCRIPTION.encode(), self._identifier)
        )
        early, self._early = self._early or [], None
        for message in early:
            self._hear(message)

    def _hear(self, message: Answer) -> None:
        if message.method not in self._methods:
            return
        if self._early is not None:
            if len(self._early) < MAX_EARLY:
                self._early.append(message)
            return
        if message.method == _UPDATED and not self._covers(message):
            return
        if self.stream.full:
            self._lost("the agent does not read its subscription")
            return
        self.stream.put(_marked(message, self._identifier))

    def _covers(self, message: Answer) -> bool:
        """Whether an update is of a resource subscribed to, or of one below it."""
        told = said(raw(message, "params", "uri"))
        return told is not None and any(told.startswith(each) for each in self._uris)

    def _lost(self, why: str = "the upstream's session ended") -> None:
        self.stream.fail(UpstreamFailed("closed", sent=True, detail=why))
        self.end()


def _wanted(message: Message) -> dict[str, object]:
    text = raw(message, "params", "notifications")
    wanted = orjson.loads(text) if text is not None and is_object(text) else {}
    return wanted if isinstance(wanted, dict) else {}


def _marked(message: Answer, identifier: bytes) -> bytes:
    """A notification with the id of its subscription in `_meta`."""
    mark = {SUBSCRIPTION: identifier}
    text = b'{"%b":%b}' % (SUBSCRIPTION.encode(), identifier)
    params = raw(message, "params")
    if params is None:
        return Edits(message).set({"params": b'{"_meta":%b}' % text}).applied()
    if is_object(raw(message, "params", "_meta")):
        return Edits(message).set(mark, "params", "_meta").applied()
    return Edits(message).set({"_meta": text}, "params").applied()
