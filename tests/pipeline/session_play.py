"""Plays calls of sessions, one after the other, with what each leaves there for the next."""

import json
from dataclasses import replace
from typing import Any

from helio.governance.sessions import Sessions
from helio.pipeline.commands import (
    Answer,
    Command,
    EnterSession,
    Forward,
    LeaveSession,
    LoadFacts,
    RecordBlocked,
    RecordIntent,
    RecordOutcome,
)
from helio.pipeline.events import Event, FactsLoaded, Recorded
from helio.pipeline.governance import Governance
from pipeline.playbook import Play, answered, at, call, govern


class House:
    """Calls of one session after the other, with what they leave in it."""

    def __init__(self, policies: str, **facts: object) -> None:
        self.governance: Governance = govern(policies, **facts)
        self.sessions = Sessions()
        self.calls = 0
        self.commands: list[Command] = []

    def call(
        self,
        tool: str,
        arguments: bytes = b"{}",
        *,
        session: str | None = "s1",
        answer: Event | None = None,
        seconds: float = 0,
    ) -> dict[str, Any]:
        """The data of the call's first record."""
        self.calls += 1
        received = replace(call(tool, arguments, session=session), call_id=f"c{self.calls}")
        play = Play(self.governance)
        event: Event | None = received
        self.commands = []
        now = at(seconds)
        while event is not None:
            batch = play.send(event, now)
            self.commands += batch
            event = None
            for command in batch:
                match command:
                    case LoadFacts():
                        found = self.sessions.facts(command.session, command.names, now.monotonic)
                        event = FactsLoaded(found)
                    case EnterSession():
                        self.sessions.enter(command.visit, now.monotonic)
                    case LeaveSession():
                        self.sessions.leave(
                            command.visit, command.result, command.arguments, now.monotonic
                        )
                    case RecordBlocked() | RecordIntent() | RecordOutcome():
                        event = Recorded()
                    case Forward():
                        event = answer or answered()
        return dict(self.record.data)

    @property
    def record(self) -> RecordBlocked | RecordIntent:
        """What the call's way was recorded as."""
        (found,) = [
            each for each in self.commands if isinstance(each, RecordBlocked | RecordIntent)
        ]
        return found

    @property
    def told(self) -> Any:
        """The object of a blocked call."""
        (answer,) = [each for each in self.commands if isinstance(each, Answer)]
        return json.loads(answer.body)["result"]["_meta"]["helio/blocked"]

    @property
    def text(self) -> str:
        """The sentence of a blocked call."""
        (answer,) = [each for each in self.commands if isinstance(each, Answer)]
        return str(json.loads(answer.body)["result"]["content"][0]["text"])
