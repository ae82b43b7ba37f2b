"""What a journal says was charged, read from its files as plain JSON: the oracle for restarts.

Above the tests; below it nothing of Helio. An intent's charges count unless its outcome says that
nothing was forwarded, whatever else became of the call.
"""

import json
from collections import Counter, defaultdict
from fractions import Fraction
from pathlib import Path
from typing import Any

Totals = dict[tuple[str, str], Fraction]
"""What is charged, by the identity of the limit or budget and the window's key."""


class Ledger:
    """The charges of a journal's directory. Files that were read are not read again, so read
    only what nobody writes to any more."""

    def __init__(self) -> None:
        self._read: set[Path] = set()
        self._intents: dict[str, Any] = {}
        self._withdrawn: set[str] = set()
        self.outcomes: Counter[str] = Counter()

    def read(self, directory: Path) -> None:
        """Takes the files that are new. A last line may be torn; a torn one before it raises."""
        for path in sorted(set(directory.glob("journal-*")) - self._read):
            lines = path.read_bytes().split(b"\n")
            if len(lines) > 1:  # One that has no whole line yet may be begun anew.
                self._read.add(path)
            for line in lines[:-1]:
                self._take(json.loads(line))

    def _take(self, line: Any) -> None:
        data = line["data"]
        if line["kind"] == "intent":
            known = self._intents.setdefault(data["call_id"], data)
            assert known is data or line.get("carried"), f"{data['call_id']} is there twice"
        elif line["kind"] == "outcome" and not line.get("carried"):
            self.outcomes[data["call_id"]] += 1
            if data["status"] == "not_forwarded":
                self._withdrawn.add(data["call_id"])

    @property
    def charged(self) -> list[Any]:
        """The intents whose charges count."""
        return [data for id_, data in self._intents.items() if id_ not in self._withdrawn]

    def totals(self) -> Totals:
        """What counts where, windows being endless."""
        found: defaultdict[tuple[str, str], Fraction] = defaultdict(Fraction)
        for data in self.charged:
            for limit, key, _, amount, _ in data.get("charges", ()):
                found[limit, key] += Fraction(amount)
        return dict(found)
