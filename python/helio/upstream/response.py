"""An upstream's answer as its reader sees it: status and headers at once, the body as it comes.

Made by the client (`helio.upstream.http`) from the connection's answer.
"""

from collections.abc import AsyncGenerator

from helio.errors import UpstreamFailed
from helio.upstream.answer import Answer
from helio.upstream.connection import Connection


class UpstreamResponse:
    """One answer. Read it to its end or `close` it: until then it keeps its connection.

    `headers` are as they came, with names in lower case.
    """

    __slots__ = ("_answer", "_connection", "headers", "status")

    def __init__(self, answer: Answer, connection: Connection) -> None:
        self.status: int = answer.status
        self.headers: tuple[tuple[bytes, bytes], ...] = answer.headers
        self._answer = answer
        self._connection = connection

    @property
    def complete(self) -> bool:
        """Whether the whole answer has arrived (some of it may still wait to be read)."""
        return self._answer.complete

    def header(self, name: bytes) -> bytes | None:
        """The first header of this name (in lower case), None without one."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes, in pieces of any size, never empty.

        Raises `UpstreamFailed` (always `sent`) when it ends early. Leaving before the end, by an
        exception, a cancellation or `aclose`, closes the connection.
        """
        answer, connection = self._answer, self._connection
        try:
            while True:
                piece = answer.take()
                if piece:
                    connection.consumed(answer)
                    yield piece
                elif answer.complete:
                    return
                else:
                    await connection.wait(answer)
        finally:
            self.close()

    async def read(self, limit: int) -> bytes:
        """The whole rest of the body, of at most `limit` bytes.

        Raises `UpstreamFailed`: `too_large` over the limit, which closes the connection, or as
        `chunks`.
        """
        answer, connection = self._answer, self._connection
        pieces: list[bytes] = []
        size = 0
        try:
            while True:
                size += answer.buffered
                if size > limit:
                    detail = f"an answer over {limit} bytes"
                    raise UpstreamFailed("too_large", sent=True, detail=detail)
                pieces.append(answer.take())
                if answer.complete:
                    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
                connection.consumed(answer)
                await connection.wait(answer)
        finally:
            self.close()

    def allow_silence(self, timeout: float | None) -> None:
        """Replaces the request's timeout for what is left: seconds between bytes; None for ever."""
        self._connection.allow_silence(self._answer, timeout)

    def close(self) -> None:
        """Gives the answer up: drops the connection unless the answer has arrived whole."""
        self._connection.drop(self._answer, "the answer was given up")
