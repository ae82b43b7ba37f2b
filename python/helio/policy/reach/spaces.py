"""What conditions make of a subject: its values in atoms that none of them tells apart.

Above: `covering`, `within`, `samples`. Below: `conditions`, `languages`, `values`. Pure.
Dimensions are taken to be independent of each other. Some are not (a path and one inside it), so
that a box that is empty holds no call, and one that is not empty may hold none either.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final, NamedTuple

from helio.evaluator import HINTS
from helio.policy.installation import GLOBS, KINDS
from helio.policy.patterns import may_select_several
from helio.policy.reach.boxes import Box
from helio.policy.reach.conditions import Condition, Subject
from helio.policy.reach.effort import Effort, TooLarge
from helio.policy.reach.languages import distinguish
from helio.policy.reach.values import FALSE, INDETERMINATE, TRUE, absent, kinds

_STEPS_FOR_ATOMS: Final = 60
_STEPS_FOR_A_DIMENSION: Final = 10
_MOST_KINDS: Final = 8
"""Of so many kinds of values each combination is looked at, where a path may select several."""


class Atom(NamedTuple):
    """Values that no condition tells apart: what each comes to, and an example.

    The example is a name, the known hints, whether a name is there, or the JSON texts of the values
    that a path selects. `is_known` is false where there is no example.
    """

    truths: tuple[int, ...]
    example: Any
    is_known: bool = True


@dataclass(frozen=True, slots=True)
class Dimension:
    """A subject in atoms. Of each condition: the atoms for which it is true, and those for which it
    may be (true or indeterminate).
    """

    subject: Subject
    atoms: tuple[Atom, ...]
    masks: dict[Condition, tuple[int, int]]

    @property
    def whole(self) -> int:
        """All atoms."""
        return (1 << len(self.atoms)) - 1


class Space:
    """The dimensions that some conditions are about."""

    def __init__(self, conditions: Iterable[Condition], effort: Effort) -> None:
        by_subject: dict[Subject, dict[Condition, None]] = {}
        for condition in conditions:
            by_subject.setdefault(condition.subject, {})[condition] = None
        self.dimensions: list[Dimension] = []
        self._places: dict[Condition, int] = {}
        for subject, found in by_subject.items():
            effort.spend(_STEPS_FOR_A_DIMENSION * (1 + len(found)))
            for dimension in _dimensions(subject, list(found), effort):
                for condition in dimension.masks:
                    self._places[condition] = len(self.dimensions)
                self.dimensions.append(dimension)
        self.wholes = {place: each.whole for place, each in enumerate(self.dimensions)}

    def box(self, conditions: Iterable[Condition], *, possible: bool) -> Box:
        """The calls for which all conditions are true or, when `possible`, may be."""
        box: dict[int, int] = {}
        for condition in conditions:
            place = self._places[condition]
            mask = self.dimensions[place].masks[condition][possible]
            box[place] = box.get(place, mask) & mask
        return box

    def examples(self, box: Box) -> dict[Subject, Any] | None:
        """One value of each subject that the box is about, where each has one that is known."""
        found: dict[Subject, Any] = {}
        for place, mask in box.items():
            dimension = self.dimensions[place]
            known = (
                atom.example
                for number, atom in enumerate(dimension.atoms)
                if mask >> number & 1 and atom.is_known
            )
            example = next(known, _NONE)
            if example is _NONE:
                return None
            found[dimension.subject] = example
        return found


_NONE: Final = object()


def _dimensions(
    subject: Subject, conditions: list[Condition], effort: Effort
) -> Iterator[Dimension]:
    """The subject's dimension; one of each condition where it is too large."""
    key = (subject, tuple(condition.meaning for condition in conditions))
    atoms = effort.known.get(key)
    if atoms is None:
        atoms = effort.known[key] = _atoms(subject, conditions, effort)
    if isinstance(atoms, TooLarge):
        effort.doubt(f"{conditions[0].about}: {atoms.why}")
        for condition in conditions:
            free = [Atom((truth,), None, False) for truth in (FALSE, INDETERMINATE, TRUE)]
            yield _dimension(subject, [condition], free)
        return
    yield _dimension(subject, conditions, atoms)


def _atoms(
    subject: Subject, conditions: list[Condition], effort: Effort
) -> tuple[Atom, ...] | TooLarge:
    """The subject's values in atoms."""
    effort.spend(_STEPS_FOR_ATOMS * len(conditions))
    merged: dict[tuple[int, ...], Atom] = {}
    try:
        for atom in ATOMS[subject[0]](conditions, effort):
            known = merged.get(atom.truths)
            if known is None or (atom.is_known and not known.is_known):
                merged[atom.truths] = atom
    except TooLarge as error:
        return error
    return tuple(merged.values())


def _dimension(subject: Subject, conditions: list[Condition], atoms: Iterable[Atom]) -> Dimension:
    kept = tuple(atoms)
    masks = {}
    for place, condition in enumerate(conditions):
        truths = [atom.truths[place] for atom in kept]
        true = sum([1 << n for n, truth in enumerate(truths) if truth == TRUE])
        possible = sum([1 << n for n, truth in enumerate(truths) if truth != FALSE])
        masks[condition] = (true, possible)
    return Dimension(subject, kept, masks)


def _names(conditions: Sequence[Condition], effort: Effort) -> Iterator[Atom]:
    sets = [[("glob", pattern) for pattern in condition.meaning] for condition in conditions]
    for vector, text in distinguish(sets, effort, not_empty=True).items():
        yield Atom(tuple(TRUE if is_in else FALSE for is_in in vector), text, text is not None)


def _agents(conditions: Sequence[Condition], effort: Effort) -> Iterator[Atom]:
    """Names, or that none is known."""
    yield from _names(conditions, effort)
    yield Atom((INDETERMINATE,) * len(conditions), None)


def _kinds(conditions: Sequence[Condition], _effort: Effort) -> Iterator[Atom]:
    """What may be installed."""
    for kind in KINDS:
        yield Atom(tuple(TRUE if kind in each.meaning else FALSE for each in conditions), kind)


def _annotations(conditions: Sequence[Condition], _effort: Effort) -> Iterator[Atom]:
    """All values of the four hints: what is unknown has the value of its default."""
    for values in product((False, True), repeat=len(HINTS)):
        known = dict(zip(HINTS, values, strict=True))
        counting = {**known}
        counting["destructiveHint"] &= not known["readOnlyHint"]
        truths = []
        for condition in conditions:
            hint, wanted = condition.meaning
            truths.append(TRUE if counting[hint] == wanted else FALSE)
        yield Atom(tuple(truths), known)


def _facts(conditions: Sequence[Condition], _effort: Effort) -> Iterator[Atom]:
    """A name is not there, is there, or there is no session."""
    for there in (False, True):
        truths = tuple(TRUE if each.meaning == (there,) else FALSE for each in conditions)
        yield Atom(truths, there)
    yield Atom((INDETERMINATE,) * len(conditions), None)


def _selections(conditions: Sequence[Condition], effort: Effort) -> Iterator[Atom]:
    """What a path selects: a value, several, or nothing. Values come first: a call in which
    something is there says more.
    """
    asked = [_asked(condition) for condition in conditions]
    values = single_values(conditions, effort)
    if may_select_several(conditions[0].subject[1]):
        yield from _several(list(values), [quantifier for quantifier, _ in asked])
    else:
        yield from values
    yield Atom(
        tuple(FALSE if quantifier == "every" else absent(tests) for quantifier, tests in asked), ()
    )


def single_values(conditions: Sequence[Condition], effort: Effort) -> Iterator[Atom]:
    """What conditions on one path make of a value where it is the only one; some come twice."""
    asked = [_asked(condition) for condition in conditions]
    each = sorted({test for _, tests in asked for test in tests})
    places = {test: place for place, test in enumerate(each)}
    of_tests = [[places[test] for test in tests] for _, tests in asked]
    for found, example in kinds(each, effort):
        truths = tuple([min([found[place] for place in own]) for own in of_tests])
        yield Atom(truths, (example,), example is not None)


def _asked(condition: Condition) -> tuple[str, tuple[tuple[str, str], ...]]:
    quantifier, tests = condition.meaning
    return quantifier, tests


def _several(singles: list[Atom], quantifiers: list[str]) -> Iterator[Atom]:
    """All combinations of at least one kind of values."""
    merged: dict[tuple[int, ...], Atom] = {}
    for single in singles:
        known = merged.get(single.truths)
        if known is None or not known.is_known:
            merged[single.truths] = single
    values = list(merged.values())
    if len(values) > _MOST_KINDS:
        raise TooLarge
    for chosen in sorted(range(1, 1 << len(values)), key=int.bit_count):
        members = [atom for place, atom in enumerate(values) if chosen >> place & 1]
        truths = tuple(
            (min if quantifier == "every" else max)(atom.truths[place] for atom in members)
            for place, quantifier in enumerate(quantifiers)
        )
        examples = tuple(atom.example[0] for atom in members)
        yield Atom(truths, examples, all(atom.is_known for atom in members))


ATOMS: Final[dict[str, Callable[[Sequence[Condition], Effort], Iterator[Atom]]]] = {
    "tool": _names,
    "upstream": _names,
    "agent": _agents,
    "kind": _kinds,
    "name": _names,
    **dict.fromkeys(GLOBS[1:], _agents),
    "annotations": _annotations,
    "labels": _facts,
    "called": _facts,
    "input": _selections,
    "metadata": _selections,
}
"""The values of each kind of subject, in atoms of which some come several times."""
