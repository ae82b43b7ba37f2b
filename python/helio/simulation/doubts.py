"""Calls of which a replay cannot tell what they would have left in their session. Pure.

Above: `replay`. Below: `helio.governance.evidence`, `helio.pipeline.judgement`. A call that was
blocked then and would be let through now has no recorded outcome; one that could not be judged may
have been made or not. What later calls rest on is looked at both ways.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product
from typing import Final, NamedTuple

from helio.governance.evidence import CALL_TTL_NS, Completion, Proof, SessionFacts
from helio.pipeline.events import CallReceived
from helio.pipeline.governance import Governance
from helio.pipeline.judgement import judge

_MOST: Final = 4
"""Doubts that are tried in every combination; more of them are not."""


class Doubt(NamedTuple):
    """One such call. `made`: it was made for sure, and only its success is in doubt. `arguments`
    are canonical JSON, `labels` what it may have put on the session, `at` its instant."""

    call_id: str
    tool: str
    at: int
    arguments: bytes
    labels: tuple[str, ...]
    made: bool


class Doubts:
    """The doubts of all sessions."""

    def __init__(self) -> None:
        self._by_session: dict[str, dict[str, Doubt]] = {}

    def add(self, session: str | None, doubt: Doubt) -> None:
        """Of several calls of one tool the last one stands for all."""
        if session is not None:
            self._by_session.setdefault(session, {})[doubt.tool] = doubt

    def about(self, session: str | None) -> bool:
        """Whether something is in doubt in a session."""
        return session in self._by_session

    def decide(
        self, received: CallReceived, governance: Governance, facts: SessionFacts | None
    ) -> bool:
        """Whether the call is decided alike whatever became of the calls in doubt.

        `facts` is what the session holds for sure.
        """
        key = received.session.key(received.agent)
        known = {} if key is None else self._by_session.get(key, {})
        if facts is None or not known:
            return True
        names = governance.policy.session_names
        doubts = [
            each
            for each in known.values()
            # One that was made for sure is forgotten with its session.
            if (each.tool in names or each.labels) and (not each.made or each.tool in facts.called)
        ]
        if not doubts:
            return True
        if len(doubts) > _MOST:
            return False
        found = {_decided(received, governance, each) for each in _all_ways(facts, doubts)}
        return len(found) == 1


def _decided(
    received: CallReceived, governance: Governance, facts: SessionFacts
) -> tuple[str | None, int, str]:
    judgement = judge(received, governance, facts)
    reason = None if judgement.block is None else judgement.block.reason
    return reason, judgement.decision.rule, judgement.decision.action


def _all_ways(facts: SessionFacts, doubts: Iterable[Doubt]) -> Iterator[SessionFacts]:
    doubts = list(doubts)
    for happened in product((False, True), repeat=len(doubts)):
        supposed = facts
        for doubt, yes in zip(doubts, happened, strict=True):
            supposed = _with(supposed, doubt) if yes else _without(supposed, doubt)
        yield supposed


def _with(facts: SessionFacts, doubt: Doubt) -> SessionFacts:
    completed = {doubt.tool: Completion(doubt.at, doubt.call_id), **facts.completed}
    proof = Proof(doubt.at + CALL_TTL_NS, doubt.call_id)
    kept = {doubt.arguments: proof, **facts.proofs.get(doubt.tool, {})}
    return replace(
        facts,
        labels=tuple(dict.fromkeys((*facts.labels, *doubt.labels))),
        called=tuple(dict.fromkeys((*facts.called, doubt.tool))),
        completed=completed,
        proofs={**facts.proofs, doubt.tool: kept},
    )


def _without(facts: SessionFacts, doubt: Doubt) -> SessionFacts:
    if doubt.made:
        return facts
    completed = dict(facts.completed)
    if (found := completed.get(doubt.tool)) is not None and found.call_id == doubt.call_id:
        del completed[doubt.tool]
    proofs = {
        name: {text: proof for text, proof in kept.items() if proof.by != doubt.call_id}
        for name, kept in facts.proofs.items()
    }
    return replace(
        facts,
        labels=tuple(label for label in facts.labels if label not in doubt.labels),
        called=tuple(tool for tool in facts.called if tool != doubt.tool),
        completed=completed,
        proofs=proofs,
    )
