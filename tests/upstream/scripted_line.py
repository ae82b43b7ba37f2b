"""A line whose other side is the test."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from helio.errors import UpstreamFailed
from helio.protocol.headers import Header


class ScriptedLine:
    """What was `sent` to the other side, as JSON; `say` speaks for it."""

    gives_receipts = False

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.raw: list[bytes] = []
        self.taken = 0
        self.closed = False
        self._said: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._heard = asyncio.Event()

    def say(self, message: object) -> None:
        self._said.put_nowait(
            message if isinstance(message, bytes) else json.dumps(message).encode()
        )

    def end(self) -> None:
        self._said.put_nowait(None)

    async def hears(self, count: int) -> dict[str, Any]:
        """Waits for the message of this number (from 1)."""
        async with asyncio.timeout(5):
            while len(self.sent) < count:
                self._heard.clear()
                await self._heard.wait()
        return self.sent[count - 1]

    async def settled(self) -> None:
        """Waits until all that was said is taken and dealt with."""
        async with asyncio.timeout(5):
            while not self._said.empty():  # noqa: ASYNC110
                await asyncio.sleep(0)
        for _ in range(5):
            await asyncio.sleep(0)

    # The line.

    async def send(self, message: bytes, headers: Sequence[Header], timeout: float | None) -> None:  # noqa: ASYNC109
        self.raw.append(message)
        self.sent.append(json.loads(message))
        self._heard.set()

    async def messages(self) -> AsyncGenerator[bytes, None]:
        while (message := await self._said.get()) is not None:
            self.taken += 1
            yield message
        raise UpstreamFailed("closed", sent=True, detail="the script ended")

    async def aclose(self) -> None:
        self.closed = True
