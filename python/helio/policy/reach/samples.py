"""A few calls for which a rule is true, found quickly: most rules are shown to be reached by one.

Above: `covering`, `redundancy`. Below: `spaces`, `witnesses`. Pure. Nothing follows from a sample
before the evaluator was asked about it.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

from helio.policy.reach.conditions import Condition, Subject
from helio.policy.reach.effort import Effort, TooLarge
from helio.policy.reach.spaces import ATOMS, Atom, single_values
from helio.policy.reach.values import TRUE
from helio.policy.reach.witnesses import Witness, witness_of

_MOST: Final = 2
_STEPS_EACH: Final = 15
_SIMPLE: Final = re.compile(r"[^?\[{\\\]}]+\Z")
"""Globs that describe what stands there, each `*` left out."""


def samples(conditions: Sequence[Condition], effort: Effort) -> Iterator[Witness]:
    """Up to two calls that meet all conditions; none where none was found. Raises `Exhausted`."""
    by_subject: dict[Subject, list[Condition]] = {}
    for condition in conditions:
        by_subject.setdefault(condition.subject, []).append(condition)
    found = {}
    for subject, group in by_subject.items():
        try:
            examples = list(islice(_examples(subject, group, effort), _MOST))
        except TooLarge:
            return
        if not examples:
            return
        found[subject] = examples
    for turn in range(max(map(len, found.values()), default=1)):
        effort.spend(_STEPS_EACH)
        chosen = {subject: each[min(turn, len(each) - 1)] for subject, each in found.items()}
        witness = witness_of(chosen)
        if witness is not None:
            yield witness


def _examples(subject: Subject, group: Sequence[Condition], effort: Effort) -> Iterator[Any]:
    """Values of one subject that meet all conditions on it."""
    if len(group) == 1 and subject[0] in ("tool", "upstream", "agent"):
        simple = next(filter(_SIMPLE.match, group[0].meaning), None)
        if simple is not None:
            yield simple.replace("*", "") or "x"
            return
    for atom in _atoms(subject, group, effort):
        if atom.is_known and min(atom.truths) == TRUE:
            yield atom.example


def _atoms(subject: Subject, group: Sequence[Condition], effort: Effort) -> Iterator[Atom]:
    if subject[0] in ("input", "metadata"):
        # Where a path may select several values, one alone is an example, too.
        yield from single_values(group, effort)
    yield from ATOMS[subject[0]](group, effort)
