"""What became of a call, by the record or by another policy, and how the two differ. Pure.

Above: `replay`, `report`. A verdict holds the audit's own words.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

Change = Literal["unchanged", "widened", "narrowed", "changed"]
"""`widened`: more is let through than was; `narrowed`: less. `changed`: as much, otherwise."""

_PASSING: Mapping[str | None, int] = {"allow": 2, "require_approval": 1}


class Verdict(NamedTuple):
    """`policy_decision`, `block_reason` and `matched_rule` of a row; `rule` None is the default."""

    decision: str | None
    reason: str | None
    rule: str | None

    @classmethod
    def of(cls, record: Mapping[str, object]) -> "Verdict":
        """That of a record's data."""
        return cls(
            _text(record.get("policy_decision")),
            _text(record.get("block_reason")),
            _text(record.get("matched_rule")),
        )

    @property
    def passes(self) -> bool:
        """Whether the call goes through."""
        return self.decision == "allow"

    def as_object(self) -> dict[str, str | None]:
        """As JSON output has it."""
        return self._asdict()

    def change_to(self, new: "Verdict") -> Change:
        """How `new` differs; a call that is decided alike by another rule is unchanged."""
        if self[:2] == new[:2]:
            return "unchanged"
        before, after = _PASSING.get(self.decision, 0), _PASSING.get(new.decision, 0)
        if before == after:
            return "changed"
        return "widened" if after > before else "narrowed"


def _text(value: object) -> str | None:
    return None if value is None else str(value)
