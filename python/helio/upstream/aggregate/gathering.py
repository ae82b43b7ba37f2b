"""Several members asked at once, for one answer to the agent.

Above: `helio.upstream.aggregate.routes`. Below: the members' answers. What a member says before its
answer (log messages, its own questions) reaches the agent at once, on an event stream that is only
begun for it; progress does not: that of several would not grow.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from helio.errors import UpstreamFailed
from helio.evaluator import inspect_answer
from helio.upstream.aggregate.member import Member
from helio.upstream.aggregate.sessions import Refused
from helio.upstream.aggregate.wording import PROGRESS, TOOLS_CHANGED, for_agent
from helio.upstream.made import StreamResponse, WholeResponse
from helio.upstream.messages import MESSAGE_LIMIT, Asked, events, is_event_stream
from helio.upstream.port import Response

logger = logging.getLogger(__name__)

REST_SECONDS: Final = 15.0
"""For how long nobody waits for a member that was silent, where others wait, too."""

Tell = Callable[[bytes], Awaitable[None]]
"""Gives the agent a message before the answer."""

Work = Callable[[Tell], Awaitable[WholeResponse]]

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Gathered(Generic[Found]):
    """What came of asking: the finds of those that gave one, and why the others did not."""

    found: list[tuple[Member, Found]]
    refused: list[Refused]
    failed: list[UpstreamFailed]

    @property
    def complete(self) -> bool:
        """Whether none failed. A refusal is an answer: not every upstream can do everything."""
        return not self.failed


async def gather(
    members: Sequence[Member], ask: Callable[[Member], Awaitable[Found]]
) -> Gathered[Found]:
    """Asks all members at once, each within its patience. `ask` may raise `UpstreamFailed` and
    `Refused`."""
    others = len(members) > 1
    tasks = [asyncio.ensure_future(patiently(member, ask, others=others)) for member in members]
    try:
        results = await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        for task in tasks:
            task.cancel()
    gathered: Gathered[Found] = Gathered([], [], [])
    for member, result in zip(members, results, strict=True):
        if isinstance(result, UpstreamFailed):
            logger.warning("upstream %s is left out: %s", member.name, result)
            gathered.failed.append(result)
        elif isinstance(result, Refused):
            gathered.refused.append(result)
        elif isinstance(result, BaseException):
            raise result
        else:
            gathered.found.append((member, result))
    return gathered


async def patiently(
    member: Member, ask: Callable[[Member], Awaitable[Found]], *, others: bool
) -> Found:
    """What one member answers within its patience. `others`: there are some to ask as well, so that
    nobody waits for one that was silent a moment ago. Raises `UpstreamFailed` and `Refused`.
    """
    if others and asyncio.get_running_loop().time() < member.resting_until:
        detail = "it was silent a moment ago, and others do not wait for it"
        raise UpstreamFailed("timeout", sent=False, detail=detail)
    try:
        async with asyncio.timeout(member.patience):
            found = await ask(member)
    except TimeoutError:
        member.resting_until = asyncio.get_running_loop().time() + REST_SECONDS
        detail = f"no answer within {member.patience} s"
        raise UpstreamFailed("timeout", sent=True, detail=detail) from None
    member.resting_until = 0.0
    return found


async def answer_of(response: Response, member: Member, tell: Tell) -> Asked:
    """Reads an answer up to the JSON-RPC response in it, and tells what comes before that. Raises
    `UpstreamFailed`."""
    try:
        if not is_event_stream(response):
            return Asked(response.status, response.headers, await response.read(MESSAGE_LIMIT))
        async with contextlib.aclosing(events(response)) as stream:
            async for event in stream:
                message = inspect_answer(event.data) if event.data else None
                if message is None:
                    continue
                if message.kind == "response":
                    return Asked(response.status, response.headers, message.body)
                if message.method == TOOLS_CHANGED:
                    member.on_tools_changed()
                if message.method != PROGRESS:
                    await tell(for_agent(member.name, message.body))
    finally:
        response.close()
    detail = "the event stream ended without an answer"
    raise UpstreamFailed("closed", sent=True, detail=detail)


class Gathering:
    """One answer in the making: as a whole, or as the last event of a stream if something comes
    before it."""

    def __init__(self, work: Work) -> None:
        self._head: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._stream: StreamResponse | None = None
        self._task = asyncio.create_task(self._run(work))

    async def response(self) -> Response:
        """The answer, or the stream that ends with it. Raises what the work raises."""
        try:
            return await self._head
        except asyncio.CancelledError:
            self._task.cancel()
            raise

    async def _run(self, work: Work) -> None:
        try:
            answer = await work(self._tell)
        except UpstreamFailed as failure:
            self._fail(failure)
        except asyncio.CancelledError:
            self._fail(UpstreamFailed("closed", sent=True, detail="it was given up"))
            raise
        except Exception as error:
            logger.exception("asking several upstreams failed inside Helio")
            self._fail(UpstreamFailed("protocol_error", sent=True, detail=type(error).__name__))
        else:
            await self._deliver(answer)

    async def _tell(self, message: bytes) -> None:
        if self._stream is None:
            self._stream = StreamResponse(timeout=None, on_close=self._left)
            if not self._head.done():
                self._head.set_result(self._stream)
        self._stream.put(message)
        await self._stream.room()

    def _left(self) -> None:
        self._task.cancel()

    async def _deliver(self, answer: WholeResponse) -> None:
        if self._stream is not None:
            self._stream.put(await answer.read(MESSAGE_LIMIT))
            self._stream.end()
        elif not self._head.done():
            self._head.set_result(answer)

    def _fail(self, failure: UpstreamFailed) -> None:
        if self._stream is not None:
            self._stream.fail(failure)
        elif not self._head.done():
            self._head.set_exception(failure)
            self._head.exception()
