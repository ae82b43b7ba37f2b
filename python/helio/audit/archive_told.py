"""What a journal itself tells of its archive: the manifests of the days that its Helio sealed.

Above: `checking`, `helio.app.archiving` (which has it recorded). Below: `chain`, `manifest`,
`segment`. Pure. A manifest is bound by the next one, and the newest one by these records, which the
chain and heads protect: whoever alters an archive and all its manifests contradicts them.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import orjson

from helio.audit.chain import Entry, Finding
from helio.audit.manifest import Manifest
from helio.audit.segment import Line

TOLD: Final = ("date", "file", "rows", "sha256", "manifest")
"""What a record tells of a part; `manifest` is the sha256 of its manifest."""
_KIND: Final = "lifecycle"


class Told(NamedTuple):
    """A part, by the sha256 of its manifest, as the record `sequence` tells of it."""

    sequence: int
    manifest: str


class ArchiveTold:
    """Gathers what is told of parts, the last word of each counting."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], Told] = {}

    def noting(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """The entries as they are, looked at as they pass."""
        for entry in entries:
            if isinstance(entry.line, Line) and entry.line.kind == _KIND:
                self._note(entry.line)
            yield entry

    def contradicted(self, parts: Iterable[Manifest]) -> Iterator[Finding]:
        """The parts that are not the ones of which the journal tells."""
        for part in parts:
            told = self._told.get((part.date, part.file))
            if told is not None and told.manifest != part.sha:
                what = f"record {told.sequence} of the journal says that another one was sealed"
                yield Finding("archive", part.place, 0, None, what)

    def _note(self, line: Line) -> None:
        for part in _sealed(line):
            match part:
                case {"date": str(date), "file": str(file), "manifest": str(manifest)}:
                    self._told[date, file] = Told(line.sequence, manifest)


def _sealed(line: Line) -> list[Any]:
    """The parts that a record says were sealed; none where it says nothing of that."""
    metadata = line.values().get("metadata")
    if not isinstance(metadata, str) or '"sealed"' not in metadata:
        return []
    try:
        told = orjson.loads(metadata)
    except orjson.JSONDecodeError:
        return []  # An altered record, which the chain reports.
    match told:
        case {"event": "sealed", "sealed": list(parts)}:
            return parts
    return []
