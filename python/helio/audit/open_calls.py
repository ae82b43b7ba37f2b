"""The calls that have an intent and no outcome yet, as a checkpoint tells them.

Above: `journal`. Below: `pending`. Lives on the event loop; does no I/O.
"""

from collections.abc import Iterable, Mapping

from helio.audit.pending import OpenEntry, Record
from helio.audit.recovery import Recovered


class OpenCalls:
    """By call id. The state that a journal is given holds what recovered calls bring already."""

    def __init__(self, recovered: Recovered) -> None:
        self._calls: dict[str | None, OpenEntry] = {
            call.call_id: OpenEntry(call.at) for call in recovered.open_calls
        }

    def __len__(self) -> int:
        """How many there are."""
        return len(self._calls)

    def __contains__(self, call_id: str) -> bool:
        """Whether the call is open."""
        return call_id in self._calls

    def begin(self, record: Record, data: Mapping[str, object]) -> None:
        """The record is a call's intent, with this data."""
        entry = OpenEntry(record.at, data.get("charges", ()), data.get("facts"))
        self._calls[record.call_id] = entry

    def end(self, call_id: str | None, outcome: Mapping[str, object]) -> OpenEntry | None:
        """The call ends; what it is in a checkpoint that comes before its outcome's line."""
        call = self._calls.pop(call_id, None)
        if call is None or outcome.get("status") == "not_forwarded":
            return call
        # The state holds what it brought.
        return OpenEntry(call.at)

    def forget(self, record: Record) -> None:
        """The record will never be written; a call that it began never did."""
        if record.kind == "intent":
            self._calls.pop(record.call_id, None)

    def listed(self, ending: Iterable[Record]) -> list[list[object]]:
        """For a checkpoint: the open calls, and those that the records `ending` behind it end."""
        calls = self._calls | {
            record.call_id: record.ending for record in ending if record.ending is not None
        }
        return [[call_id, *entry] for call_id, entry in calls.items()]
