"""Policies that do less than the one that is tested, each in one respect. Pure.

Above: `helio.cli`. Below: `running`, the rule graph. A mutant that passes every case is one that no
test would notice: somebody could weaken the rule so and learn nothing of it. Rules keep their
places and names in a mutant, so that nothing else changes.
"""

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any, Final

import orjson

from helio.policy.described import described, described_member
from helio.policy.graph import CompiledPolicy, canonical
from helio.simulation.testing.document import Case
from helio.simulation.testing.running import run
from helio.simulation.testing.subject import Subject

Graph = dict[str, Any]
_NEVER: Final = {"node": "constant", "value": False, "text": "deleted"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One weakening. `what` says what was done to `rule`, whose place is `line`. `of_installs`: it
    is one about installations."""

    rule: str
    line: int
    what: str
    change: Callable[[Graph], None]
    of_installs: bool = False

    def applied(self, policy: CompiledPolicy) -> CompiledPolicy:
        """The policy with the weakening."""
        if self.of_installs and policy.install is not None:
            return replace(policy, install=self._changed(policy.install))
        return self._changed(policy)

    def _changed(self, policy: CompiledPolicy) -> CompiledPolicy:
        graph = orjson.loads(policy.graph)
        self.change(graph)
        changed = CompiledPolicy.from_graph(canonical(graph))
        return replace(changed, install=policy.install, is_install=policy.is_install)

    def as_object(self) -> dict[str, object]:
        """As JSON output has it."""
        return {"rule": self.rule, "line": self.line, "change": self.what}


def mutants(policy: CompiledPolicy) -> Iterator[Mutant]:
    """Every weakening of a policy, in the order of the file; of rules about installations last."""
    yield from _mutants(policy)
    if policy.install is not None and policy.install.rules:
        for each in _mutants(policy.install):
            rule = each.rule.replace("policies.default", "policies.install.default")
            yield replace(each, rule=rule, of_installs=True)


def _mutants(policy: CompiledPolicy) -> Iterator[Mutant]:
    graph = orjson.loads(policy.graph)
    nodes = graph["nodes"]
    told = described_member if policy.is_install else described
    for place, rule in enumerate(policy.rules):
        node = nodes[graph["rules"][place]]
        if any(nodes[each]["node"] == "constant" for each in node["conditions"]):
            continue
        line = 0 if rule.span is None else rule.span.line
        for what, change in _weakenings(node, nodes, told):
            yield Mutant(rule.label, line, what, partial(_on_rule, place, change))
    for place, budget in enumerate(policy.budgets):
        line = 0 if budget.span is None else budget.span.line
        what = f"limit {budget.limit} doubled"
        yield Mutant(f"budget {budget.name}", line, what, partial(_double_budget, place))
    if policy.settings.default == "deny":
        yield Mutant("policies.default", 0, "deny turned into allow", _allow_by_default)


def survivors(
    subject: Subject, cases: Sequence[Case], found: Sequence[Mutant], tell: Callable[[int], None]
) -> list[Mutant]:
    """The mutants that no case notices. `tell` is called with how many were tried. All cases must
    have passed with the policy itself."""
    unnoticed = []
    for done, mutant in enumerate(found, 1):
        changed = subject.changed(mutant.applied)
        if all(run(case, changed).passed for case in cases):
            unnoticed.append(mutant)
        tell(done)
    return unnoticed


_Change = Callable[[Graph, Graph], None]
"""Takes the graph and a copy of the rule's node, which it changes."""


def _weakenings(
    node: Graph, nodes: list[Graph], told: Callable[[Graph, list[Graph]], str]
) -> Iterator[tuple[str, _Change]]:
    yield "deleted", _delete
    for each in node["conditions"]:
        what = f"condition `{told(nodes[each], nodes)}` dropped"
        yield what, partial(_drop_condition, described(nodes[each], nodes))
    for position, limit in enumerate(node["limits"]):
        kind = "max_calls" if nodes[limit]["kind"] == "rate" else "max_spend"
        what = f"{kind} {nodes[limit]['maximum']} doubled"
        yield what, partial(_double_limit, position)
    for name in ("evidence", "requires"):
        if node[name]:
            yield f"{name} dropped", partial(_drop_requirement, name)
    if node["labels"]:
        yield "labels dropped", _drop_labels
    if node["action"] in ("deny", "require_approval", "dry_run"):
        yield f"{node['action']} turned into allow", _allow


def _on_rule(place: int, change: _Change, graph: Graph) -> None:
    """Puts a changed copy of a rule in its place; nodes come before those that refer to them."""
    rule = deepcopy(graph["nodes"][graph["rules"][place]])
    change(graph, rule)
    graph["rules"][place] = _add(graph, rule)


def _add(graph: Graph, node: Graph) -> int:
    graph["nodes"].append(node)
    graph["source"]["spans"].append([0, 1, 1, 1, 1])
    return len(graph["nodes"]) - 1


def _delete(graph: Graph, rule: Graph) -> None:
    rule["conditions"] = [_add(graph, dict(_NEVER))]


def _drop_condition(text: str, graph: Graph, rule: Graph) -> None:
    nodes = graph["nodes"]
    rule["conditions"] = [
        each for each in rule["conditions"] if described(nodes[each], nodes) != text
    ]


def _double_limit(position: int, graph: Graph, rule: Graph) -> None:
    limit = deepcopy(graph["nodes"][rule["limits"][position]])
    limit["maximum"] = _doubled(limit["maximum"])
    rule["limits"][position] = _add(graph, limit)


def _drop_requirement(name: str, _graph: Graph, rule: Graph) -> None:
    rule[name] = []
    if name == "requires":
        rule["requires_success"] = False
    rule["until"] = rule["until"] and bool(rule["evidence"] or rule["requires"])


def _drop_labels(_graph: Graph, rule: Graph) -> None:
    rule["labels"] = []


def _allow(_graph: Graph, rule: Graph) -> None:
    rule |= {"action": "allow", "until": False, "approval": None, "evidence": [], "requires": []}
    rule["requires_success"] = False


def _double_budget(place: int, graph: Graph) -> None:
    budget = deepcopy(graph["nodes"][graph["budgets"][place]])
    budget["maximum"] = _doubled(budget["maximum"])
    graph["budgets"][place] = _add(graph, budget)


def _allow_by_default(graph: Graph) -> None:
    graph["settings"]["default"] = "allow"


def _doubled(maximum: str) -> str:
    return format(Decimal(maximum) * 2, "f")
