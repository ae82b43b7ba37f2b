"""Which eras an upstream speaks, and the way from an agent of either era to it.

Above: `helio.upstream.build`. Below: the upstream's port, and the bridges of the eras. Whether the
upstream speaks 2026-07-28 is found out by `server/discover` on Helio's own account, whether it
speaks the legacy revisions by its answer to an agent's `initialize`; both when it is first needed,
both remembered, and found out again when an answer contradicts it (2026-07-28, Versioning).
"""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import Any, Final, NamedTuple

from helio.errors import UpstreamFailed
from helio.evaluator import VERSION, inspect_answer, parse_message
from helio.protocol.headers import Header
from helio.protocol.jsonrpc import INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND
from helio.protocol.modern import HEADER_MISMATCH, UNSUPPORTED_REVISION, headers_for
from helio.protocol.revisions import LATEST_LEGACY, era, is_legacy
from helio.upstream.allowance import Allowance
from helio.upstream.bridge.envelope import (
    MISSING_CAPABILITY,
    callers_headers,
    discovery,
)
from helio.upstream.bridge.legacy_agent import LegacyAgents, ParametersOf, no_parameters
from helio.upstream.bridge.modern_agent import ModernAgents
from helio.upstream.made import WholeResponse, find
from helio.upstream.messages import (
    ACCEPT_BOTH,
    CONTENT_TYPE,
    PROTOCOL_VERSION,
    SESSION_ID,
    ask,
    read_answer,
)
from helio.upstream.port import Port, Response
from helio.upstream.spoken import NO_VERDICT, Spoken, judged

logger = logging.getLogger(__name__)

PROBE_SECONDS: Final = 5.0
"""How long an upstream may take to say what it speaks."""
PROVISIONAL_SECONDS: Final = 60.0
"""How long it counts as legacy when it said nothing that could be understood."""
CONTRADICTION_SECONDS: Final = 5.0
"""How often, at most, a contradiction has it asked anew."""

_REFUSAL_LIMIT: Final = 1024 * 1024
_OF_A_MODERN_SERVER: Final = frozenset(
    (HEADER_MISMATCH, INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND, MISSING_CAPABILITY)
)
"""Errors with which a server of 2026-07-28 refuses a request that it understood."""


class _Request(NamedTuple):
    method: str
    headers: Sequence[Header]
    body: bytes | memoryview | None
    path_suffix: str
    allowance: Allowance

    @property
    def asks(self) -> str | None:
        """The JSON-RPC method of a request, None for anything else."""
        if self.method != "POST" or self.body is None:
            return None
        message = parse_message(bytes(self.body))
        return message.method if message.kind == "request" else None

    @property
    def initializes(self) -> bool:
        """Whether it asks for a session."""
        named = find(self.headers, SESSION_ID) is not None
        if named or self.body is None or b"initialize" not in bytes(self.body):
            return False
        return self.asks == "initialize"

    def send(self, port: Port) -> Coroutine[Any, Any, Response]:
        """Sends it, with the time that is left."""
        return port.send(
            self.method,
            self.headers,
            self.body,
            path_suffix=self.path_suffix,
            timeout=self.allowance.left,
        )


class Eras:
    """A `helio.upstream.port.Port` for requests of either era on a port that may speak one.

    `pinned` is a revision: the upstream is then taken to speak its era, and is never asked. Raises
    `helio.protocol.revisions.UnknownRevision` for one that Helio does not know. `parameters_of`
    gives the arguments of a tool that go into headers.
    """

    def __init__(
        self,
        port: Port,
        *,
        pinned: str | None = None,
        parameters_of: ParametersOf = no_parameters,
        probe_seconds: float = PROBE_SECONDS,
    ) -> None:
        pinned_era = None if pinned is None else era(pinned)
        self._port = port
        self._probe_seconds = probe_seconds
        revision = pinned if pinned is not None and pinned_era == "legacy" else LATEST_LEGACY
        self._modern_agents = ModernAgents(port, revision=revision)
        self._legacy_agents = LegacyAgents(port, parameters_of=parameters_of)
        self._pinned = pinned is not None
        self._spoken = Spoken()
        if pinned_era is not None:
            self._spoken = Spoken(modern=pinned_era == "modern", legacy=pinned_era == "legacy")
        self._until: float | None = None
        self._asked_at = float("-inf")
        self._flight: asyncio.Task[None] | None = None

    @property
    def spoken(self) -> Spoken:
        """What the upstream speaks, as far as that is known."""
        return self._spoken

    def send(
        self,
        method: str,
        headers: Sequence[Header],
        body: bytes | memoryview | None,
        *,
        path_suffix: str = "",
        timeout: float | None,
    ) -> Coroutine[Any, Any, Response]:
        """See `helio.upstream.port.Port`."""
        request = _Request(method, headers, body, path_suffix, Allowance(timeout))
        revision = find(headers, PROTOCOL_VERSION)
        if revision is None or is_legacy(revision.decode("latin-1").strip(" \t")):
            return self._from_legacy(request)
        return self._from_modern(request)

    async def aclose(self) -> None:
        """See `helio.upstream.port.Port`."""
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.gather(self._flight, return_exceptions=True)
        await self._modern_agents.aclose()
        await self._legacy_agents.aclose()
        await self._port.aclose()

    async def _from_modern(self, request: _Request, *, again: bool = False) -> Response:
        await self._know_modern(request)
        straight = self._spoken.modern is not False
        response = await request.send(self._port if straight else self._modern_agents)
        if response.status < 400 or again or self._pinned:
            return response
        refusal, code = await _read(response)
        contradicts = code == UNSUPPORTED_REVISION or (
            straight and refusal.status in (400, 404, 405) and code not in _OF_A_MODERN_SERVER
        )
        if not contradicts or not await self._asked_again(request):
            return refusal
        if (self._spoken.modern is not False) == straight:
            return refusal
        if code != UNSUPPORTED_REVISION and request.asks == "tools/call":
            # It may have run, whatever the refusal says.
            return refusal
        return await self._from_modern(request, again=True)

    async def _from_legacy(self, request: _Request) -> Response:
        """Straight, until the upstream is known not to speak it: its own answer to an agent's
        `initialize` says that best. Servers that speak both eras may name one."""
        session_id = find(request.headers, SESSION_ID)
        bridged = session_id is not None and self._legacy_agents.knows(session_id)
        if bridged or self._spoken.legacy is False:
            return await request.send(self._legacy_agents)
        if self._spoken.legacy is None and request.initializes:
            return await self._first_session(request)
        response = await request.send(self._port)
        if response.status < 400 or self._pinned:
            return response
        refusal, code = await _read(response)
        if code != UNSUPPORTED_REVISION or not await self._asked_again(request):
            return refusal
        return await self._bridged_if_modern(request, refusal)

    async def _first_session(self, request: _Request) -> Response:
        """An `initialize` at an upstream that nobody has opened a session at."""
        response = await request.send(self._port)
        asked = await read_answer(response, _REFUSAL_LIMIT)
        response.close()
        described = [header for header in asked.headers if header[0] != b"content-type"]
        if asked.result is not None:
            self._spoken = self._spoken._replace(legacy=True)
            return WholeResponse(asked.status, asked.body, described)
        refusal = WholeResponse(asked.status, asked.body, asked.headers)
        if asked.error is not None:
            refusal = WholeResponse(asked.status, asked.body, described)
        if asked.status in NO_VERDICT or asked.status >= 500:
            return refusal
        try:
            await self._know_modern(request)
        except UpstreamFailed as failure:
            logger.info("the upstream did not say what it speaks: %s", failure)
            return refusal
        return await self._bridged_if_modern(request, refusal)

    async def _bridged_if_modern(self, request: _Request, refusal: WholeResponse) -> Response:
        """Goes on by the bridge when the upstream speaks 2026-07-28: it refused the very era,
        whatever revisions it names."""
        if not self._spoken.modern:
            return refusal
        self._spoken = Spoken(modern=True, legacy=False)
        return await request.send(self._legacy_agents)

    # Finding out.

    async def _know_modern(self, request: _Request) -> None:
        """Has `spoken.modern` known, unless the upstream does not say it to this caller."""
        if self._spoken.modern is None:
            await request.allowance.spend(asyncio.shield(self._take_off(request.headers)))
        elif self._until is not None and asyncio.get_running_loop().time() >= self._until:
            # Nobody waits for what may well be silence again.
            self._take_off(request.headers)

    def _take_off(self, headers: Sequence[Header]) -> asyncio.Task[None]:
        if self._flight is None:
            self._flight = asyncio.create_task(self._find_out(headers))
            self._flight.add_done_callback(self._landed)
        return self._flight

    def _landed(self, flight: asyncio.Task[None]) -> None:
        self._flight = None
        if not flight.cancelled():
            flight.exception()  # Those who wait get it; there may be none left.

    async def _asked_again(self, request: _Request) -> bool:
        """After a contradiction: whether the upstream said anew what it speaks. Not when it was
        asked a moment ago."""
        now = asyncio.get_running_loop().time()
        if self._flight is None and now - self._asked_at < CONTRADICTION_SECONDS:
            return False
        logger.info("an upstream contradicts what it spoke: it is asked again")
        self._spoken = Spoken()
        try:
            await self._know_modern(request)
        except UpstreamFailed as failure:
            logger.info("the upstream did not say what it speaks: %s", failure)
        return self._spoken.modern is not None

    async def _find_out(self, headers: Sequence[Header]) -> None:
        self._asked_at = asyncio.get_running_loop().time()
        body = discovery(VERSION)
        sent = [
            *callers_headers(headers),
            ACCEPT_BOTH,
            CONTENT_TYPE,
            *headers_for(parse_message(body)),
        ]
        try:
            asked = await ask(self._port, sent, body, seconds=self._probe_seconds)
        except UpstreamFailed as failure:
            if not failure.sent:
                raise
            # There are servers that fall silent, or end, at what they do not know.
            self._until = asyncio.get_running_loop().time() + PROVISIONAL_SECONDS
            self._spoken = Spoken(modern=False, legacy=True)
            return
        self._until = None
        told = judged(asked)
        # What an agent's own session showed counts for more than what is named.
        shown = told.legacy if told.legacy is not None else self._spoken.legacy
        self._spoken = Spoken(told.modern, shown)


async def _read(response: Response) -> tuple[WholeResponse, int | None]:
    """A refusal, read, and the code of the JSON-RPC error in it."""
    body = await response.read(_REFUSAL_LIMIT)
    answer = inspect_answer(body)
    code = None if answer is None else answer.error_code
    return WholeResponse(response.status, body, response.headers), code
