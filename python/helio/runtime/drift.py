"""Records what happens to tool definitions: the journal's `drift_event`.

Above: `helio.app`. Below: `helio.governance.catalogue` (notes it), `helio.audit` (keeps it).

The record of a definition that was accepted holds its pin in `pins`, so that the journal alone
tells a restart what was accepted (`helio.audit.recovery`). First sights are recorded many at a
time; everything else is a record of its own.
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Final

from helio.errors import JournalUnavailable
from helio.governance.catalogue import Change, Pins
from helio.governance.feedback import instant
from helio.runtime import clock

logger = logging.getLogger(__name__)

KIND: Final = "drift_event"
TOGETHER: Final = 500
"""First sights in one record."""

Append = Callable[[str, Mapping[str, object]], None]


class DriftRecords:
    """Writes the records. `append` is `helio.audit.journal.Journal.append_soon`.

    Nobody waits for them: the intent of a call that was let through because of a pin comes after
    the pin in the journal.
    """

    def __init__(self, append: Append, environment: str | None) -> None:
        self._append = append
        self._environment = environment

    def record(
        self, upstream: str, changes: Sequence[Change], pins: Pins, *, by: str | None = None
    ) -> None:
        """Records what happened to an upstream's tools; `pins` are those it has now, and `by` is
        the operator who had it so, None where nobody did."""
        first = (change for change in changes if change.event == "pinned")
        while batch := list(islice(first, TOGETHER)):
            names = [change.tool for change in batch]
            self._write(upstream, None, {"event": "pinned", "tools": names}, _stored(names, pins))
        for change in changes:
            if change.event == "pinned":
                continue
            told = {
                "event": change.event,
                "aspects": change.aspects,
                "pinned": change.pinned,
                "current": change.current,
                **({} if by is None else {"by": by}),
            }
            names = [change.tool] if change.event in ("accepted", "released") else []
            self._write(upstream, change.tool, told, _stored(names, pins))

    def refused_lock(self, why: str) -> None:
        """A lock could not be taken; the pins stay as they were."""
        self._write(None, None, {"event": "lock_refused", "why": why}, {})

    def _write(
        self,
        upstream: str | None,
        tool: str | None,
        told: Mapping[str, object],
        pins: Mapping[str, object],
    ) -> None:
        now = clock.now().wall
        data: dict[str, object] = {
            "call_id": clock.new_call_id(now),
            "record_kind": KIND,
            "timestamp": instant(now),
            "environment": self._environment,
            "upstream": upstream,
            "tool_name": tool,
            "metadata": json.dumps(told),
        }
        if pins:
            data["pins"] = pins
        try:
            self._append(KIND, data)
        except JournalUnavailable as error:
            logger.error("a change of tool definitions is not recorded: %s", error)


def _stored(names: Iterable[str], pins: Pins) -> dict[str, object]:
    found = {name: pins.get(name) for name in names}
    return {name: None if pin is None else pin.stored() for name, pin in found.items()}
