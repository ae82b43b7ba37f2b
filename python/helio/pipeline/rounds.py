"""One call among the rounds of a longer one (2026-07-28, Multi Round-Trip Requests). Pure.

Above: `helio.runtime.driver`. Below: `helio.governance.continuations`. Calls of earlier revisions
have one round, whatever stands in them: no upstream of theirs goes on from anything.
"""

from dataclasses import replace
from typing import cast

from helio.governance.continuations import Continuations, RoundKey, state_hash
from helio.pipeline.events import CallReceived
from helio.protocol.modern import Round, retried
from helio.protocol.revisions import is_modern


class CallRounds:
    """The place of one call; `received` says what it continues. Instants are monotonic."""

    def __init__(self, continuations: Continuations, received: CallReceived, now: int) -> None:
        self._continuations = continuations
        self._modern = is_modern(received.protocol_version)
        self.received = received
        brought = retried(received.message) if self._modern else None
        self._taken = None if brought is None else _key(received, brought)
        self._after = None if self._taken is None else continuations.take(self._taken, now)
        if self._after is not None:
            self.received = replace(received, continues=self._after.call_id)

    def answered(self, asks: Round | None, now: int) -> None:
        """The upstream answered, and `asks` for a further round if it is not None."""
        if self._modern and asks is not None:
            key = _key(self.received, asks)
            self._continuations.note(key, self.received.call_id, now, after=self._after)

    def end(self, now: int, *, sent: bool) -> None:
        """The call is over. If nobody got it, another round may be tried in its place."""
        if self._taken is not None and self._after is not None and not sent:
            self._continuations.give_back(self._taken, self._after, now)


def _key(received: CallReceived, round_: Round) -> RoundKey:
    return RoundKey(
        upstream=received.upstream,
        tool=cast("str", received.message.tool),
        arguments_hash=received.message.arguments_hash(),
        agent=received.agent,
        session=received.session.id,
        state=state_hash(round_.state),
    )
