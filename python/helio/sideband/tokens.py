"""Who may use the SDK port: its tokens, what each is for, and which evidence may be marked at all.

Above: `access`, `marks`. Below: `helio.evaluator` (globs). Pure but for the clock that comes in.
"""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from helio.evaluator import glob_matches

Scope = Literal["sdk", "adapter"]


@dataclass(frozen=True, slots=True)
class Token:
    """One token: `secret` as it is sent. Without `agents` (globs) it is for all of them and for
    sessions of nobody known; without `evidence` (globs) for all that may be marked. From `expires`
    on it opens nothing.
    """

    name: str
    secret: str = field(repr=False)
    scopes: frozenset[Scope]
    agents: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    expires: datetime | None = None

    @property
    def agent(self) -> str | None:
        """The one agent that it is bound to, if it is to one."""
        if len(self.agents) != 1 or any(sign in self.agents[0] for sign in "*?[{\\"):
            return None
        return self.agents[0]

    def is_for(self, agent: str | None) -> bool:
        """Whether it opens the sessions of an agent; None is nobody known."""
        if not self.agents:
            return True
        return agent is not None and _takes_in(self.agents, agent)

    def may_mark(self, name: str) -> bool:
        """Whether evidence may be marked with it under this name."""
        return not self.evidence or _takes_in(self.evidence, name)


class Tokens:
    """All of them. `evidence` are globs: what may be marked, whoever marks it."""

    def __init__(self, tokens: Iterable[Token], evidence: tuple[str, ...] = ("*",)) -> None:
        self._tokens = tuple(tokens)
        self._evidence = () if "*" in evidence else evidence

    def find(self, presented: str, now: datetime) -> Token | None:
        """The token that was presented, scope or not; None for one that is unknown or expired."""
        given = presented.encode(errors="surrogateescape")
        found = None
        for token in self._tokens:  # All of them, always: how long it takes tells nothing.
            if hmac.compare_digest(given, token.secret.encode()):
                found = token
        if found is not None and found.expires is not None and found.expires <= now:
            return None
        return found

    def has(self, scope: Scope) -> bool:
        """Whether any of them is for this."""
        return any(scope in token.scopes for token in self._tokens)

    def may_be_marked(self, name: str) -> bool:
        """Whether evidence may be marked under this name at all."""
        return not self._evidence or _takes_in(self._evidence, name)


def _takes_in(globs: tuple[str, ...], text: str) -> bool:
    return any(glob_matches(glob, text) for glob in globs)
