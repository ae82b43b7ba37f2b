"""Calls that wait for their agent's retry, by the `requestState` that the retry will show.

Above: `helio.upstream.bridge.modern_agent`. Below: the calls. The states are unguessable, belong to
one call with its method, its arguments and its session, serve once, and expire.
"""

import asyncio
import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

from helio.evaluator import Message, canonical_json
from helio.upstream.bridge.bridged_call import BridgedCall
from helio.upstream.bridge.splicing import rebuilt

MAX_SUSPENDED: Final = 128
SUSPENDED_SECONDS: Final = 600.0

_OF_ONE_ROUND: Final = ("_meta", "inputResponses", "requestState")


def binding(message: Message, owner: object) -> bytes:
    """What a retry has in common with its first request: all but its id, envelope and answers.

    `owner` stands for the session and is compared by its text. Raises `ValueError` for parameters
    that are no strict JSON.
    """
    params = canonical_json(rebuilt(message, _OF_ONE_ROUND, {}, "params"))
    digest = hashlib.sha256()
    for part in (repr(owner).encode(), (message.method or "").encode(), params):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


@dataclass(slots=True)
class _Waiting:
    call: BridgedCall
    bound_to: bytes
    expiry: asyncio.TimerHandle


class SuspendedCalls:
    """At most `limit` calls, each for at most `seconds`."""

    def __init__(self, limit: int = MAX_SUSPENDED, seconds: float = SUSPENDED_SECONDS) -> None:
        self._limit = limit
        self._seconds = seconds
        self._waiting: dict[str, _Waiting] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def suspend(self, call: BridgedCall, bound_to: bytes) -> str | None:
        """The state that continues `call`; None when too many wait already."""
        if len(self._waiting) >= self._limit:
            return None
        state = secrets.token_urlsafe(32)
        expiry = asyncio.get_running_loop().call_later(self._seconds, self._expire, state)
        self._waiting[state] = _Waiting(call, bound_to, expiry)
        return state

    def take(self, state: object, bound_to: bytes) -> BridgedCall | None:
        """The call that a retry continues, once; None when there is none for this very retry."""
        if not isinstance(state, str):
            return None
        waiting = self._waiting.get(state)
        if waiting is None or not secrets.compare_digest(waiting.bound_to, bound_to):
            return None
        del self._waiting[state]
        waiting.expiry.cancel()
        return waiting.call

    def clear(self) -> None:
        """Gives every call up."""
        for state in tuple(self._waiting):
            self._waiting[state].expiry.cancel()
            self._expire(state)

    def _expire(self, state: str) -> None:
        self._waiting.pop(state).call.give_up("the agent did not answer in time")
