"""Conversations that several agents share, and the one line that they stand on.

Above: the ports (`helio.upstream.shared`). Below: `helio.upstream.conversation`. A line that agents
share is never kept waiting for one of them.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from helio.errors import UpstreamFailed
from helio.evaluator import Answer
from helio.protocol.jsonrpc import METHOD_NOT_FOUND, result_answer
from helio.upstream.conversation import Asked, Conversation, Party
from helio.upstream.line import Line
from helio.upstream.made import StreamResponse

logger = logging.getLogger(__name__)

GRACE_SECONDS: Final = 0.05
"""How long a shared line waits, once per stream, for an agent that has not taken what it has."""

_FOR_EVERYBODY: Final = frozenset(
    (
        "notifications/prompts/list_changed",
        "notifications/resources/list_changed",
        "notifications/resources/updated",
        "notifications/tools/list_changed",
    )
)


class SharedConversation(Conversation):
    """What all shared lines have in common.

    A notification for a stream that is full is dropped, because the line cannot wait and an agent
    must not fill Helio's memory; an answer is always delivered. Questions are declined: nobody says
    which of the agents is meant.
    """

    def __init__(self, line: Line, on_end: Callable[[Conversation], None]) -> None:
        super().__init__(line, on_end)
        self._slow: set[StreamResponse] = set()

    def put(self, stream: StreamResponse, body: bytes, *, last: bool = False) -> None:
        """See `Conversation`."""
        if last or not stream.full:
            super().put(stream, body, last=last)

    async def relieve(self, stream: StreamResponse) -> None:
        """See `Conversation`."""
        if stream.complete or stream in self._slow:
            return
        try:
            async with asyncio.timeout(GRACE_SECONDS):
                await stream.room()
        except TimeoutError:
            logger.warning("an agent does not read; notifications for it are dropped")
            self._slow = {each for each in self._slow if not each.closed} | {stream}

    def unclaimed(self, answer: Answer, body: bytes, asked: Asked | None) -> None:
        """See `Conversation`."""
        if answer.kind == "request":
            self._answer_question(answer)
        else:
            self.notified(answer, body, asked)

    def notified(self, answer: Answer, body: bytes, asked: Asked | None) -> None:
        """A notification that belongs to no open request."""
        raise NotImplementedError

    def only_open(self) -> Asked | None:
        """The one request under way; None when there are more, or none."""
        if len(self._open) != 1:
            return None
        return next(iter(self._open.values()))

    def _answer_question(self, answer: Answer) -> None:
        if answer.method == "ping" and answer.id is not None:
            self.soon(self._line.send(result_answer(answer.id, {}), (), None))
        else:
            self.decline(answer, METHOD_NOT_FOUND, "This client takes no requests.")


class LegacyConversation(SharedConversation):
    """A line of a legacy revision, initialized by Helio, that many sessions share.

    What changed for all is told to every session that listens. Any other notification without a
    token goes to the one open request, and is dropped when there are several: it could be another
    agent's.
    """

    def __init__(self, line: Line, on_end: Callable[[Conversation], None]) -> None:
        super().__init__(line, on_end)
        self.parties: set[Party] = set()

    @property
    def in_use(self) -> bool:
        """See `Conversation`."""
        return bool(self.parties) or super().in_use

    def notified(self, answer: Answer, body: bytes, asked: Asked | None) -> None:
        """See `SharedConversation`."""
        only = self.only_open()
        if asked is not None:
            self._tell(asked.party, body)
        elif answer.method in _FOR_EVERYBODY:
            for party in tuple(self.parties):
                self._tell(party, body)
        elif only is not None:
            self.put(only.stream, body)

    def _tell(self, party: Party, body: bytes) -> None:
        if party.standing is not None:
            self.put(party.standing, body)


class ModernConversation(SharedConversation):
    """A line of 2026-07-28, which has no sessions: every request stands for itself."""

    cancels_what_is_left = True

    def notified(self, answer: Answer, body: bytes, asked: Asked | None) -> None:
        """See `SharedConversation`. Log messages name no request: they go to the one that is open,
        if it asked for a log."""
        only = self.only_open()
        if only is not None and (only.logs or answer.method != "notifications/message"):
            self.put(only.stream, body)


Kind = TypeVar("Kind", bound=SharedConversation)


class SharedLine(Generic[Kind]):
    """The one conversation of a port: begun when it is first needed, and anew after its end, or
    after nobody used it for `idle_timeout` seconds. `begin` opens it whole; it is never run twice
    at a time.
    """

    def __init__(self, begin: Callable[[], Awaitable[Kind]], idle_timeout: float) -> None:
        self._begin = begin
        self._idle_timeout = idle_timeout
        self._beginning: asyncio.Task[Kind] | None = None
        self._current: Kind | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._touched = 0.0
        self._closed = False

    @property
    def current(self) -> Kind | None:
        """The conversation under way, if there is one."""
        return self._current

    async def conversation(self) -> Kind:
        """The conversation under way, or a new one. Raises what `begin` does."""
        self._touched = asyncio.get_running_loop().time()
        if self._closed:
            raise UpstreamFailed("closed", sent=False, detail="the upstream was closed")
        if self._current is not None and self._current.failure is None:
            return self._current
        if self._beginning is None:
            self._beginning = asyncio.create_task(self._begun())
            self._beginning.add_done_callback(self._noted)
        return await asyncio.shield(self._beginning)

    def end(self, conversation: Kind, why: str) -> None:
        """Ends a conversation in the background."""
        if self._current is conversation:
            self._current = None
        task = asyncio.create_task(conversation.aclose(why))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def aclose(self) -> None:
        """Ends everything."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._beginning is not None:
            self._beginning.cancel()
            await asyncio.wait([self._beginning])
        if self._current is not None:
            self.end(self._current, "the upstream was closed")
        while self._ending:
            await asyncio.wait(self._ending)

    async def _begun(self) -> Kind:
        if self._current is not None:
            self.end(self._current, "the line has ended")
        conversation = await self._begin()
        self._current = conversation
        self._watch()
        return conversation

    def _noted(self, beginning: asyncio.Task[Kind]) -> None:
        self._beginning = None
        if not beginning.cancelled() and beginning.exception() is not None:
            # Whoever asked for it was told; it may also be that nobody waits any more.
            logger.info("a line to an upstream was not opened: %s", beginning.exception())

    def _watch(self) -> None:
        if self._sweeper is None and not self._closed:
            self._sweeper = asyncio.get_running_loop().call_later(
                min(30.0, self._idle_timeout / 2), self._sweep
            )

    def _sweep(self) -> None:
        self._sweeper = None
        current, now = self._current, asyncio.get_running_loop().time()
        if current is None:
            return
        if current.in_use:
            self._touched = now
        if current.failure is not None or now - self._touched >= self._idle_timeout:
            self.end(current, f"nobody used it for {self._idle_timeout:g} s")
        else:
            self._watch()
