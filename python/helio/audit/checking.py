"""Checking: a whole audit, every journal of it, against itself and against heads kept elsewhere.

Above: `helio.cli`. Below: `verification` (one journal), `archive_check`,
`head`, `directories`. Changes nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from helio.audit import lock, segment
from helio.audit.archive_check import check_archive
from helio.audit.chain import Finding
from helio.audit.directories import journals, name_of
from helio.audit.head import Head, public_key
from helio.audit.verification import Verified, verify
from helio.audit.verified_files import Progress


class KeptHead(NamedTuple):
    """A head, and where it was kept: a file's name, and its number in that file, from 1."""

    head: Head
    source: str
    number: int


@dataclass
class Checked:
    """What was found. `compared` heads were held against their record, `older` ones name records
    that the journals no longer hold. `found` are the findings, each with its journal's name (see
    `directories.name_of`); `archived` parts of the archive were
    looked at; `key_checked`: the audit's own key was there to compare heads with.
    """

    journals: dict[str, Verified] = field(default_factory=dict)
    found: list[tuple[str, Finding]] = field(default_factory=list)
    compared: int = 0
    older: int = 0
    more: int = 0
    archived: int = 0
    key_checked: bool = True


class Places(NamedTuple):
    """Where an audit is: its directory, the file of its signing key, and its archive, which is in
    each journal's own directory when that is None."""

    directory: Path
    key: Path
    archive: str | None = None


def check(places: Places, heads: Iterable[KeptHead], progress: Progress) -> Checked:
    """Looks at every journal of an audit, and at what was sealed of it.

    Raises FileNotFoundError when there is neither a journal nor a head that names one, OSError,
    `ArchiveUnavailable` and `SigningKeyUnusable`.
    """
    directory = places.directory
    checked = Checked()
    named = _named(heads, public_key(places.key), checked)
    present = {name_of(each, directory): each for each in journals(directory)}
    if not named and not any(each.is_dir() and segment.segments(each) for each in present.values()):
        raise FileNotFoundError(f"there is no journal in {directory}")
    for name in sorted(present.keys() | named.keys()):
        hashes = named[name]
        older = _check_one(
            checked,
            name,
            directory / name,
            heads=hashes,
            location=places.archive,
            progress=progress,
        )
        checked.older += older
        checked.compared += len(hashes) - older
    return checked


def _check_one(
    checked: Checked,
    name: str,
    journal: Path,
    *,
    heads: Mapping[int, set[str]],
    location: str | None,
    progress: Progress,
) -> int:
    """Adds what is found of one journal; how many heads are older than what it holds."""
    if not journal.is_dir():
        result = verify(journal, heads, progress)
    else:
        # What is sealed meanwhile stays where it is until this is done.
        with lock.reading(journal):
            archived = check_archive(journal, location)
            named = archived.named
            hashes = {
                sequence: heads.get(sequence, set()) | named.get(sequence, set())
                for sequence in heads.keys() | named.keys()
            }
            result = verify(journal, hashes, progress)
        contradicted = result.told.contradicted(archived.parts)
        checked.found += [(name, finding) for finding in (*archived.findings, *contradicted)]
        checked.archived += len(archived.parts)
    checked.journals[name] = result
    checked.found += [(name, finding) for finding in result.findings]
    checked.more += result.more
    return sum(sequence < result.first - 1 for sequence in heads)


def _named(
    heads: Iterable[KeptHead], public: str | None, checked: Checked
) -> defaultdict[str, dict[int, set[str]]]:
    """The hashes that authentic heads name, by journal and sequence number."""
    named: defaultdict[str, dict[int, set[str]]] = defaultdict(dict)
    checked.key_checked = public is not None
    for head, source, number in heads:
        wrong = None
        if not head.is_authentic():
            wrong = "the signature is not of this head"
        elif public is not None and head.public_key != public:
            wrong = "it was signed by another key than this audit's"
        if wrong is None:
            named[head.journal].setdefault(head.seq, set()).add(head.hash)
        else:
            finding = Finding("signature", source, number, head.seq, wrong)
            checked.found.append((head.journal, finding))
    return named
