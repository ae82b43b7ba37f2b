"""What was reported of evaluations that are over, so that a report that comes again is known.

Above: `evaluations`, `helio.app.sideband`. Below: nothing. The oldest are forgotten.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

MOST: Final = 10_000
"""Reports that are remembered."""
MOST_KEPT: Final = 1_000
"""Reports of them that a restart remembers, beside those of the journal's last file."""


class Reported:
    """By the evaluation's id: what its report is known by."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._reports: OrderedDict[str, str] = OrderedDict()

    def __contains__(self, call_id: str) -> bool:
        return call_id in self._reports

    def of(self, call_id: str) -> str:
        """What the report is known by. Raises KeyError."""
        return self._reports[call_id]

    def remember(self, call_id: str, report: str) -> None:
        """An evaluation was reported."""
        self._reports[call_id] = report
        if len(self._reports) > self._most:
            self._reports.popitem(last=False)

    def forget(self, call_id: str) -> None:
        """What was reported of it counts for nothing: it is open still."""
        self._reports.pop(call_id, None)

    def checkpoint(self) -> list[tuple[str, str]]:
        """The youngest, oldest first, for the journal's checkpoint."""
        return list(self._reports.items())[-MOST_KEPT:]

    def restore(self, reports: Iterable[Iterable[str]]) -> None:
        """Takes back what a checkpoint held, and what came after it."""
        for call_id, report in reports:
            self.remember(call_id, report)
