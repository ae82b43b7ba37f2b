"""Checking: a whole audit, every journal of it, against itself and against heads kept elsewhere.

Above: `helio.cli`. Below: `verification` (one journal), `head`, `directories`. Changes nothing.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from helio.audit import segment
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
    `directories.name_of`); `key_checked`: the audit's own key was there to compare heads with.
    """

    journals: dict[str, Verified] = field(default_factory=dict)
    found: list[tuple[str, Finding]] = field(default_factory=list)
    compared: int = 0
    older: int = 0
    more: int = 0
    key_checked: bool = True


def check(directory: Path, heads: Iterable[KeptHead], key: Path, progress: Progress) -> Checked:
    """Looks at every journal of the audit in `directory`; `key` is the file of its signing key.

    Raises FileNotFoundError when there is neither a journal nor a head that names one, OSError, and
    `SigningKeyUnusable`.
    """
    checked = Checked()
    named = _named(heads, public_key(key), checked)
    present = {name_of(each, directory): each for each in journals(directory)}
    if not named and not any(each.is_dir() and segment.segments(each) for each in present.values()):
        raise FileNotFoundError(f"there is no journal in {directory}")
    for name in sorted(present.keys() | named.keys()):
        hashes = named[name]
        result = verify(directory / name, hashes, progress)
        checked.journals[name] = result
        checked.found += [(name, finding) for finding in result.findings]
        checked.more += result.more
        older = sum(sequence < result.first for sequence in hashes)
        checked.older += older
        checked.compared += len(hashes) - older
    return checked


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
