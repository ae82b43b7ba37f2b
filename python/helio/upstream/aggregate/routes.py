"""Which message of an agent goes to which members, and what comes back.

Above: `helio.upstream.aggregate.port`. Below: the members and the agents' sessions at them. A name
or URI with a prefix is for one member; what lists things is for all; what has no prefix (a URI that
a tool's result named, a task) is for the first that knows it.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from helio.errors import UpstreamFailed
from helio.evaluator import MalformedMessage, Message, inspect_answer, parse_message
from helio.protocol.headers import Header
from helio.protocol.jsonrpc import INVALID_PARAMS, error_answer, result_answer
from helio.protocol.modern import renamed
from helio.protocol.modern.document import raw, text
from helio.protocol.splice import replaced, with_member
from helio.upstream.aggregate import merge
from helio.upstream.aggregate.gathering import Gathering, Tell, answer_of, gather, patiently
from helio.upstream.aggregate.member import Member, headers_of, translated
from helio.upstream.aggregate.names import Names
from helio.upstream.aggregate.sessions import Refused, Session, Sessions
from helio.upstream.aggregate.wording import (
    CANCELLED,
    PROGRESS,
    Addressed,
    by_mark,
    by_name,
    by_uri,
)
from helio.upstream.bridge.envelope import legacy_refusal, relayed
from helio.upstream.made import WholeResponse
from helio.upstream.messages import Asked
from helio.upstream.port import Response

logger = logging.getLogger(__name__)

PAGE_LIMIT: Final = 1000
LIST_LIMIT: Final = 64 * 1024 * 1024
"""The most pages of one member's list, and the most bytes of its items."""
MAX_PLAIN_URIS: Final = 1000
_NO_CONTENT: Final = 64 * 1024

_INITIALIZED: Final = "notifications/initialized"
_TAKES_LONG: Final = frozenset(("tasks/result",))
_RESOURCE: Final = frozenset(("resources/read", "resources/subscribe", "resources/unsubscribe"))


@dataclass(frozen=True, slots=True)
class Asking:
    """One request of an agent beside its message. `session` None: it is of 2026-07-28. `timeout` as
    `helio.upstream.port.Port.send` has it."""

    headers: Sequence[Header]
    session: Session | None
    timeout: float | None

    @property
    def session_id(self) -> bytes | None:
        """The id of the agent's session."""
        return None if self.session is None else self.session.id


class _Page(NamedTuple):
    items: list[bytes]
    holds: merge.Validity


class Routes:
    """The ways from agents to members."""

    def __init__(self, members: Sequence[Member], names: Names, sessions: Sessions) -> None:
        self._members = members
        self._by_name = {member.name: member for member in members}
        self._names = names
        self._sessions = sessions

    async def request(self, asking: Asking, message: Message, identifier: bytes) -> Response:
        """Answers a request that opens no session. Raises `UpstreamFailed`."""
        method = message.method or ""
        found = self._addressed(message)
        if found is not None:
            prefix_contents = method == "resources/read"
            return await self._pass(asking, found, identifier, prefix_contents=prefix_contents)
        if method in ("tools/call", "prompts/get"):
            # A call gets here only when nobody judged it: it goes nowhere.
            return _unknown(identifier, "name", raw(message, "params", "name"))
        session = asking.session
        if session is not None:
            if method == "ping":
                return WholeResponse(200, result_answer(identifier, {}))
            _note_plain(session, message)
            session.note(message, self._by_name)
        work = self._work(method, modern=session is None)
        return await Gathering(lambda tell: work(asking, message, identifier, tell)).response()

    async def tell(self, asking: Asking, message: Message) -> Response:
        """Takes a message that wants no answer."""
        session = asking.session
        if message.kind == "response":
            await self._tell_one(asking, by_mark(message, self._names, "id"))
        elif message.method == PROGRESS:
            await self._tell_one(asking, by_mark(message, self._names, "params", "progressToken"))
        elif message.method == CANCELLED:
            cancelled = raw(message, "params", "requestId")
            if session is not None and cancelled is not None:
                await self._tell_all(asking, message, session.asked(cancelled))
        else:
            if session is not None and message.method == _INITIALIZED:
                session.initialized = True
            every = self._by_name if session is None else session.opened
            await self._tell_all(asking, message, tuple(every))
        return WholeResponse(202)

    async def send(
        self, asking: Asking, member: Member, method: str, message: Message | None
    ) -> Response:
        """Sends a member one message in its own words, or asks for one of its streams. Raises
        `UpstreamFailed` and `Refused`."""
        if asking.session is not None:
            return await self._sessions.send(
                asking.session, member, method, asking.headers, message, timeout=asking.timeout
            )
        headers = asking.headers if message is None else renamed(asking.headers, message)
        body = None if message is None else message.body
        return await member.upstream.send(
            method, headers_of(member, headers, modern=True), body, timeout=asking.timeout
        )

    # To one member.

    def _addressed(self, message: Message) -> Addressed | None:
        if message.method == "prompts/get":
            return by_name(message, self._names, "params", "name")
        if message.method in _RESOURCE:
            return by_uri(message, self._names, "params", "uri")
        if message.method == "completion/complete":
            named = by_name(message, self._names, "params", "ref", "name")
            return named or by_uri(message, self._names, "params", "ref", "uri")
        return None

    async def _pass(
        self,
        asking: Asking,
        found: Addressed,
        identifier: bytes,
        *,
        prefix_contents: bool = False,
    ) -> Response:
        member = self._by_name[found.upstream]
        if asking.session is not None:
            asking.session.note(found.message, [member.name])
        try:
            response = await self.send(asking, member, "POST", found.message)
        except Refused as refused:
            return _refusal(asking, refused.asked, identifier)
        return translated(member, response, asking.session_id, prefix_contents=prefix_contents)

    async def _tell_one(self, asking: Asking, found: Addressed | None) -> None:
        if found is None:
            logger.debug("an answer to a question that no upstream asked is dropped")
            return
        await self._tell_all(asking, found.message, [found.upstream])

    # To several.

    async def _tell_all(self, asking: Asking, message: Message, names: Sequence[str]) -> None:
        await asyncio.gather(
            *(self._tell_quietly(asking, self._by_name[name], message) for name in names)
        )

    async def _tell_quietly(self, asking: Asking, member: Member, message: Message) -> None:
        try:
            async with asyncio.timeout(member.patience):
                sending = self.send(asking, member, "POST", message)
                with contextlib.closing(await sending) as response:
                    await response.read(_NO_CONTENT)
        except (UpstreamFailed, Refused, TimeoutError) as failure:
            logger.info("a message to %s was lost: %r", member.name, failure)

    def _work(self, method: str, *, modern: bool) -> "_Work":
        if method in merge.LISTS:
            return self._list
        if method == "logging/setLevel":
            return self._set_level
        return self._discover if modern and method == "server/discover" else self._first

    async def _list(
        self, asking: Asking, message: Message, identifier: bytes, tell: Tell
    ) -> WholeResponse:
        listed = merge.LISTS[message.method or ""]
        if raw(message, "params", "cursor") not in (None, b"null"):
            return _unknown(identifier, "cursor", raw(message, "params", "cursor"))
        gathered = await gather(
            self._members, lambda member: self._pages(asking, member, message, listed, tell)
        )
        if not gathered.found:
            return _nothing(asking, gathered.refused, gathered.failed, identifier)
        pages = [page for _, page in gathered.found]
        holds = merge.strictest(page.holds for page in pages if gathered.complete)
        items = (item for page in pages for item in page.items)
        body = merge.list_answer(
            identifier, listed, items, None if asking.session is not None else holds
        )
        return WholeResponse(200, body)

    async def _pages(
        self,
        asking: Asking,
        member: Member,
        message: Message,
        listed: merge.Listed,
        tell: Tell,
    ) -> _Page:
        """All that one member lists."""
        items: list[bytes] = []
        holds: list[merge.Validity] = []
        seen: set[bytes] = set()
        size = 0
        for _ in range(PAGE_LIMIT):
            asked = await self._ask(asking, member, message, tell)
            answer = inspect_answer(asked.body)
            if answer is None:
                raise Refused(asked)
            page = merge.items_of(answer, member.name, listed)
            items += page
            size += sum(map(len, page))
            holds.append(merge.validity(answer))
            cursor = raw(answer, "result", "nextCursor")
            if text(cursor) is None or cursor is None:
                return _Page(items, merge.strictest(holds))
            if cursor in seen or size > LIST_LIMIT:
                break
            seen.add(cursor)
            message = _following(message, cursor)
        detail = f"{message.method} has no end, or over {LIST_LIMIT} bytes"
        raise UpstreamFailed("too_large", sent=True, detail=detail)

    async def _discover(
        self, asking: Asking, message: Message, identifier: bytes, tell: Tell
    ) -> WholeResponse:
        gathered = await gather(
            self._members, lambda member: self._ask(asking, member, message, tell)
        )
        if not gathered.found:
            return _nothing(asking, gathered.refused, gathered.failed, identifier)
        holds = []
        told: dict[str, merge.Described] = {}
        for member, asked in gathered.found:
            answer = inspect_answer(asked.body)
            if answer is not None:
                told[member.name] = merge.described(answer)
                member.capabilities = told[member.name].capabilities
                holds.append(merge.validity(answer))
        every = described(self._members, told)
        body = merge.discover_answer(
            identifier,
            merge.all_capabilities(each for _, each in every),
            merge.all_instructions(every),
            merge.strictest(holds if gathered.complete else ()),
        )
        return WholeResponse(200, body)

    async def _set_level(
        self, asking: Asking, message: Message, identifier: bytes, tell: Tell
    ) -> WholeResponse:
        """Members that do not log refuse it, and are passed over."""
        gathered = await gather(
            self._members, lambda member: self._ask(asking, member, message, tell)
        )
        if not gathered.found:
            return _nothing(asking, gathered.refused, gathered.failed, identifier)
        if asking.session is not None:
            asking.session.level = message.body
        return WholeResponse(200, result_answer(identifier, {}))

    async def _first(
        self, asking: Asking, message: Message, identifier: bytes, tell: Tell
    ) -> WholeResponse:
        """The answer of the first member that has one. An empty resource is none while another
        member may have more to say."""
        refused: list[Refused] = []
        failed: list[UpstreamFailed] = []
        empty: Asked | None = None

        def ask(member: Member) -> Awaitable[Asked]:
            return self._ask(asking, member, message, tell)

        for member in self._members:
            try:
                if message.method in _TAKES_LONG:
                    asked = await ask(member)
                else:
                    asked = await patiently(member, ask, others=len(self._members) > 1)
            except Refused as refusal:
                refused.append(refusal)
            except UpstreamFailed as failure:
                failed.append(failure)
            else:
                if message.method != "resources/read" or _has_contents(asked):
                    return WholeResponse(200, asked.body)
                empty = empty or asked
        if empty is not None:
            return WholeResponse(200, empty.body)
        return _nothing(asking, refused, failed, identifier)

    async def _ask(self, asking: Asking, member: Member, message: Message, tell: Tell) -> Asked:
        """A member's result. Raises `UpstreamFailed`, and `Refused` for anything else."""
        response = await self.send(asking, member, "POST", message)
        asked = await answer_of(response, member, tell)
        answer = inspect_answer(asked.body)
        if answer is None or answer.kind != "response" or answer.span("result") is None:
            raise Refused(asked)
        return asked


_Work = Callable[[Asking, Message, bytes, Tell], Awaitable[WholeResponse]]


def described(
    members: Sequence[Member], told: Mapping[str, merge.Described]
) -> list[tuple[str, merge.Described]]:
    """What members say of themselves to this agent; of those that are away now, what they could do
    when they were there."""
    return [
        (member.name, told.get(member.name) or merge.Described(member.capabilities, None))
        for member in members
    ]


def _note_plain(session: Session, message: Message) -> None:
    """Remembers what is subscribed to without a prefix: that is how the agent knows it."""
    uri = text(raw(message, "params", "uri"))
    if uri is None:
        return
    if message.method == "resources/unsubscribe":
        session.plain_uris.discard(uri)
    elif message.method == "resources/subscribe" and len(session.plain_uris) < MAX_PLAIN_URIS:
        session.plain_uris.add(uri)


def _nothing(
    asking: Asking,
    refused: Sequence[Refused],
    failed: Sequence[UpstreamFailed],
    identifier: bytes,
) -> WholeResponse:
    """The answer where no member has one. Raises `UpstreamFailed` when one could not be asked, for
    it may have had one."""
    if failed:
        raise failed[0]
    return _refusal(asking, refused[0].asked, identifier)


def _refusal(asking: Asking, asked: Asked, identifier: bytes) -> WholeResponse:
    return (relayed if asking.session is None else legacy_refusal)(asked, identifier)


def _following(message: Message, cursor: bytes) -> Message:
    """The request for the next page, under an id of its own. Raises `UpstreamFailed` for a cursor
    that cannot be sent."""
    try:
        own = b'"helio-%b"' % secrets.token_urlsafe(12).encode()
        next_ = parse_message(replaced(message, ("id",), own))
        if next_.span("params") is None:
            return parse_message(with_member(next_, (), "params", b'{"cursor":%b}' % cursor))
        return parse_message(with_member(next_, ("params",), "cursor", cursor))
    except (LookupError, MalformedMessage) as error:
        raise UpstreamFailed("protocol_error", sent=True, detail=f"a cursor: {error}") from None


def _has_contents(asked: Asked) -> bool:
    answer = inspect_answer(asked.body)
    return answer is not None and bool(answer.items("result", "contents"))


def _unknown(identifier: bytes, what: str, value: bytes | None) -> WholeResponse:
    shown = "null" if value is None else value[:200].decode("utf-8", "replace")
    body = error_answer(identifier, INVALID_PARAMS, f"Unknown {what}: {shown}")
    return WholeResponse(200, body)
