"""What was found of a difference, as values and as JSON.

Above: `finding`, `helio diff`. Below: `comparing`, `helio.policy.reach.witnesses`. Pure.
"""

from dataclasses import dataclass, field
from typing import Any

from helio.policy.difference.comparing import Kind
from helio.policy.reach.witnesses import Witness


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one policy says. `rule` is a label, None for the default; `line` is where it stands.
    `asks` is what it asks for, in words; `restricting` are rules that could not be judged and add
    what they ask for.
    """

    decision: str
    rule: str | None
    index: int | None
    line: int | None
    asks: tuple[str, ...]
    restricting: tuple[str, ...] = ()

    def as_object(self) -> dict[str, Any]:
        """As JSON output has it."""
        return {
            "decision": self.decision,
            "rule": self.rule,
            "rule_index": self.index,
            "line": self.line,
            "asks": list(self.asks),
            "restricting": list(self.restricting),
        }


@dataclass(frozen=True, slots=True)
class Differing:
    """Calls that are decided otherwise. `region` says which, in one or more texts; `lost` is what
    only the old policy says of them, `gained` what only the new one does. `partly`: in which ways
    those that are `changed` get through more or less easily, too, or may.
    """

    kind: Kind
    witness: Witness
    old: Verdict
    new: Verdict
    region: tuple[str, ...]
    lost: tuple[str, ...]
    gained: tuple[str, ...]
    partly: frozenset[Kind] = frozenset()

    def as_object(self) -> dict[str, Any]:
        """As JSON output has it."""
        return {
            "witness": self.witness,
            "old": self.old.as_object(),
            "new": self.new.as_object(),
            "region": list(self.region),
            "lost": list(self.lost),
            "gained": list(self.gained),
            "partly": sorted(self.partly),
        }


@dataclass(frozen=True, slots=True)
class Undecided:
    """What may differ and was not found out, and why."""

    region: tuple[str, ...]
    reason: str

    def as_object(self) -> dict[str, Any]:
        """As JSON output has it."""
        return {"region": list(self.region), "reason": self.reason}


@dataclass(slots=True)
class Difference:
    """All that differs, in the order of the rules."""

    differing: list[Differing] = field(default_factory=list)
    undecided: list[Undecided] = field(default_factory=list)

    def of(self, kind: Kind) -> list[Differing]:
        """Those of one kind."""
        return [each for each in self.differing if each.kind == kind]

    def with_any(self, kind: Kind) -> list[Differing]:
        """Those that are of a kind at least in part; all of them are `changed`."""
        if kind == "changed":
            return self.differing
        return [each for each in self.differing if kind in (each.kind, *each.partly)]
