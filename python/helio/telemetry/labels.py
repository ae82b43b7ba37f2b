"""Labels of metrics, bounded: what agents or policies name cannot fill a monitoring system. Pure.

Above: `helio.telemetry.metrics`.
"""

from typing import Final

OTHER: Final = "other"


class BoundedLabel:
    """The first `most` different values of a label; any later one is `other`."""

    __slots__ = ("_known", "_most")

    def __init__(self, most: int) -> None:
        self._known: set[str] = set()
        self._most = most

    def of(self, value: object) -> str:
        """The label for a value; the empty text for None."""
        if value is None:
            return ""
        text = str(value)
        known = self._known
        if text in known:
            return text
        if len(known) < self._most:
            known.add(text)
            return text
        return OTHER
