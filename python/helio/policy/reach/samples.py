"""A few calls for which a rule is true, found quickly: most rules are shown to be reached by one.

Above: `covering`, `redundancy`, `holes`. Below: `spaces`, `witnesses`. Pure. Nothing follows from a
sample before the evaluator was asked about it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from helio.policy.reach.conditions import Condition, Subject
from helio.policy.reach.effort import Effort, TooLarge
from helio.policy.reach.spaces import ATOMS, Atom, single_values
from helio.policy.reach.values import TRUE, numbers_meeting
from helio.policy.reach.witnesses import Witness, witness_of

_MOST: Final = 2
_STEPS_EACH: Final = 15
_NAMED: Final = frozenset({"tool", "upstream", "agent"})
_SELECTED: Final = frozenset({"input", "metadata"})
_SIMPLE: Final = re.compile(r"[^?\[{\\\]}]+\Z")
"""Globs that describe what stands there, each `*` left out."""


def samples(conditions: Sequence[Condition], effort: Effort) -> Iterator[Witness]:
    """A few calls that meet all conditions: up to two, and as many with other names; none where
    none was found. Raises `Exhausted`.
    """
    by_subject: dict[Subject, list[Condition]] = {}
    for condition in conditions:
        by_subject.setdefault(condition.subject, []).append(condition)
    found: tuple[dict[Subject, list[Any]], dict[Subject, list[Any]]] = ({}, {})
    for subject, group in by_subject.items():
        try:
            examples = _some(subject, group, effort)
        except TooLarge:
            return
        if not examples:
            return
        found[subject[0] in _NAMED][subject] = examples
    values, names = found
    for turn in range(_turns(names)):
        called = _chosen(names, turn)
        for other in range(_turns(values)):
            effort.spend(_STEPS_EACH)
            witness = witness_of(called | _chosen(values, other))
            if witness is not None:
                yield witness


def _turns(found: Mapping[Subject, list[Any]]) -> int:
    return max(map(len, found.values()), default=1)


def _chosen(found: Mapping[Subject, list[Any]], turn: int) -> dict[Subject, Any]:
    """One example of each subject, the last one where there are fewer."""
    return {subject: each[min(turn, len(each) - 1)] for subject, each in found.items()}


def _some(subject: Subject, group: Sequence[Condition], effort: Effort) -> list[Any]:
    """Up to two values of one subject that meet all conditions on it; none where none was found.
    Raises `TooLarge`, and `Exhausted`.
    """
    if subject[0] in _NAMED and len(group) == 1:
        described = _described(group[0].meaning)
        if described:
            return described
    elif subject[0] in _SELECTED:
        tests = [test for condition in group for test in condition.meaning[1]]
        effort.spend(len(tests))
        numbers = numbers_meeting(tests)
        if numbers:
            return [(number,) for number in numbers]
    key = ("examples", *group)
    if key not in effort.known:
        effort.known[key] = list(islice(_examples(subject, group, effort), _MOST))
    known: list[Any] = effort.known[key]
    return known


def _described(globs: Sequence[str]) -> list[str]:
    """What stands in two of the globs. Whole names come first: earlier rules for many tools decide
    about fewer calls of those.
    """
    simple = sorted(filter(_SIMPLE.match, globs), key=_is_open)
    return [glob.replace("*", "") or "x" for glob in simple[:_MOST]]


def _is_open(glob: str) -> bool:
    return "*" in glob


def _examples(subject: Subject, group: Sequence[Condition], effort: Effort) -> Iterator[Any]:
    for atom in _atoms(subject, group, effort):
        if atom.is_known and min(atom.truths) == TRUE:
            yield atom.example


def _atoms(subject: Subject, group: Sequence[Condition], effort: Effort) -> Iterator[Atom]:
    if subject[0] in _SELECTED:
        # Where a path may select several values, one alone is an example, too.
        yield from single_values(group, effort)
    yield from ATOMS[subject[0]](group, effort)
