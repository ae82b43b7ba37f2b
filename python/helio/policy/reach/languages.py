"""Sets of texts, and the shortest texts that tell them apart.

Above: `values`, `spaces`. Below: `helio.evaluator`, whose automata read the same patterns as it
judges. Pure.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

from helio import evaluator
from helio.policy.reach.effort import Effort, TooLarge

Language: TypeAlias = tuple[str, str]
"""`glob`, `exact`, `starts_with`, `ends_with`, `contains` or `regex`, and the text of it."""

_MOST_STATES: Final = 10_000
_STATES_EACH: Final = 30
"""What making one automaton costs, in steps of the native core."""
_FASTER: Final = 20
"""So many steps of the native core are one of ours."""


def distinguish(
    sets: Sequence[Sequence[Language]], effort: Effort, *, not_empty: bool = False
) -> dict[tuple[bool, ...], str | None]:
    """Every way in which a text can be in some of the sets and not in the others, each with a
    shortest text of that kind; None where it is not known that there is one. A set is the union of
    its languages.

    Raises `TooLarge`, and `Exhausted` when `effort` is used up.
    """
    key = (not_empty, tuple(map(tuple, sets)))
    if key not in effort.known:
        effort.known[key] = _distinguished(sets, effort, not_empty)
    known: dict[tuple[bool, ...], str | None] = effort.known[key]
    return known


def _distinguished(
    sets: Sequence[Sequence[Language]], effort: Effort, not_empty: bool
) -> dict[tuple[bool, ...], str | None]:
    size = sum(map(len, sets))
    effort.spend(_STATES_EACH * (1 + size))
    try:
        found, steps = evaluator.distinguish([list(each) for each in sets], not_empty, _MOST_STATES)
    except evaluator.LanguageError as error:
        effort.spend(_MOST_STATES // 2)
        raise TooLarge(error.args[0]) from error
    effort.spend(steps * (1 + len(sets)) // _FASTER)
    return dict(found)
