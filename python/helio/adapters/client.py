"""The decision API of the SDK port: asked before a call, told after it.

Above: the adapters. Below: `decisions`, `helio.sdk`. Threads may share a client. Whatever is not an
answer raises `HelioError`: who asks must not make the call then.
"""

import logging
import os
import time
from threading import Event
from typing import Any, Literal
from urllib.parse import quote

from helio.adapters.decisions import Blocked, Call, Evaluation
from helio.sdk.client import DEFAULT_URL
from helio.sdk.connections import Connections
from helio.sdk.errors import HelioError

TOKEN_VARIABLE = "HELIO_ADAPTER_TOKEN"  # noqa: S105 - the name of a variable
URL_VARIABLE = "HELIO_SDK_URL"

LONGEST_WAIT = 330.0
"""Seconds that a person is waited for: a little more than `approval.timeout` is by default."""
_PAUSE = 0.5

Status = Literal["success", "error", "not_executed"]
logger = logging.getLogger(__name__)


class AdapterClient:
    """Helio's SDK port at `url`, by default that of `HELIO_SDK_URL`, else this machine's. `timeout`
    is in seconds for each request; `token` is by default that of `HELIO_ADAPTER_TOKEN`.
    """

    def __init__(
        self, url: str | None = None, *, timeout: float = 5.0, token: str | None = None
    ) -> None:
        self._port = Connections(
            url or os.environ.get(URL_VARIABLE) or DEFAULT_URL, timeout, token, TOKEN_VARIABLE
        )

    def evaluate(self, call: Call) -> Evaluation:
        """What Helio decides about a call. Raises `HelioError` when there is no decision."""
        return self._evaluation(self._port.ask("POST", "/evaluate", call.as_body()))

    def decide(
        self, call: Call, wait: float = LONGEST_WAIT, given_up: Event | None = None
    ) -> Evaluation:
        """What Helio decides in the end: a call that is held while a person is asked is waited for,
        at most `wait` seconds, or until it is `given_up`. Helio is told when nobody waits any more:
        an approval that comes later is for the same call when it is asked about again. Raises
        `HelioError`.
        """
        evaluation = self.evaluate(call)
        if evaluation.ticket is None:
            return evaluation
        try:
            evaluation = self._decided(evaluation, wait, given_up or Event())
        except BaseException:
            self._leave(evaluation)
            raise
        if evaluation.ticket is not None:
            self._leave(evaluation)
        return evaluation

    def require(
        self, call: Call, wait: float = LONGEST_WAIT, given_up: Event | None = None
    ) -> Evaluation:
        """The decision, if the call may be made. Raises `Blocked` if not, and `HelioError`."""
        evaluation = self.decide(call, wait, given_up)
        if not evaluation.allowed:
            raise Blocked(evaluation.text, evaluation)
        return evaluation

    def audit(
        self,
        evaluation_id: str,
        status: Status,
        *,
        result: Any = None,
        error: str | None = None,
        duration_ms: float | None = None,
    ) -> None:
        """Tells how an evaluated call ended; the same may be told again. Raises `HelioError`."""
        told = {
            "evaluation_id": evaluation_id,
            "status": status,
            "result": result,
            "error": error,
            "duration_ms": duration_ms,
        }
        self._port.ask(
            "POST", "/audit", {name: value for name, value in told.items() if value is not None}
        )

    def close(self) -> None:
        """Closes the connections. The client may be used again."""
        self._port.close()

    def _decided(self, evaluation: Evaluation, wait: float, given_up: Event) -> Evaluation:
        """Asks again and again what became of a call that is held."""
        until = time.monotonic() + wait
        while (ticket := evaluation.ticket) is not None and time.monotonic() < until:
            if given_up.wait(min(_PAUSE, wait)):
                break
            answer = self._port.ask("GET", f"/approval/{quote(ticket, '')}")
            over = "decision" not in answer
            evaluation = evaluation.ended(answer) if over else self._evaluation(answer)
        return evaluation

    def _leave(self, evaluation: Evaluation) -> None:
        """Nobody waits for this call any more. Where Helio cannot be told, an approval that comes
        later is used up by it."""
        try:
            self.audit(evaluation.evaluation_id, "not_executed")
        except HelioError as error:
            logger.warning("Helio was not told that nobody waits for a call: %s", error)

    @staticmethod
    def _evaluation(answer: dict[str, Any]) -> Evaluation:
        try:
            return Evaluation.of(answer)
        except (KeyError, TypeError) as error:
            raise HelioError(f"this is no decision of Helio's: {answer!r}") from error
