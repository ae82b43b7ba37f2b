"""Questions to the audit's index: asked of its process, a few at once, for a limited time.

Above: `ledger`, `audit`. Below: `helio.audit.asking` (the line to that process), `streaming`. What
comes is finished bytes, which are handed on as they are.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

from aiohttp import web

from helio.audit.asking.frames import THREADS, Pool
from helio.audit.asking.line import Answer, Line
from helio.errors import IndexUnavailable, Unanswered
from helio.operator.faults import Refused
from helio.operator.streaming import send

_MOST_WAITING: Final = 16
"""Questions of one pool that wait for others; one more is refused."""
_JSON: Final = {"content-type": "application/json"}


class Questions:
    """Asks one pool of the index's process of the moment (`line`, None while there is none).

    `seconds` is how long a question may take until its answer, or the first two pieces of it.
    """

    def __init__(self, line: Callable[[], Line | None], pool: Pool, seconds: float) -> None:
        self._line = line
        self._pool: Pool = pool
        self._seconds = seconds
        self._room = THREADS[pool] + _MOST_WAITING

    async def answer(
        self,
        request: web.Request,
        name: str,
        arguments: dict[str, object],
        *,
        fresh: bool = True,
        headers: Mapping[str, str] = _JSON,
    ) -> web.StreamResponse:
        """Answers with what a question gives (`helio.audit.asking.questions`), in pieces if it is
        long. Raises `Refused` before that begins; a failure later breaks the connection, so that
        nobody takes a part for the whole.

        Without `fresh`, an index that cannot keep up is asked for what it holds.
        """
        answer = self._ask(name, arguments, fresh)
        try:
            first, second = await self._beginning(answer)
            if not second:
                return web.Response(body=first, headers=headers)
            return await send(request, headers, _pieces(first, second, answer))
        finally:
            answer.leave()

    def _ask(self, name: str, arguments: dict[str, object], fresh: bool) -> Answer:
        line = self._line()
        if line is None:
            raise _unavailable("it is loading")
        if line.asked(self._pool) >= self._room:
            raise Refused(503, "too many questions at once", headers={"retry-after": "1"})
        try:
            return line.ask(self._pool, name, arguments, fresh=fresh)
        except IndexUnavailable as error:
            raise _unavailable(str(error)) from error

    async def _beginning(self, answer: Answer) -> tuple[bytes, bytes]:
        """The first two pieces; an empty second one says that the first is all."""
        try:
            async with asyncio.timeout(self._seconds):
                first = await answer.piece()
                return first, await answer.piece() if first else b""
        except TimeoutError as error:
            text = f"this took longer than {self._seconds:g} s: ask for less, by filters or a limit"
            raise Refused(503, text) from error
        except IndexUnavailable as error:
            raise _unavailable(str(error)) from error
        except Unanswered as error:
            raise _refused(error) from error


class Asking:
    """Questions by how long they take, so that short ones never wait for long ones: `quick` ones
    (the feed), `thorough` ones (lists, sums), and `exports`."""

    def __init__(self, line: Callable[[], Line | None]) -> None:
        self.quick = Questions(line, "quick", 10)
        self.thorough = Questions(line, "thorough", 30)
        self.exports = Questions(line, "exports", 300)


async def _pieces(first: bytes, second: bytes, answer: Answer) -> AsyncIterator[bytes]:
    yield first
    piece = second
    while piece:
        yield piece
        piece = await answer.piece()


def _unavailable(why: str) -> Refused:
    return Refused(503, f"the audit's index cannot be asked: {why}", headers={"retry-after": "2"})


def _refused(error: Unanswered) -> Refused:
    match error.fault:
        case "filter":
            return Refused(400, str(error))
        case "missing":
            return Refused(404, str(error))
        case "unavailable":
            return _unavailable(str(error))
        case _:
            return Refused(500, "this failed; the log says why")
