"""The dimensions of the calls of a cluster.

Above: `diagram`, `calls`, `regions`. Below: `tools`, `helio.policy.reach.spaces`. Pure.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from helio.policy.difference.tools import tool_dimensions
from helio.policy.installation import GLOBS
from helio.policy.reach.conditions import Condition
from helio.policy.reach.effort import Effort
from helio.policy.reach.spaces import Dimension, Space

_ORDER: Final = (
    *("tool", "kind", *GLOBS),
    *("upstream", "annotations", "agent", "labels", "called", "input", "metadata"),
)


class Grid:
    """All dimensions that some conditions are about, tools first. Of tools only those are told
    apart that match one of `seeds`.
    """

    def __init__(
        self, conditions: Iterable[Condition], seeds: Sequence[str], effort: Effort
    ) -> None:
        distinct = list(dict.fromkeys(conditions))
        about_tools = [each for each in distinct if each.subject == ("tool",)]
        others = [each for each in distinct if each.subject != ("tool",)]
        found = [
            *tool_dimensions(about_tools, seeds, effort),
            *Space(others, effort).dimensions,
        ]
        self.dimensions: list[Dimension] = sorted(
            found, key=lambda dimension: _ORDER.index(dimension.subject[0])
        )
        self._places = {
            condition: place
            for place, dimension in enumerate(self.dimensions)
            for condition in dimension.masks
        }

    def masks(self, conditions: Iterable[Condition]) -> dict[int, tuple[int, int]]:
        """Of each dimension that they ask about: the atoms for which all of them are true, and
        those for which they may be.
        """
        found: dict[int, tuple[int, int]] = {}
        for condition in conditions:
            place = self._places[condition]
            true, possible = self.dimensions[place].masks[condition]
            before = found.get(place, (true, possible))
            found[place] = before[0] & true, before[1] & possible
        return found
