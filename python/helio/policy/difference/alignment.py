"""Which rules two policies share: the same meaning, in the same order.

Above: `clusters`. Below: nothing. Pure. What is not shared is changed; a longest common subsequence
is found where meanings are distinct, and some common subsequence where they are not.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence


def shared(old: Sequence[str], new: Sequence[str]) -> tuple[set[int], set[int]]:
    """The places in `old` and in `new` of what both have in the same order."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, meaning in enumerate(new):
        places[meaning].append(place)
    met: dict[str, int] = defaultdict(int)
    pairs = []
    for place, meaning in enumerate(old):
        nth = met[meaning]
        met[meaning] += 1
        if nth < len(places.get(meaning, ())):
            pairs.append((place, places[meaning][nth]))
    kept = _longest_rising([there for _, there in pairs])
    return {pairs[at][0] for at in kept}, {pairs[at][1] for at in kept}


def _longest_rising(numbers: Sequence[int]) -> list[int]:
    """The places of a longest strictly rising subsequence."""
    lowest: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for place, number in enumerate(numbers):
        length = bisect_left(lowest, number)
        before.append(ends[length - 1] if length else -1)
        if length == len(lowest):
            lowest.append(number)
            ends.append(place)
        else:
            lowest[length] = number
            ends[length] = place
    found = []
    place = ends[-1] if ends else -1
    while place >= 0:
        found.append(place)
        place = before[place]
    return found[::-1]
