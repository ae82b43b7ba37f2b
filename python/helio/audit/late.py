"""Late records: those that could not be written, and will be when they can.

Above: `journal`. Below: `pending`. Lives on the event loop; does no I/O. The ends of calls that
have an intent are always kept, for there are no more of them than calls. With `everything` the
intents and refusals are, too, of calls that go on unrecorded: so many that memory is not at risk.
"""

from collections.abc import Iterator
from typing import Final

from helio.audit.pending import Record

_KINDS: Final = frozenset({"intent", "outcome", "blocked", "rejected"})
_MOST: Final = 65_536
_MOST_BYTES: Final = 64 * 1024 * 1024


class Late:
    """They are, in order. `lost` counts the records that nothing is left of."""

    def __init__(self, *, everything: bool) -> None:
        self.lost = 0
        self._everything = everything
        self._records: list[Record] = []
        self._bytes = 0
        self._unwritten: set[str | None] = set()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        """All of them."""
        return iter(self._records)

    def keeps(self, record: Record) -> bool:
        """Whether the record is one to keep: what ends a call, or any if everything is kept."""
        if record.ending is not None:
            return True
        room = len(self._records) < _MOST and self._bytes < _MOST_BYTES
        return self._everything and room and record.kind in _KINDS

    def add(self, record: Record) -> bool:
        """Keeps the record, if it is one to keep; else it is counted as lost."""
        if not self.keeps(record):
            self.lost += 1
            return False
        self._records.append(record)
        self._bytes += len(record.data)
        if record.kind == "intent":
            self._unwritten.add(record.call_id)
        return True

    def take(self, *, ends_only: bool = False) -> list[Record]:
        """Gives them all up, or those only that end calls with a written intent."""
        if not ends_only:
            taken, self._records = self._records, []
        else:
            taken = [each for each in self._records if self.is_end(each)]
            self._records = [each for each in self._records if not self.is_end(each)]
        self._bytes = sum(len(each.data) for each in self._records)
        if not self._records:
            self._unwritten.clear()
        return taken

    def is_end(self, record: Record) -> bool:
        """Whether the record ends a call whose intent was written."""
        return record.ending is not None and record.call_id not in self._unwritten
