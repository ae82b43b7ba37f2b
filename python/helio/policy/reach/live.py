"""The rules that questions are asked about: those of this environment, with their conditions.

Above: `findings`, `covering`, `redundancy`. Below: `conditions`, `helio.policy.document`. Pure.
"""

from collections.abc import Iterable

from helio.diagnostics import quoted
from helio.policy.document import Rule
from helio.policy.reach.boxes import Box
from helio.policy.reach.conditions import Condition
from helio.policy.reach.spaces import Space


class Live:
    """A rule of this environment with its conditions; `globs` are the tools that it is for."""

    __slots__ = ("conditions", "globs", "rule")

    def __init__(self, rule: Rule, conditions: tuple[Condition, ...]) -> None:
        self.rule = rule
        self.conditions = conditions
        texts = () if rule.match is None else rule.match.tool
        self.globs = tuple([str(text.value) for text in texts]) or ("*",)

    @property
    def decides_in_doubt(self) -> bool:
        """Whether it decides about calls that it cannot judge, too."""
        return self.rule.action in ("deny", "dry_run")

    @property
    def asks(self) -> bool:
        """Whether calls need or use up anything under it."""
        rule = self.rule
        return bool(rule.evidence or rule.requires or rule.limits is not None)

    @property
    def permits(self) -> bool:
        """Whether it lets its calls through as they are."""
        return self.rule.action in ("allow", None) and not self.asks

    @property
    def shown(self) -> str:
        """How messages call it."""
        name = "" if self.rule.name is None else f" ({quoted(self.rule.name.value)})"
        return f"the rule in line {self.rule.span.line}{name}"


def conditions_of_all(lives: Iterable[Live]) -> list[Condition]:
    """The conditions of several rules."""
    return [condition for live in lives for condition in live.conditions]


def decided_by(space: Space, live: Live) -> Box:
    """The calls about which a rule decides when they get to it."""
    return space.box(live.conditions, possible=live.decides_in_doubt)
