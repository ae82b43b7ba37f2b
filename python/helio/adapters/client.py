"""The decision API of the SDK port: asked before a call, told after it.

Above: the adapters. Below: `decisions`, `helio.sdk`. Threads may share a client. Whatever is not an
answer raises `HelioError`: who asks must not make the call then.
"""

import json
import logging
import os
import time
from threading import Event
from typing import Any, Literal
from urllib.parse import quote

from helio.adapters.decisions import Blocked, Call, Evaluation
from helio.sdk.client import DEFAULT_URL
from helio.sdk.connections import Answer, Connections
from helio.sdk.errors import HelioError, RequestRefused, TokenRefused

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
        self._connections = Connections(url or os.environ.get(URL_VARIABLE) or DEFAULT_URL, timeout)
        self._token = token

    def evaluate(self, call: Call) -> Evaluation:
        """What Helio decides about a call. Raises `HelioError` when there is no decision."""
        return self._evaluation(self._send("POST", "/evaluate", call.as_body()))

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
        self._send(
            "POST", "/audit", {name: value for name, value in told.items() if value is not None}
        )

    def close(self) -> None:
        """Closes the connections. The client may be used again."""
        self._connections.close()

    def _decided(self, evaluation: Evaluation, wait: float, given_up: Event) -> Evaluation:
        """Asks again and again what became of a call that is held."""
        until = time.monotonic() + wait
        while (ticket := evaluation.ticket) is not None and time.monotonic() < until:
            if given_up.wait(min(_PAUSE, wait)):
                break
            answer = self._send("GET", f"/approval/{quote(ticket, '')}")
            over = isinstance(answer.body, dict) and "decision" not in answer.body
            evaluation = evaluation.ended(answer.body) if over else self._evaluation(answer)
        return evaluation

    def _leave(self, evaluation: Evaluation) -> None:
        """Nobody waits for this call any more. Where Helio cannot be told, an approval that comes
        later is used up by it."""
        try:
            self.audit(evaluation.evaluation_id, "not_executed")
        except HelioError as error:
            logger.warning("Helio was not told that nobody waits for a call: %s", error)

    @staticmethod
    def _evaluation(answer: Answer) -> Evaluation:
        try:
            return Evaluation.of(answer.body)
        except (KeyError, TypeError) as error:
            raise HelioError(f"this is no decision of Helio's: {answer.body!r}") from error

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        token = self._token or os.environ.get(TOKEN_VARIABLE)
        if not token:
            raise HelioError(
                f"{TOKEN_VARIABLE} is not set: give `helio start` and this program the same token"
            )
        headers = {"authorization": f"Bearer {token}"}
        raw = None
        if body is not None:
            headers["content-type"] = "application/json"
            raw = _json(body)
        answer = self._connections.send(method, path, raw, headers)
        if answer.status not in (200, 201):
            raise _refusal(answer)
        return answer


def _json(body: dict[str, Any]) -> bytes:
    try:
        return json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise HelioError(f"this is not JSON: {error}") from error


def _refusal(answer: Answer) -> RequestRefused:
    body = answer.body if isinstance(answer.body, dict) else {}
    text = str(body.get("error", f"no answer of Helio's SDK port (HTTP {answer.status})"))
    kind = TokenRefused if answer.status in (401, 403) else RequestRefused
    return kind(text, answer.status, str(body.get("reason", "")))
