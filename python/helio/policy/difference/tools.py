"""The tools that changed rules may be about, in atoms that no glob tells apart.

Above: `grid`. Below: `helio.policy.reach.spaces`, `helio.evaluator`. Pure. Most globs are a name, a
beginning (`mail_*`) or an end (`*_delete`); of these all combinations are written down at once.
What is of another form is told apart by automata.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final, NamedTuple

from helio.evaluator import glob_matches
from helio.policy.reach.conditions import Condition
from helio.policy.reach.effort import Effort
from helio.policy.reach.spaces import Atom, Dimension, Space

_SPECIAL: Final = re.compile(r"[*?\[{\\]")
_MOST_NAMES: Final = 20_000
_STEPS_FOR_A_NAME: Final = 20
_FILLERS: Final = b"x0~"
_NICE: Final = "any"
"""What stands between a beginning and an end, where it makes no difference."""


def tool_dimensions(
    conditions: Sequence[Condition], seeds: Sequence[str], effort: Effort
) -> list[Dimension]:
    """The dimension of the tools that match a seed; all others are one atom, without an example.
    Several where there are too many to tell apart.
    """
    if not conditions:
        return []
    names = _names(conditions, seeds)
    if names is None:
        return Space(conditions, effort).dimensions
    texts, filler = names
    effort.spend(_STEPS_FOR_A_NAME * len(texts) + len(conditions))
    index = _Index(conditions)
    found: dict[frozenset[int], str] = {}
    for name in texts:
        found.setdefault(index.matching(name), name)
    for matching, name in found.items():
        nicer = name.replace(filler, _NICE)
        if index.matching(nicer) == matching:
            found[matching] = nicer
    return [_dimension(conditions, found, whole="*" in seeds)]


def _dimension(
    conditions: Sequence[Condition], found: dict[frozenset[int], str], *, whole: bool
) -> Dimension:
    atoms = []
    masks = dict.fromkeys(range(len(conditions)), 0)
    for number, (matching, name) in enumerate(found.items()):
        for place in matching:
            masks[place] |= 1 << number
        atoms.append(Atom((), name))
    if not whole:
        atoms.append(Atom((), None, False))
    told = {each: (masks[place], masks[place]) for place, each in enumerate(conditions)}
    return Dimension(("tool",), tuple(atoms), told)


class _Parts(NamedTuple):
    """Globs by their form; of beginnings and ends, the empty one is always there."""

    names: set[str]
    beginnings: set[str]
    ends: set[str]
    has_all: bool

    @property
    def is_names(self) -> bool:
        """Whether no other name matches."""
        return not self.has_all and len(self.beginnings) == 1 and len(self.ends) == 1

    def has(self, name: str) -> bool:
        """Whether a name matches one of them."""
        return (
            self.has_all
            or name in self.names
            or any(name[:size] in self.beginnings for size in range(1, len(name) + 1))
            or any(name[size:] in self.ends for size in range(len(name)))
        )

    def may_begin(self, beginning: str) -> bool:
        """Whether a name that matches one, and is none of the names, may begin so."""
        if self.has_all or len(self.ends) > 1:
            return True
        known = self.beginnings - {""}
        return any(beginning.startswith(each) or each.startswith(beginning) for each in known)

    def may_end(self, end: str) -> bool:
        """Whether it may end so."""
        if self.has_all or len(self.beginnings) > 1:
            return True
        return any(end.endswith(each) or each.endswith(end) for each in self.ends - {""})


def _parts(globs: Iterable[str]) -> _Parts | None:
    """None when one has another form."""
    names: set[str] = set()
    beginnings, ends = {""}, {""}
    has_all = False
    for glob in globs:
        match _form(glob):
            case "all":
                has_all = True
            case "name":
                names.add(glob)
            case "beginning":
                beginnings.add(glob[:-1])
            case "end":
                ends.add(glob[1:])
            case _:
                return None
    return _Parts(names, beginnings, ends, has_all)


def _form(glob: str) -> str | None:
    if glob == "*":
        return "all"
    if not _SPECIAL.search(glob):
        return "name"
    if glob[-1] == "*" and not _SPECIAL.search(glob[:-1]):
        return "beginning"
    if glob[0] == "*" and not _SPECIAL.search(glob[1:]):
        return "end"
    return None


def _names(conditions: Sequence[Condition], seeds: Sequence[str]) -> tuple[list[str], str] | None:
    """At least one name of each kind among those that match a seed, and what fills them; None when
    they are not known, or too many.
    """
    parts = _parts(glob for condition in conditions for glob in condition.meaning)
    within = _parts(seeds)
    if within is not None and within.is_names:
        return sorted(within.names), _filler(within)
    if parts is None or within is None:
        return None
    names = sorted(name for name in parts.names | within.names if within.has(name))
    beginnings = sorted(filter(within.may_begin, parts.beginnings))
    ends = sorted(filter(within.may_end, parts.ends))
    if len(beginnings) * len(ends) > _MOST_NAMES:
        return None
    filler = _filler(parts)
    joined = (f"{beginning}{filler}{end}" for beginning in beginnings for end in ends)
    return [*filter(within.has, joined), *names], filler


def _filler(parts: "_Parts") -> str:
    """A character that no name, beginning or end holds: no name with it matches more of them."""
    texts = chain(parts.names, parts.beginnings, parts.ends)
    known = set(chain.from_iterable(texts))
    return next(
        chr(code) for code in chain(_FILLERS, range(0xA1, 0xD800)) if chr(code) not in known
    )


class _Index:
    """Which conditions a name meets."""

    def __init__(self, conditions: Sequence[Condition]) -> None:
        self._simple: dict[str, list[int]] = {}
        self._other: list[tuple[str, int]] = []
        for place, condition in enumerate(conditions):
            for glob in condition.meaning:
                if _form(glob) is None:
                    self._other.append((glob, place))
                else:
                    self._simple.setdefault(glob, []).append(place)

    def matching(self, name: str) -> frozenset[int]:
        """Their places."""
        found = set(self._simple.get(name, ()))
        for size in range(len(name) + 1):
            found.update(self._simple.get(f"{name[:size]}*", ()))
            found.update(self._simple.get(f"*{name[size:]}", ()))
        found.update(place for glob, place in self._other if glob_matches(glob, name))
        return frozenset(found)
