"""What others say of sessions: evidence marks, recorded before a call can rest on them; context.

Above: the doors of the SDK and of adapters. Below: `helio.audit` (the journal),
`helio.governance.sessions`.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import orjson

from helio.audit.journal import Journal
from helio.errors import JournalUnavailable, UnaskedEvidence
from helio.evaluator import Redactor, canonical_json
from helio.governance.feedback import instant
from helio.governance.identity import SessionIdentity
from helio.governance.sealing import shown_value
from helio.governance.session_journal import mark_data
from helio.governance.sessions import Mark, Sessions, check_size
from helio.pipeline.governance import ActivePolicy
from helio.runtime import clock


class PreparedMark(NamedTuple):
    """A mark that may be kept, and its record."""

    mark: Mark
    row: Mapping[str, object]


class Marking:
    """Marks and context of one Helio; `policy` is the one that holds now."""

    def __init__(
        self,
        journal: Journal,
        sessions: Sessions,
        policy: Callable[[], ActivePolicy],
        redactor: Redactor,
    ) -> None:
        self._journal = journal
        self._redactor = redactor
        self._sessions = sessions
        self._policy = policy

    async def mark(
        self,
        session: SessionIdentity,
        agent: str | None,
        names: tuple[str, ...],
        data: bytes,
        ttl_ns: int,
    ) -> None:
        """Keeps one mark: `prepare`, then `keep`."""
        await self.keep([self.prepare(session, agent, names, data, ttl_ns)])

    def prepare(
        self,
        session: SessionIdentity,
        agent: str | None,
        names: tuple[str, ...],
        data: bytes,
        ttl_ns: int,
    ) -> PreparedMark:
        """That `data` (a JSON text) was looked at, under those `names` that a rule asks for, ready
        to be kept.

        Raises `UnaskedEvidence` when no rule asks for any of them, `DocumentTooLarge`, and
        ValueError for data that is not strict JSON, for a time that is not positive and for an
        unknown session.
        """
        asked = tuple(name for name in names if name in self._policy().evidence_names)
        if not asked:
            raise UnaskedEvidence(names)
        if ttl_ns <= 0:
            raise ValueError("evidence counts for a time that is positive")
        mark = Mark(_key(session, agent), asked, self._redactor.sealed(data), ttl_ns)
        check_size("a mark's data", mark.data)
        row = _row(session, agent) | mark_data(mark) | {"metadata": self._told(mark, data)}
        return PreparedMark(mark, row)

    async def keep(self, prepared: Sequence[PreparedMark]) -> None:
        """Keeps marks; they count, and are on the disk, when this returns.

        Raises `JournalUnavailable`, after which none of them counts.
        """
        now = clock.now().monotonic
        written: list[asyncio.Future[None]] = []
        failure: BaseException | None = None
        try:
            for each in prepared:
                self._sessions.mark(each.mark, now)
                # Calls that rest on it are recorded behind it: they cannot be kept if it is not.
                written.append(self._journal.append_durable("evidence", each.row))
        except JournalUnavailable as error:
            failure = error
        try:
            results = await asyncio.gather(*written, return_exceptions=True)
            failure = failure or next((found for found in results if found is not None), None)
            if failure is not None:
                raise failure
        except BaseException:
            for each in prepared:
                self._sessions.unmark(each.mark)
            raise

    async def put_context(
        self, session: SessionIdentity, agent: str | None, name: str, value: bytes
    ) -> None:
        """Keeps a JSON text under a name of the session's context, which people can look at and
        nothing rests on.

        Raises ValueError for one that is not strict JSON, one too many and for an unknown session,
        `DocumentTooLarge`, and `JournalUnavailable`.
        """
        key = _key(session, agent)
        text = shown_value(self._redactor, name, canonical_json(value).decode())
        self._sessions.put_context(key, name, text, clock.now().monotonic)
        data = {"session": key, "name": name, "value": text}
        await self._journal.append_durable("context", _row(session, agent) | data)

    def _told(self, mark: Mark, data: bytes) -> str:
        """A mark as its row of the audit tells of it, every digit of its data as it came."""
        names = orjson.dumps(mark.names).decode()
        shown = (self._redactor.document(canonical_json(data)) or b"null").decode()
        return f'{{"names":{names},"data":{shown},"ttl_ns":{mark.ttl_ns}}}'


def _key(session: SessionIdentity, agent: str | None) -> str:
    key = session.key(agent)
    if key is None:
        raise ValueError("the session is unknown")
    return key


def _row(session: SessionIdentity, agent: str | None) -> dict[str, object]:
    """The audit's own columns of such a record."""
    return {
        "timestamp": instant(clock.now().wall),
        "session_id": session.id,
        "session_source": session.source,
        "agent_id": agent,
    }
