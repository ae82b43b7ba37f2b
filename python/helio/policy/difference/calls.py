"""Calls that show a difference, run by both evaluators.

Above: `finding`. Below: `diagram`, `helio.policy.reach.witnesses`. Pure. Nothing is shown that the
evaluators do not say: a call of which either says something else is no witness.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any, Final

from helio.evaluator import Decision
from helio.policy.difference.diagram import Fork, Way
from helio.policy.difference.grid import Grid
from helio.policy.difference.outcomes import Outcome
from helio.policy.difference.reading import Side
from helio.policy.reach.boxes import Box
from helio.policy.reach.conditions import Subject
from helio.policy.reach.witnesses import Witness, judged, witness_of

_MOST_CALLS: Final = 60
"""So many calls are tried of one region."""
_MOST_BOXES: Final = 40
_AGENT: Final = "any_agent"


def shown(grid: Grid, fork: Fork, boxes: Sequence[Box], old: Side, new: Side) -> Witness | None:
    """A call that goes this way; one whose amounts can be counted where there is one."""
    second: Witness | None = None
    for witness in islice(_calls(grid, boxes, old.known), _MOST_CALLS):
        if not _goes(witness, fork, old, new):
            continue
        whole = _completed(witness, fork, old, new)
        if _is_whole(whole, old) and _is_whole(whole, new):
            return whole
        second = second or whole
    return second


def _calls(grid: Grid, boxes: Sequence[Box], known: Mapping[Subject, Any]) -> Iterator[Witness]:
    for box in boxes[:_MOST_BOXES]:
        told: list[list[tuple[Subject, Any]]] = []
        for place, atoms in box.items():
            dimension = grid.dimensions[place]
            if atoms == dimension.whole:
                continue
            examples = [
                (dimension.subject, atom.example)
                for number, atom in enumerate(dimension.atoms)
                if atoms >> number & 1 and atom.is_known
            ]
            told.append(examples)
        for chosen in islice(product(*told), _MOST_CALLS):
            witness = witness_of({**known, **dict(chosen)})
            if witness is not None:
                yield witness


def _goes(witness: Witness, fork: Fork, old: Side, new: Side) -> bool:
    return all(
        (decision := judged(side.evaluator, witness)) is not None and _agrees(decision, way)
        for side, way in ((old, fork.old), (new, fork.new))
    )


def _agrees(decision: Decision, way: Way) -> bool:
    rule = -1 if way.rule is None else way.rule
    if decision.rule != rule or tuple(decision.restricting) != way.restricting:
        return False
    fed = {(each.limit, each.currency, each.window_ms) for each in decision.budgets}
    claimed = {(each.maximum, each.currency, each.window_ms) for each in way.outcome.budgets}
    return decision.budget_fault is not None or claimed <= fed


def _completed(witness: Witness, fork: Fork, old: Side, new: Side) -> Witness:
    """With what limits, budgets and evidence look at, where the rules do not mind."""
    found = _named(witness, fork, old, new)
    for addition in _additions(fork):
        more = {**found, **{name: value for name, value in addition.items() if name not in found}}
        if "arguments" in addition:
            more["arguments"] = {**addition["arguments"], **found["arguments"]}
        if _goes(more, fork, old, new):
            found = more
    return found


def _named(witness: Witness, fork: Fork, old: Side, new: Side) -> Witness:
    """With names that look like some: `payments.*` takes in `payments.`, too."""
    for part in ("tool", "agent"):
        name = None if "record_kind" in witness and part == "tool" else witness.get(part)
        if isinstance(name, str) and not name[-1:].isalnum():
            longer = {**witness, part: f"{name}any"}
            witness = longer if _goes(longer, fork, old, new) else witness
    return witness


def _additions(fork: Fork) -> Iterator[dict[str, Any]]:
    outcomes = (fork.old.outcome, fork.new.outcome)
    keys = {key for each in outcomes for limit in each.limits | each.budgets for key in limit.key}
    if "agent" in keys:
        yield {"agent": _AGENT}
    if "session" in keys or any(each.evidence or each.requires for each in outcomes):
        yield {"session": {"labels": [], "called": []}}
    yield from ({"arguments": {name: 1}} for name in sorted(_amounts(outcomes)))


def _amounts(outcomes: Sequence[Outcome]) -> set[str]:
    """Plain names of arguments that hold amounts."""
    paths = {limit.path for each in outcomes for limit in each.limits if limit.path is not None}
    paths |= {price for each in outcomes for fed in each.budgets for price in fed.prices}
    return plain_names(paths)


def plain_names(paths: Iterable[str]) -> set[str]:
    """The names of arguments that paths lead to, of those that lead no further."""
    simple = {path[3:-2] for path in paths if path.startswith("$['") and path.endswith("']")}
    return {name for name in simple if "'" not in name and "\\" not in name}


def _is_whole(witness: Witness, side: Side) -> bool:
    decision = judged(side.evaluator, witness)
    return decision is not None and decision.fault is None and decision.budget_fault is None
