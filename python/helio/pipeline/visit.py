"""One call in its session: what it asks of it, and what it leaves there. Pure.

Above: `helio.pipeline.machine`. Below: `helio.governance.sessions`. A call without a known session
asks nothing and leaves nothing, nor does what is no call of a tool.
"""

from typing import Self, cast

from helio.governance.session_journal import outcome_facts, visit_data
from helio.governance.sessions import MAX_DOCUMENT, Result, Visit
from helio.pipeline.bodies import about
from helio.pipeline.commands import Command, EnterSession, LeaveSession, LoadFacts
from helio.pipeline.events import CallReceived, UpstreamAnswered
from helio.pipeline.governance import Governance


class SessionVisit:
    """The session's side of one call, under the policy that the call began with."""

    __slots__ = ("_about", "_message", "_policy", "_redactor", "_session", "_visit")

    def __init__(self, received: CallReceived, governance: Governance) -> None:
        self._policy = policy = governance.policy
        self._redactor = governance.redactor
        is_call = received.kind == "tool_call"
        self._session = received.session.key(received.agent) if is_call else None
        self._message = received.message
        self._visit: Visit | None = None
        self._about: bytes | None = None
        if self._session is not None:
            tool = cast("str", received.message.tool)
            asked = tool in policy.session_names
            self._visit = Visit(self._session, received.call_id, tool, (), asked)

    @classmethod
    def resumed(
        cls,
        received: CallReceived,
        governance: Governance,
        visit: Visit | None,
        about: bytes | None,
    ) -> Self:
        """Of a call that another process forwarded: its `visit`, if it has one, and what it was
        about where a rule asked that."""
        found = cls(received, governance)
        found._visit = visit
        found._about = about
        return found

    def load(self) -> list[Command]:
        """Asks for the facts, if a rule does."""
        if self._session is None or not self._policy.needs_session:
            return []
        return [LoadFacts(self._session, self._policy.session_names)]

    def bear(self, labels: tuple[str, ...]) -> None:
        """The call puts these labels on its session, if it is forwarded."""
        if self._visit is not None:
            self._visit = self._visit._replace(labels=labels)

    def intent(self) -> dict[str, object]:
        """What the intent's record says of it."""
        return {} if self._visit is None else {"facts": visit_data(self._visit)}

    def about(self) -> dict[str, object]:
        """What the intent of a call that another process may go on with says beside that."""
        self._about = self._looked_up()
        return {} if self._about is None else {"about": self._about.decode()}

    def enter(self) -> list[Command]:
        """The call is about to be forwarded."""
        return [] if self._visit is None else [EnterSession(self._visit)]

    def answered(self, event: UpstreamAnswered, outcome: dict[str, object]) -> list[Command]:
        """The upstream answered; says in the `outcome`'s record whether the tool succeeded.

        An error is no success, nor is an answer that asks for a further round.
        """
        if self._visit is None:
            return []
        if event.error is not None or event.asks is not None:
            return self.leave("failed")
        arguments = self._looked_up()
        outcome["facts"] = outcome_facts(arguments)
        return [LeaveSession(self._visit, "succeeded", arguments)]

    def _looked_up(self) -> bytes | None:
        """What the call was about, where a rule may ask, and as far as it is kept."""
        if self._about is not None:
            return self._about
        if self._visit is None or self._visit.tool not in self._policy.bound_names:
            return None
        arguments = about(self._message, self._redactor)
        return arguments if len(arguments) <= MAX_DOCUMENT else None

    def leave(self, result: Result) -> list[Command]:
        """The call did not succeed, as far as anybody knows, or nobody got it."""
        return [] if self._visit is None else [LeaveSession(self._visit, result, None)]
