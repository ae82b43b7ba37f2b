"""A unified diff of long texts in a time that grows with them.

Above: `output`. Below: `difflib`. Pure. Lines that stand once in each text, in the same order, are
taken for the same; only what is between them is compared line by line, and a stretch that is too
long for that is told as another one.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher, unified_diff
from typing import Any, Literal

_SHORT = 2000
"""Texts, and stretches of them, of so many lines together are compared line by line."""
_CONTEXT = 3

Kind = Literal["replace", "delete", "insert", "equal"]
Opcode = tuple[Kind, int, int, int, int]


class _Compared(SequenceMatcher[str]):
    """Texts that were compared before: for the groups of what was found."""

    def __init__(self, opcodes: list[Opcode]) -> None:
        super().__init__()
        self._opcodes = opcodes

    def get_opcodes(self) -> list[Any]:
        return self._opcodes


def line_changes(
    old: Sequence[str], new: Sequence[str], old_name: str, new_name: str
) -> Iterator[str]:
    """The lines of a unified diff, those of the texts as they are."""
    if len(old) + len(new) <= _SHORT:
        yield from unified_diff(old, new, old_name, new_name)
        return
    compared = _Compared(list(_joined(_opcodes(old, new))))
    named = False
    for group in compared.get_grouped_opcodes(_CONTEXT):
        if all(kind == "equal" for kind, *_ in group):
            continue
        if not named:
            yield from (f"--- {old_name}\n", f"+++ {new_name}\n")
            named = True
        first, last = group[0], group[-1]
        places = f"-{_range(first[1], last[2])} +{_range(first[3], last[4])}"
        yield f"@@ {places} @@\n"
        for kind, start, end, new_start, new_end in group:
            if kind == "equal":
                yield from (f" {line}" for line in old[start:end])
                continue
            yield from (f"-{line}" for line in old[start:end])
            yield from (f"+{line}" for line in new[new_start:new_end])


def _opcodes(old: Sequence[str], new: Sequence[str]) -> Iterator[Opcode]:
    at, new_at = 0, 0
    for place, new_place in [*_anchors(old, new), (len(old), len(new))]:
        if at < place and new_at < new_place and place - at + new_place - new_at > _SHORT:
            yield ("replace", at, place, new_at, new_place)
            at, new_at = place, new_place
        between = SequenceMatcher(None, old[at:place], new[new_at:new_place], autojunk=False)
        for kind, start, end, new_start, new_end in between.get_opcodes():
            yield (kind, at + start, at + end, new_at + new_start, new_at + new_end)
        if place < len(old):
            yield ("equal", place, place + 1, new_place, new_place + 1)
        at, new_at = place + 1, new_place + 1


def _anchors(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """The places of lines that stand once in both, the longest run of them in order."""
    once = {line for line, number in Counter(new).items() if number == 1}
    once &= {line for line, number in Counter(old).items() if number == 1}
    places = {line: place for place, line in enumerate(new) if line in once}
    pairs = [(place, places[line]) for place, line in enumerate(old) if line in once]
    ends: list[int] = []
    last: list[int] = []
    before: list[int | None] = []
    for number, (_, new_place) in enumerate(pairs):
        length = bisect_left(ends, new_place)
        before.append(last[length - 1] if length else None)
        ends[length : length + 1] = [new_place]
        last[length : length + 1] = [number]
    found: list[tuple[int, int]] = []
    at = last[-1] if last else None
    while at is not None:
        found.append(pairs[at])
        at = before[at]
    return found[::-1]


def _joined(opcodes: Iterator[Opcode]) -> Iterator[Opcode]:
    """Neighbours of one kind as one."""
    held: Opcode | None = None
    for code in opcodes:
        if held is not None and held[0] == code[0]:
            held = (held[0], held[1], code[2], held[3], code[4])
            continue
        if held is not None:
            yield held
        held = code
    if held is not None:
        yield held


def _range(start: int, end: int) -> str:
    length = end - start
    return f"{start + 1}" if length == 1 else f"{start + bool(length)},{length}"
