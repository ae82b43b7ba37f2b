"""What the application itself writes into the journal: its life, its policies, refused messages.

Above: `helio.app.application`. Below: `helio.audit`.
"""

import json
import logging

from helio.audit.journal import Journal
from helio.errors import JournalUnavailable
from helio.evaluator import Redactor
from helio.governance.feedback import instant
from helio.pipeline.bodies import refused
from helio.pipeline.events import Moment
from helio.pipeline.governance import ActivePolicy
from helio.pipeline.histories import Histories
from helio.runtime import clock

logger = logging.getLogger(__name__)


class Notes:
    """Writes records that are not of the driver's making."""

    def __init__(self, journal: Journal, environment: str | None, redactor: Redactor) -> None:
        self._journal = journal
        self._environment = environment
        self._redactor = redactor

    async def lifecycle(self, **details: object) -> None:
        """Helio began or ended. Raises `JournalUnavailable`."""
        await self._written("lifecycle", {"metadata": _told(**details)})

    async def first_policy(self, policy: ActivePolicy, loaded: Moment, changed: Histories) -> None:
        """What Helio starts with. Raises `JournalUnavailable`."""
        data = _policy_data(policy, loaded, **changed.told())
        await self._journal.append_written("policy_loaded", data)

    def policy(self, policy: ActivePolicy, loaded: Moment, **details: object) -> None:
        """A policy was loaded, or one was `refused` for this reason."""
        try:
            self._journal.append_soon("policy_loaded", _policy_data(policy, loaded, **details))
        except JournalUnavailable as error:
            logger.error("a change of the policy is not recorded: %s", error)

    async def rejected(
        self, policy: ActivePolicy, reason: str, detail: str, body: bytes, upstream: str | None
    ) -> None:
        """A message was refused before it could be judged."""
        now = clock.now()
        data: dict[str, object] = {
            "call_id": clock.new_call_id(now.wall),
            "record_kind": "tool_call",
            "timestamp": instant(now.wall),
            "environment": self._environment,
            "upstream": upstream,
            "origin": "mcp",
            "policy_decision": "rejected",
            "block_reason": reason,
            "policy_digest": policy.digest,
            "feedback": {"message": self._redactor.text(detail)},
        }
        if body:
            data["tool_input"] = refused(body, self._redactor)
        try:
            await self._journal.append_outcome("rejected", data)
        except JournalUnavailable as error:
            logger.error("a rejected message was not recorded: %s", error)

    async def _written(self, kind: str, data: dict[str, object]) -> None:
        record = {"record_kind": kind, "timestamp": instant(clock.now().wall), **data}
        await self._journal.append_written(kind, record)


def _policy_data(policy: ActivePolicy, loaded: Moment, **details: object) -> dict[str, object]:
    if policy.install is not None:
        details["install_digest"] = policy.install.digest
    return {
        "record_kind": "policy_loaded",
        "timestamp": instant(loaded.wall),
        "policy_digest": policy.digest,
        "metadata": _told(rules=len(policy.compiled.rules), **details),
    }


def _told(**details: object) -> str:
    """Details of a record that have no column of their own, as the JSON text of `metadata`."""
    return json.dumps(details)
