"""What a call was charged by, kept past the process that decided it: the demands of limits and
budgets that its intent tells, in place of a `helio.evaluator.Decision` that is gone. Pure.

Above: `helio.pipeline`, `store`. Below: `helio.evaluator`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from helio.evaluator import Decision


@dataclass(frozen=True, slots=True)
class PastDemand:
    """A spend limit that a call had room in: `helio.evaluator.Demand`, but for its amount."""

    limit: str
    rule: int
    key: str
    maximum: str
    window_ms: int
    currency: str | None
    kind: Literal["spend"] = "spend"


@dataclass(frozen=True, slots=True)
class PastBudgetDemand:
    """A budget that a call took from: `helio.evaluator.BudgetDemand`, but for its amount."""

    budget: str
    id: str
    contributor: int
    key: str
    limit: str
    kind: Literal["spend", "pot"]
    window_ms: int | None
    currency: str
    on_exceed: Literal["deny", "require_approval"]


@dataclass(frozen=True, slots=True)
class PastBreach:
    """A limit in which a call of the past has more than there may be; `current` as decimal text."""

    demand: PastDemand
    current: str


@dataclass(frozen=True, slots=True)
class PastBudgetBreach:
    """The same of a budget."""

    demand: PastBudgetDemand
    current: str


@dataclass(frozen=True, slots=True)
class PastDecision:
    """What is still known of a decision: where money of the call is counted."""

    demands: tuple[PastDemand, ...]
    budgets: tuple[PastBudgetDemand, ...]
    has_demands: bool = False
    has_budgets: bool = False


Priced = Decision | PastDecision
"""What says where a call is counted. A `PastDecision` asks for no room: its call has it."""

_DEMAND: Final = ("limit", "rule", "key", "maximum", "window_ms", "currency")
_BUDGET: Final = tuple(PastBudgetDemand.__dataclass_fields__)


def demands_data(decision: Priced, charged: Collection[tuple[str, str]]) -> dict[str, object]:
    """For a record: the demands of a decision for money, in the windows (identity, key) that the
    call is charged in. `past_decision` reads it."""
    limits = [
        {name: getattr(each, name) for name in _DEMAND}
        for each in decision.demands
        if each.kind == "spend" and (each.limit, each.key) in charged
    ]
    budgets = [
        {name: getattr(each, name) for name in _BUDGET}
        for each in decision.budgets
        if (each.id, each.key) in charged
    ]
    return {"limits": limits, "budgets": budgets}


def past_decision(data: Mapping[str, Any]) -> PastDecision:
    """Raises KeyError or TypeError for what `demands_data` never made."""
    return PastDecision(
        tuple(PastDemand(**each) for each in data["limits"]),
        tuple(PastBudgetDemand(**each) for each in data["budgets"]),
    )
