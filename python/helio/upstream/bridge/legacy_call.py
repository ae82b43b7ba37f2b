"""A request of a legacy agent at a 2026-07-28 upstream, over all the rounds that this takes.

What an `input_required` result asks becomes requests of the server on the call's own event stream;
the agent's responses go into the retry (2026-07-28, Multi Round-Trip Requests).

Above: `helio.upstream.bridge.legacy_agent`. Below: the upstream's port.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Sequence
from typing import Final

import orjson

from helio.errors import UpstreamFailed
from helio.evaluator import Answer, Message, inspect_answer
from helio.protocol.headers import Header
from helio.protocol.jsonrpc import INTERNAL_ERROR, error_answer
from helio.protocol.modern import Parameters, input_required
from helio.protocol.modern.document import text as said
from helio.upstream.bridge.agent_session import AgentSession, Reply
from helio.upstream.bridge.envelope import legacy_refusal, under
from helio.upstream.bridge.splicing import is_object, members_of, raw
from helio.upstream.made import StreamResponse, WholeResponse
from helio.upstream.messages import MESSAGE_LIMIT, Asked, events, is_event_stream
from helio.upstream.port import Port, Response

MAX_ROUNDS: Final = 16
ANSWER_SECONDS: Final = 3600.0
"""How long an agent, or the person behind it, may take to answer what one round asks."""
LEAST_PAUSE: Final = 0.05
MOST_PAUSE: Final = 1.0
"""How long to wait before a round that asks nothing is followed by the next."""

_CAPABILITIES: Final = {
    "sampling/createMessage": "sampling",
    "elicitation/create": "elicitation",
    "roots/list": "roots",
}


class _Refused(Exception):
    """The agent does not answer what the upstream has to know; the text says why."""


class LegacyCall:
    """One call. `response` gives its answer's head; `stop` gives it up.

    Raises `ValueError` for a request whose parameters cannot hold an envelope.
    """

    def __init__(
        self,
        port: Port,
        session: AgentSession,
        message: Message,
        headers: Sequence[Header],
        *,
        parameters: Parameters | None,
        silence: float | None,
    ) -> None:
        self._port = port
        self._session = session
        self._message = message
        self._identifier = message.id or b"null"
        self._headers = headers
        self._parameters = parameters
        self._silence = silence
        self._stream: StreamResponse | None = None
        self._first = session.request(message, headers, parameters)
        self._head: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self.task = asyncio.create_task(self._run())
        session.begin(self._identifier, self.stop)

    async def response(self) -> Response:
        """The answer, when it is known whether it is a stream. Raises `UpstreamFailed`."""
        try:
            async with asyncio.timeout(self._silence):
                return await asyncio.shield(self._head)
        except TimeoutError:
            self.stop()
            detail = f"nothing from the upstream within {self._silence} s"
            raise UpstreamFailed("timeout", sent=True, detail=detail) from None
        except asyncio.CancelledError:
            self.stop()
            raise

    def stop(self) -> None:
        """Nobody waits for it any more: the upstream's stream is closed, which cancels the call."""
        self.task.cancel()

    async def _run(self) -> None:
        try:
            await self._deliver(await self._rounds())
        except UpstreamFailed as failure:
            self._fail(failure)
        except asyncio.CancelledError:
            detail = "the call was cancelled or given up"
            self._fail(UpstreamFailed("closed", sent=True, detail=detail))
            raise
        finally:
            self._session.done(self._identifier, self.stop)

    async def _rounds(self) -> Asked:
        """The final answer, as the upstream gave it."""
        headers, body = self._first
        pause = LEAST_PAUSE
        for _ in range(MAX_ROUNDS):
            asked = await self._exchange(headers, body)
            answer = inspect_answer(asked.body)
            if answer is None or input_required(answer) is None:
                return asked
            try:
                responses = await self._collect(answer)
            except _Refused as refused:
                return self._error(str(refused))
            if not responses:
                await asyncio.sleep(pause)
                pause = min(2 * pause, MOST_PAUSE)
            headers, body = self._session.request(
                self._message,
                self._headers,
                self._parameters,
                _of_the_retry(answer, responses),
                b'"helio-%b"' % secrets.token_urlsafe(16).encode(),
            )
        return self._error(f"the upstream asked for more than {MAX_ROUNDS} times")

    async def _exchange(self, headers: Sequence[Header], body: bytes) -> Asked:
        """Sends one round, relays what comes before its answer, and gives that."""
        response = await self._port.send("POST", headers, body, timeout=self._silence)
        if not is_event_stream(response):
            read = await response.read(MESSAGE_LIMIT)
            return Asked(response.status, response.headers, read)
        async with contextlib.aclosing(events(response)) as received:
            async for event in received:
                message = inspect_answer(event.data) if event.data else None
                if message is None:
                    continue
                if message.kind == "response":
                    return Asked(response.status, response.headers, message.body)
                await self._tell(message.body)
        detail = "the event stream ended without an answer"
        raise UpstreamFailed("closed", sent=True, detail=detail)

    async def _collect(self, answer: Answer) -> dict[str, bytes]:
        """Asks the agent what the upstream has to know; raw results by the upstream's key.

        Raises `_Refused` when the agent cannot or will not answer.
        """
        waiting: dict[str, tuple[str, asyncio.Future[Reply]]] = {}
        try:
            for key, *_ in answer.members("result", "inputRequests"):
                method = said(raw(answer, "result", "inputRequests", key, "method")) or ""
                self._check(method)
                params = raw(answer, "result", "inputRequests", key, "params")
                identifier, reply = self._session.ask()
                waiting[key] = (method, reply)
                await self._tell(_question(identifier, method, params))
            async with asyncio.timeout(ANSWER_SECONDS):
                return {
                    key: _result(method, await reply) for key, (method, reply) in waiting.items()
                }
        except TimeoutError:
            raise _Refused("the agent did not answer in time") from None
        finally:
            for _, reply in waiting.values():
                reply.cancel()

    def _check(self, method: str) -> None:
        capability = _CAPABILITIES.get(method)
        declared = {name for name, *_ in members_of(self._session.capabilities)}
        if capability not in declared:
            raise _Refused(f"the upstream asks for {method[:64]!r}, which the agent cannot do")

    async def _tell(self, message: bytes) -> None:
        """Gives the agent a message before the answer."""
        if self._stream is None:
            self._stream = StreamResponse(timeout=None, on_close=self.stop)
            self._head.set_result(self._stream)
        self._stream.put(message)
        await self._stream.room()

    async def _deliver(self, asked: Asked) -> None:
        answer = inspect_answer(asked.body)
        if answer is None or answer.kind != "response":
            if self._stream is not None:
                detail = f"HTTP {asked.status} in place of the answer"
                raise UpstreamFailed("protocol_error", sent=True, detail=detail)
            self._head.set_result(legacy_refusal(asked, self._identifier))
            return
        body = under(answer, self._identifier)
        if self._stream is None:
            self._head.set_result(WholeResponse(200, body))
        else:
            self._stream.put(body)
            self._stream.end()

    def _fail(self, failure: UpstreamFailed) -> None:
        if self._stream is not None:
            self._stream.fail(failure)
        elif not self._head.done():
            self._head.set_exception(failure)
            # Whoever waited may have gone.
            self._head.exception()

    def _error(self, why: str) -> Asked:
        return Asked(200, (), error_answer(self._identifier, INTERNAL_ERROR, why))


def _question(identifier: bytes, method: str, params: bytes | None) -> bytes:
    members = b'"jsonrpc":"2.0","id":%b,"method":%b' % (identifier, orjson.dumps(method))
    if params is not None:
        members += b',"params":' + params
    return b"{" + members + b"}"


def _result(method: str, reply: Reply) -> bytes:
    """The raw result of a reply; there is no place for an error in a retry."""
    if reply.result is not None and is_object(reply.result):
        return reply.result
    why = (reply.error or b"no result")[:200].decode("utf-8", "replace")
    raise _Refused(f"the agent refused {method}: {why}")


def _of_the_retry(answer: Answer, responses: dict[str, bytes]) -> dict[str, bytes]:
    """The parameters that a retry has beside those of the call."""
    params: dict[str, bytes] = {}
    if responses:
        members = b",".join(b"%b:%b" % (orjson.dumps(key), text) for key, text in responses.items())
        params["inputResponses"] = b"{" + members + b"}"
    state = raw(answer, "result", "requestState")
    if state is not None:
        params["requestState"] = state
    return params
