"""A legacy upstream for 2026-07-28 agents: Helio holds the sessions that they do not have.

Above: `helio.upstream.eras`. Below: the sessions at the upstream (`held_session`).
Agents with the same credentials, capabilities and name share a session; each request gets an id
and a progress token of its own in it. What the server asks during a call becomes an
`input_required` result, and the retry that brings the answers continues the same call.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Final

import orjson

from helio.errors import UpstreamFailed
from helio.evaluator import Message, parse_message
from helio.protocol.headers import Header
from helio.protocol.jsonrpc import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    error_answer,
)
from helio.protocol.revisions import LATEST_LEGACY, LATEST_MODERN
from helio.upstream.allowance import Allowance
from helio.upstream.bridge.bridged_call import (
    Answered,
    BridgedCall,
    Note,
    Questions,
    Refused,
    Round,
    Step,
)
from helio.upstream.bridge.envelope import (
    Envelope,
    callers_headers,
    envelope_of,
    refusal,
    relayed,
)
from helio.upstream.bridge.held_session import HeldSession
from helio.upstream.bridge.listening import Listening
from helio.upstream.bridge.session_table import (
    IDLE_SECONDS,
    MAX_SESSIONS,
    Key,
    NoSession,
    SessionTable,
)
from helio.upstream.bridge.splicing import raw
from helio.upstream.bridge.suspended import SuspendedCalls, binding
from helio.upstream.bridge.translation import discovered, legacy_request, modern_answer
from helio.upstream.made import StreamResponse, WholeResponse
from helio.upstream.port import Port, Response

_REMOVED: Final = frozenset(
    (
        "initialize",
        "logging/setLevel",
        "ping",
        "resources/subscribe",
        "resources/unsubscribe",
    )
)
"""What only a session has (2026-07-28, Changes)."""


class ModernAgents:
    """A `helio.upstream.port.Port` for 2026-07-28 requests on a port of a legacy upstream.

    `revision` is what it asks the upstream for; the other options are of `SessionTable`. The port
    that it stands on is not closed with it.
    """

    def __init__(
        self,
        port: Port,
        *,
        revision: str = LATEST_LEGACY,
        max_sessions: int = MAX_SESSIONS,
        idle_seconds: float = IDLE_SECONDS,
        suspended: SuspendedCalls | None = None,
    ) -> None:
        self._sessions = SessionTable(
            port, revision=revision, max_sessions=max_sessions, idle_seconds=idle_seconds
        )
        self._suspended = SuspendedCalls() if suspended is None else suspended
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._sessions)

    async def send(
        self,
        method: str,
        headers: Sequence[Header],
        body: bytes | memoryview | None,
        *,
        path_suffix: str = "",
        timeout: float | None,  # noqa: ASYNC109 - between messages, not around the call
    ) -> Response:
        """See `helio.upstream.port.Port`."""
        if method != "POST" or body is None:
            return WholeResponse(405, b"", [(b"allow", b"POST")])
        message = parse_message(bytes(body))
        if message.kind != "request" or message.id is None:
            return WholeResponse(202)
        if message.method in _REMOVED:
            return refusal(message.id, METHOD_NOT_FOUND, f"{LATEST_MODERN} has no {message.method}")
        envelope = envelope_of(message)
        key = (callers_headers(headers), envelope.capabilities, envelope.info)
        try:
            return await self._answer(message, message.id, envelope, key, Allowance(timeout))
        except NoSession as refused:
            return relayed(refused.answer, message.id)

    async def aclose(self) -> None:
        """Ends the sessions that are held."""
        self._suspended.clear()
        await self._sessions.aclose()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _answer(
        self,
        message: Message,
        identifier: bytes,
        envelope: Envelope,
        key: Key,
        allowance: Allowance,
    ) -> Response:
        current = Round(identifier, message.progress_token, envelope.log_level)
        if message.span("params", "requestState") is not None:
            return await self._continue(message, current, key, allowance)
        session = await allowance.spend(self._sessions.session(key, envelope))
        if message.method == "server/discover":
            return _discovered(session, identifier)
        if message.method == "subscriptions/listen":
            return await _listen(session, message, identifier)
        return await self._call(message, key, envelope, current, allowance)

    async def _call(
        self,
        message: Message,
        key: Key,
        envelope: Envelope,
        current: Round,
        allowance: Allowance,
    ) -> Response:
        """Sends a request in its session; once more in another one when that was lost."""
        for last in (False, True):
            session = await allowance.spend(self._sessions.session(key, envelope))
            call = await allowance.spend(_begin(session, message, envelope, current))
            step = await self._first_step(call, allowance)
            if not isinstance(step, Refused) or step.answer.status != 404:
                break
            session.die()
            if message.method == "tools/call":
                detail = "the upstream had forgotten the session; this call was not sent again"
                raise UpstreamFailed("session_lost", sent=True, detail=detail)
            if last:
                break
        return self._respond(call, step, binding(message, key), allowance.seconds)

    async def _continue(
        self, message: Message, current: Round, key: Key, allowance: Allowance
    ) -> Response:
        """Answers a retry: the agent's answers go to the server, and the call goes on."""
        state = orjson.loads(raw(message, "params", "requestState") or b"null")
        bound_to = binding(message, key)
        call = self._suspended.take(state, bound_to)
        if call is None:
            why = "requestState is unknown, expired, used before, or of another request"
            return refusal(current.identifier, INVALID_PARAMS, why)
        call.round = current
        responses = {
            name: message.body[start:end]
            for name, _, start, end in message.members("params", "inputResponses")
        }
        try:
            await allowance.spend(call.answer(responses), sent=True)
        except BaseException:
            call.give_up("its agent's answers could not be handed on")
            raise
        step = await self._first_step(call, allowance)
        return self._respond(call, step, bound_to, allowance.seconds)

    async def _first_step(self, call: BridgedCall, allowance: Allowance) -> Step:
        """What comes first; it settles whether the answer is a stream."""
        try:
            return await allowance.spend(call.step(), sent=True)
        except UpstreamFailed as failure:
            if failure.reason == "timeout":
                call.give_up("the upstream was silent for too long")
            raise
        except asyncio.CancelledError:
            call.give_up("the agent does not wait any more")
            raise

    def _respond(
        self, call: BridgedCall, step: Step, bound_to: bytes, silence: float | None
    ) -> Response:
        if isinstance(step, Refused):
            return relayed(step.answer, call.round.identifier)
        if isinstance(step, Answered):
            return WholeResponse(step.status, step.message)
        if isinstance(step, Questions):
            return WholeResponse(200, self._asking(call, step, bound_to))
        stream = StreamResponse(
            timeout=silence,
            on_close=lambda: call.give_up("the agent does not wait any more"),
        )
        stream.put(step.message)
        self._in_background(self._relay(call, stream, bound_to))
        return stream

    async def _relay(self, call: BridgedCall, stream: StreamResponse, bound_to: bytes) -> None:
        """Carries a call's messages to the end of this round."""
        try:
            while not stream.closed:
                step = await call.step()
                if isinstance(step, Note):
                    stream.put(step.message)
                    await stream.room()
                    continue
                if isinstance(step, Refused):
                    detail = f"HTTP {step.answer.status} in place of the answer"
                    raise UpstreamFailed("protocol_error", sent=True, detail=detail)
                stream.put(
                    step.message
                    if isinstance(step, Answered)
                    else self._asking(call, step, bound_to)
                )
                stream.end()
                return
        except UpstreamFailed as failure:
            stream.fail(failure)

    def _asking(self, call: BridgedCall, asked: Questions, bound_to: bytes) -> bytes:
        """The result that asks the agent; an error when too many calls wait already."""
        identifier = call.round.identifier
        state = self._suspended.suspend(call, bound_to)
        if state is None:
            call.give_up("too many calls wait for their agents")
            return error_answer(
                identifier, INTERNAL_ERROR, "Too many calls wait for their agents; try again later."
            )
        requests = b",".join(
            b"%b:%b" % (orjson.dumps(name), request) for name, request in asked.requests.items()
        )
        return (
            b'{"jsonrpc":"2.0","id":%b,"result":{"resultType":"input_required",'
            b'"inputRequests":{%b},"requestState":%b}}'
            % (identifier, requests, orjson.dumps(state))
        )

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _begin(
    session: HeldSession, message: Message, envelope: Envelope, current: Round
) -> BridgedCall:
    try:
        await session.want_level(envelope.log_level)
    except UpstreamFailed as failure:
        raise UpstreamFailed(failure.reason, sent=False, detail=failure.detail) from None
    return session.call(
        lambda number: legacy_request(message, number),
        current,
        lambda answer, identifier: modern_answer(
            answer, identifier, message.method or "", session.server_info
        ),
    )


def _discovered(session: HeldSession, identifier: bytes) -> Response:
    body = discovered(
        identifier,
        revision=session.revision,
        capabilities=session.capabilities,
        instructions=session.instructions,
        server_info=session.server_info,
    )
    return WholeResponse(200, body)


async def _listen(session: HeldSession, message: Message, identifier: bytes) -> Response:
    listening = Listening(session, message, identifier)
    try:
        await listening.begin()
    except BaseException:
        listening.end()
        raise
    return listening.stream
