"""Whether the archive of a journal is what was sealed, and the journal goes on where it ends.

Above: `checking`. Below: `archive`, `manifest`, `segment`. Reads all of the archive's files.
"""

from pathlib import Path
from typing import NamedTuple

from helio.audit import segment
from helio.audit.archive import Archive
from helio.audit.chain import Finding
from helio.audit.directories import archive_of
from helio.audit.manifest import Manifest
from helio.audit.node import node_of


class CheckedArchive(NamedTuple):
    """What a journal has in the archive: the `parts` that can be read, and what is wrong."""

    parts: list[Manifest]
    findings: list[Finding]

    @property
    def named(self) -> dict[int, set[str]]:
        """The hashes of the parts' last records, by sequence number."""
        return {each.last_seq: {each.digest} for each in self.parts}


def check_archive(journal: Path, location: str | None) -> CheckedArchive:
    """Looks at every manifest of the journal in the archive at `location` (None: in the journal's
    own directory), and at every file. Raises `ArchiveUnavailable`, and OSError."""
    place = archive_of(journal, location)
    archive = Archive(place)
    node = node_of(journal)
    parts, faults = archive.examined(node) if node is not None else ([], [])
    findings = [Finding("archive", fault.place, 0, None, fault.why) for fault in faults]
    present = segment.segments(journal)
    if present:
        through = parts[-1].last_seq if parts else 0
        # Without parts that are left, their time may be over.
        if present[0] > through + 1 and (parts or not archive.began()):
            missing = f"records {through + 1} to {present[0] - 1}"
            what = f"{missing} are neither here nor in the archive at {place}"
            name = segment.path_of(journal, present[0]).name
            findings.append(Finding("gap", name, 1, present[0], what))
    return CheckedArchive(parts, findings)
