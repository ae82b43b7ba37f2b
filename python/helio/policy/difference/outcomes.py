"""What becomes of a call as far as its policy says: whether it is denied, and what is asked for.

Above: `comparing`, `diagram`. Below: `reading`. Pure. Equal outcomes are equal values, whatever the
rules are called that they come from.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

Gate = Literal["deny", "dry_run", "allow"]


@dataclass(frozen=True, slots=True)
class ApprovalTerms:
    """What the section `approval` says for all that ask people. Durations in ms. `channels` are
    pairs of a name and of what is known of who is told there, and who may answer."""

    timeout_ms: int = 300_000
    grant_ttl_ms: int = 900_000
    default_on_timeout: Literal["deny", "allow"] = "deny"
    mode: Literal["hold", "return"] = "hold"
    channels: tuple[tuple[str, str], ...] = (("dashboard", "dashboard"),)

    def asked(self, channel: str | None) -> frozenset[str]:
        """Who is asked by one of the channels, or where none is named."""
        known = {told for name, told in self.channels if channel in (None, name)}
        return frozenset(known or {channel or "dashboard"})


@dataclass(frozen=True, slots=True)
class Conduct:
    """What other sections say of calls: `session.on_unresolved` and `audit.on_failure`."""

    on_unresolved: Literal["deny", "anonymous"] = "deny"
    on_failure: Literal["block", "allow"] = "block"


@dataclass(frozen=True, slots=True)
class Approval:
    """How people are asked. Of several that ask, the shortest times and all names count."""

    timeout_ms: int
    escalation_after_ms: int | None
    channels: frozenset[str]
    delegates: frozenset[str]
    terms: ApprovalTerms


@dataclass(frozen=True, slots=True)
class Limit:
    """Room that a call needs; `maximum` is a decimal text. Spending has a path and a currency."""

    kind: Literal["rate", "spend"]
    maximum: str
    window_ms: int
    key: tuple[str, ...]
    path: str | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class BudgetFed:
    """A budget that a call takes from: the dearest of `prices`, which are amounts or paths to them.
    `window_ms` is None for the pots of sessions. `approval` is None where overages are denied.
    """

    maximum: str
    currency: str
    window_ms: int | None
    idle_ttl_ms: int | None
    key: tuple[str, ...]
    approval: Approval | None
    prices: frozenset[str]

    def of(self, prices: frozenset[str]) -> "BudgetFed":
        """The same for calls that cost so much."""
        return replace(self, prices=prices)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a call. `evidence` are names with the pairs of paths that bind them,
    `requires` tools with whether they must have succeeded.
    """

    gate: Gate
    approval: Approval | None = None
    evidence: frozenset[tuple[str, frozenset[tuple[str, str]]]] = frozenset()
    requires: frozenset[tuple[str, bool]] = frozenset()
    limits: frozenset[Limit] = frozenset()
    labels: frozenset[str] = frozenset()
    budgets: frozenset[BudgetFed] = frozenset()

    @property
    def decision(self) -> str:
        """In the words of the audit, were all that is asked for there."""
        if self.gate == "allow" and self.approval is not None:
            return "require_approval"
        return self.gate


DENIED = Outcome("deny")


@dataclass(frozen=True, slots=True)
class Effect:
    """What one rule adds to a call that it applies to. `denies` and `rehearses` hold only where it
    decides.
    """

    denies: bool = False
    rehearses: bool = False
    approval: Approval | None = None
    evidence: frozenset[tuple[str, frozenset[tuple[str, str]]]] = frozenset()
    requires: frozenset[tuple[str, bool]] = frozenset()
    limits: frozenset[Limit] = frozenset()
    labels: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What else of a policy decides about each call."""

    default: Effect
    dry_run: bool = False
    shadow: bool = False
    destructive: Approval | None = None
    """How people are asked about what may destroy and no rule decided; None when they are not."""


def outcome(
    surroundings: Surroundings,
    decides: Effect | None,
    restricting: Sequence[Effect],
    *,
    destructive: bool,
    budgets: frozenset[BudgetFed],
) -> Outcome:
    """What becomes of a call that `decides` (None: the default) decides about."""
    last = surroundings.default if decides is None else decides
    labels = last.labels
    if surroundings.shadow and not surroundings.dry_run:
        return Outcome("allow", labels=labels)
    rehearsed = surroundings.dry_run or last.rehearses
    if last.denies:
        return Outcome("dry_run") if surroundings.dry_run else DENIED
    effects = [*restricting, last]
    asking = [effect.approval for effect in effects if effect.approval is not None]
    if decides is None and destructive and surroundings.destructive is not None:
        asking.append(surroundings.destructive)
    return Outcome(
        "dry_run" if rehearsed else "allow",
        together(asking),
        frozenset[Any]().union(*(effect.evidence for effect in effects)),
        frozenset[Any]().union(*(effect.requires for effect in effects)),
        frozenset[Any]().union(*(effect.limits for effect in effects)),
        frozenset() if rehearsed else labels,
        budgets,
    )


def together(asking: Iterable[Approval]) -> Approval | None:
    """One ticket for all that ask: every channel and delegate, the shortest times."""
    found = list(asking)
    if not found:
        return None
    escalations = [each.escalation_after_ms for each in found if each.escalation_after_ms]
    return Approval(
        min(each.timeout_ms for each in found),
        min(escalations, default=None),
        frozenset[str]().union(*(each.channels for each in found)),
        frozenset[str]().union(*(each.delegates for each in found)),
        found[0].terms,
    )
