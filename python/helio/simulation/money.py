"""What a call is worth: the amounts that spend limits and budgets would count of it, whatever the
rules say. Pure.

Above: `replay`, `report`. Below: `helio.evaluator`, `helio.policy`.
"""

from collections.abc import Iterable, Mapping
from decimal import Context, Decimal
from typing import Any, Final

import orjson

from helio.evaluator import Evaluator
from helio.pipeline.events import CallReceived
from helio.policy.graph import CompiledPolicy

EXACT: Final = Context(prec=200)
"""Sums of amounts (28 digits each) are exact."""

Money = Mapping[str, Decimal]
"""Amounts by currency."""


class Pricing:
    """The amounts that a policy's spend limits and budgets count."""

    def __init__(self, compiled: CompiledPolicy) -> None:
        graph = _counting_only(orjson.loads(compiled.graph))
        priced = graph["rules"] or graph.get("budgets")
        self._evaluator = Evaluator(orjson.dumps(graph)) if priced else None

    def amounts(self, received: CallReceived, hints: int) -> Money:
        """Of one call, by currency; of several amounts in one currency the largest, since all count
        the same money. `hints` as in `helio.evaluator.Evaluator.decide`."""
        if self._evaluator is None:
            return {}
        decision = self._evaluator.decide(
            received.message, received.upstream, hints, agent=received.agent
        )
        found = [
            (demand.currency or "", Decimal(demand.amount))
            for demand in decision.demands
            if demand.kind == "spend"
        ]
        found += [(taken.currency, Decimal(taken.amount)) for taken in decision.budgets]
        return largest([(currency, amount) for currency, amount in found if amount])


def largest(amounts: Iterable[tuple[str, Decimal]]) -> Money:
    """The largest amount in each currency."""
    found: dict[str, Decimal] = {}
    for currency, amount in amounts:
        found[currency] = max(amount, found.get(currency, amount))
    return found


def recorded_amounts(budgets: str | None) -> list[tuple[str, Decimal]]:
    """What a row says that a call took from budgets: `(currency, amount)`."""
    if budgets is None:
        return []
    return [(each["currency"], Decimal(each["amount"])) for each in orjson.loads(budgets)]


def _counting_only(graph: dict[str, Any]) -> dict[str, Any]:
    """The same graph with nothing left that decides: every rule with a spend limit in shadow, so
    that all that match count, each limit and budget by one key that is always known."""
    nodes = graph["nodes"]
    for node in nodes:
        if node["node"] in ("limit", "budget"):
            node["key"] = ["global"]
    rules = []
    for at in graph["rules"]:
        rule = nodes[at]
        rule["limits"] = [each for each in rule["limits"] if nodes[each]["kind"] == "spend"]
        if rule["limits"]:
            rules.append(at)
        rule |= {"action": "allow", "until": False, "evidence": [], "requires": [], "shadow": True}
        rule |= {"requires_success": False, "labels": [], "approval": None}
    graph["rules"] = rules
    graph["settings"] |= {"default": "allow"}
    return graph
