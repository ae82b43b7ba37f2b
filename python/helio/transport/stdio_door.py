"""The stdio door: Helio as a stdio server, for clients that start a command (2025-11-25 and
2026-07-28, Transports, stdio).

Above: `helio.app`. Below: `helio.transport.channel` (the messages),
`helio.transport.standard_streams` (the bytes). One process serves one agent. A line in is a
message, a line out is one too, and nothing else is ever written to standard output.
"""

import asyncio
import logging
from typing import Final, Protocol

from helio.protocol.headers import Header, is_value
from helio.protocol.jsonrpc import INVALID_REQUEST, error_answer
from helio.protocol.lines import LineParser, TooLong
from helio.transport.channel import AgentChannel, Receives, Send
from helio.transport.reception import RecordRejected
from helio.transport.standard_streams import Inflow, Outflow

logger = logging.getLogger(__name__)

FINISH_SECONDS: Final = 25.0
"""How long requests may be under way after the agent has closed standard input."""
PARTING_SECONDS: Final = 1.0
"""How long they may take after a signal: who sends one to a stdio server kills it soon after."""
FLUSH_SECONDS: Final = 5.0
"""How long the agent may take for the last answers."""
SMALL: Final = 64 * 1024
"""A message of up to this many bytes is written together with its line's end."""


class Drains(Receives, Protocol):
    """The part of `helio.transport.reception.Reception` that a stdio door needs."""

    async def drain(self, seconds: float) -> int:
        """Waits for requests under way, then gives them up with a record; how many those were."""


class StdioDoor:
    """One agent on the descriptors `standard_input` and `standard_output`.

    The reception is this door's alone. `max_body` is the longest message in bytes; `session` the id
    of the agent's session where its surroundings name one (`HELIO_SESSION_ID`). Raises
    `ValueError` for one that no header can hold.
    """

    def __init__(
        self,
        reception: Drains,
        target: str | None,
        *,
        standard_input: int,
        standard_output: int,
        max_body: int,
        record_rejected: RecordRejected,
        session: str | None = None,
    ) -> None:
        self._reception = reception
        self._target = target
        self._input = standard_input
        self._output = standard_output
        self._max_body = max_body
        self._record_rejected = record_rejected
        self._headers = _session_header(session)
        self._stopping = asyncio.Event()

    async def serve(self) -> None:
        """Serves until standard input ends, nobody reads standard output, or `stop`. Returns when
        the requests under way have ended or were given up, each call with its record."""
        outflow = Outflow(self._output)
        channel = AgentChannel(
            self._reception, self._target, _sender(outflow), headers=self._headers
        )
        reading = asyncio.ensure_future(self._read(Inflow(self._input), channel))
        stopping = asyncio.ensure_future(self._stopping.wait())
        broken = asyncio.ensure_future(outflow.broken.wait())
        try:
            await asyncio.wait({reading, stopping, broken}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                reading.result()
            reading.cancel()
            channel.stop_listening()
            await self._drain(stopping)
            await channel.finish(PARTING_SECONDS)
            seconds = PARTING_SECONDS if self._stopping.is_set() else FLUSH_SECONDS
            if not await outflow.flush(seconds):
                logger.info("the agent did not take its last answers")
        finally:
            for task in (reading, stopping, broken):
                task.cancel()
            await channel.close(0.0)
            outflow.close()

    def stop(self) -> None:
        """Ends it soon: a signal came."""
        self._stopping.set()

    async def _drain(self, stopping: asyncio.Task[bool]) -> None:
        """Lets requests under way end. A signal leaves them less time."""
        draining = asyncio.ensure_future(self._reception.drain(FINISH_SECONDS))
        await asyncio.wait({draining, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not draining.done():
            await self._reception.drain(PARTING_SECONDS)
        if given_up := await draining:
            logger.warning("%d requests were given up", given_up)

    async def _read(self, inflow: Inflow, channel: AgentChannel) -> None:
        """Hands on the agent's messages, in order, until their end."""
        lines = LineParser(self._max_body)
        async for piece in inflow.pieces():
            for line in lines.feed(piece):
                await self._take(line, channel)
        last = lines.end()
        if last is not None:
            await self._take(last, channel)

    async def _take(self, line: bytes | TooLong, channel: AgentChannel) -> None:
        if isinstance(line, bytes):
            await channel.take(line)
            return
        detail = f"The message is larger than {self._max_body} bytes."
        await self._record_rejected("body_too_large", detail, line.head, self._target)
        data = {"reason": "body_too_large"}
        await channel.give(error_answer(None, INVALID_REQUEST, detail, data))


def _sender(outflow: Outflow) -> Send:
    async def send(message: bytes) -> None:
        if len(message) <= SMALL:
            await outflow.write(message + b"\n")
        else:
            await outflow.write(message, b"\n")

    return send


def _session_header(session: str | None) -> list[Header]:
    if not session:
        return []
    value = session.encode("latin-1")
    if not is_value(value):
        raise ValueError("a session's id holds a line end or NUL")
    return [(b"x-helio-session-id", value)]
