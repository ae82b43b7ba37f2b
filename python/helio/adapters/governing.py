"""A call of an agent's own tool, from the question whether it may be made to how it ended.

Above: the frameworks' adapters, programs. Below: `client`, `decisions`. Synchronous and
asynchronous alike; Helio is asked in a thread where a loop runs.
"""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from threading import Event
from typing import Any, TypeVar

from helio.adapters.client import LONGEST_WAIT, AdapterClient, Status
from helio.adapters.decisions import Blocked, Call, Evaluation
from helio.sdk.errors import HelioError

Result = TypeVar("Result")
logger = logging.getLogger(__name__)


class ToolFailed(Exception):
    """A tool that says in its `result` that it failed, in place of raising."""

    def __init__(self, text: str, result: Any) -> None:
        super().__init__(text)
        self.result = result


def as_json(result: object) -> object:
    """A result as JSON has it; what JSON has no form for as text."""
    try:
        json.dumps(result, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return str(result)
    return result


@dataclass(frozen=True, slots=True)
class Governor:
    """Makes calls that Helio lets through. `origin` names the program, `session_id` the task that
    calls belong to, `agent_id` whose they are; `metadata` is what `match.metadata` sees, and
    `wait` how many seconds a person is waited for.
    """

    client: AdapterClient
    origin: str
    session_id: str | None = None
    agent_id: str | None = None
    metadata: Mapping[str, Any] | None = None
    wait: float = LONGEST_WAIT

    def run(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        function: Callable[[], Result],
        told: Callable[[Result], object] = as_json,
    ) -> Result:
        """What `function` gives, if the call may be made. Raises `Blocked` if not, without a
        decision too, and whatever `function` raises. `told` makes of a result what Helio is told.
        """
        evaluation, began = self._begin(tool, arguments), time.monotonic()
        try:
            result = function()
        except BaseException as error:
            self._end(evaluation, "error", began, error=_said(error))
            raise
        self._end(evaluation, "success", began, result=told(result))
        return result

    async def run_async(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        function: Callable[[], Awaitable[Result]],
        told: Callable[[Result], object] = as_json,
    ) -> Result:
        """The same for a coroutine. Cancelled while Helio is asked, the call is given up."""
        evaluation = await self._begin_beside(tool, arguments)
        began = time.monotonic()
        try:
            result = await function()
        except BaseException as error:
            self._end(evaluation, "error", began, error=_said(error))
            raise
        await asyncio.to_thread(self._end, evaluation, "success", began, result=told(result))
        return result

    async def _begin_beside(self, tool: str, arguments: Mapping[str, Any]) -> Evaluation:
        """Asks in a thread. It cannot be cancelled, so it ends the evaluation of a call that nobody
        will make."""
        given_up = Event()

        def asked() -> Evaluation:
            evaluation = self._begin(tool, arguments, given_up)
            if given_up.is_set():
                self._end(evaluation, "not_executed")
            return evaluation

        try:
            return await asyncio.to_thread(asked)
        except asyncio.CancelledError:
            given_up.set()
            raise

    def _begin(
        self, tool: str, arguments: Mapping[str, Any], given_up: Event | None = None
    ) -> Evaluation:
        call = Call(
            self.origin,
            tool,
            arguments,
            session_id=self.session_id,
            agent_id=self.agent_id,
            metadata=self.metadata,
        )
        try:
            return self.client.require(call, self.wait, given_up)
        except HelioError as error:
            raise Blocked.undecided(error) from error

    def _end(
        self,
        evaluation: Evaluation,
        status: Status,
        began: float | None = None,
        *,
        result: object = None,
        error: str | None = None,
    ) -> None:
        """Tells how it ended. What was done is done: an end that cannot be told is logged, and
        Helio records that the evaluation expired.
        """
        took = None if began is None else (time.monotonic() - began) * 1000
        try:
            self.client.audit(
                evaluation.evaluation_id, status, result=result, error=error, duration_ms=took
            )
        except HelioError as failure:
            logger.warning("Helio was not told how a call ended: %s", failure)


def _said(error: BaseException) -> str:
    return str(error) if isinstance(error, ToolFailed) else f"{type(error).__name__}: {error}"
