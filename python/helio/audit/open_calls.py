"""The calls that have an intent and no outcome yet, as a checkpoint tells them.

Above: `journal`. Below: `pending`. Lives on the event loop; does no I/O.
"""

from collections.abc import Iterable, Mapping

from helio.audit.pending import OpenEntry, Record
from helio.audit.recovery import OpenCall, Recovered
from helio.audit.resumable import kept, size


class OpenCalls:
    """By call id. The state that a journal is given holds what recovered calls bring already, but
    for those that go on. `bytes` is what a checkpoint holds so that others can go on with them."""

    def __init__(self, recovered: Recovered) -> None:
        self._calls: dict[str | None, OpenEntry] = {
            call.call_id: OpenEntry(call.at) for call in recovered.open_calls
        }
        for call in recovered.resumed:
            self._calls[call.call_id] = _resumed(call)
        self.bytes = sum(size(entry.evaluation) for entry in self._calls.values())

    def __len__(self) -> int:
        """How many there are."""
        return len(self._calls)

    def __contains__(self, call_id: str) -> bool:
        """Whether the call is open."""
        return call_id in self._calls

    def begin(self, record: Record, data: Mapping[str, object]) -> None:
        """The record is a call's intent, with this data."""
        entry = OpenEntry(record.at, data.get("charges", ()), data.get("facts"), kept(data))
        self._calls[record.call_id] = entry
        self.bytes += size(entry.evaluation)

    def end(self, call_id: str | None, outcome: Mapping[str, object]) -> OpenEntry | None:
        """The call ends; what it is in a checkpoint that comes before its outcome's line."""
        call = self._taken(call_id)
        if call is None or outcome.get("status") == "not_forwarded":
            return call
        # The state holds what it brought.
        return OpenEntry(call.at)

    def forget(self, record: Record) -> None:
        """The record will never be written; a call that it began never did."""
        if record.kind == "intent":
            self._taken(record.call_id)

    def _taken(self, call_id: str | None) -> OpenEntry | None:
        call = self._calls.pop(call_id, None)
        if call is not None:
            self.bytes -= size(call.evaluation)
        return call

    def listed(self, ending: Iterable[Record]) -> list[list[object]]:
        """For a checkpoint: the open calls, and those that the records `ending` behind it end."""
        calls = self._calls | {
            record.call_id: record.ending for record in ending if record.ending is not None
        }
        return [
            [call_id, *(entry if entry.evaluation is not None else entry[:-1])]
            for call_id, entry in calls.items()
        ]


def _resumed(call: OpenCall) -> OpenEntry:
    """As its intent's record said; a charge's last member is the call's own time."""
    charges = [list(charge[:-1]) for charge in call.charges]
    return OpenEntry(call.at, charges, call.facts, call.evaluation)
