"""How one policy goes, as it is told.

Above: `finding`, `guards`. Below: `comparing`, `diagram`, `report`. Pure.
"""

from helio.policy.difference.comparing import asked
from helio.policy.difference.diagram import Way
from helio.policy.difference.reading import Side
from helio.policy.difference.report import Verdict


def verdict(way: Way, side: Side) -> Verdict:
    """What the policy says, by which rule and where it stands."""
    asks = tuple(asked(way.outcome))
    restricting = tuple(side.by_index[index].label for index in way.restricting)
    if way.rule is None:
        return Verdict(way.outcome.decision, None, None, None, asks, restricting)
    rule = side.by_index[way.rule]
    return Verdict(way.outcome.decision, rule.label, rule.index, rule.line, asks, restricting)
