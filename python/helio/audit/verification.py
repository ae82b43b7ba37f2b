"""Verification: every fault of a journal, with file and line, in one pass over its files.

Above: `helio.cli`. Below: `chain` (what is wrong with lines), `verified_files` (their lines),
`watermark`, `lock`. Changes nothing. While a process serves, it looks as far as that process's
watermark: what stands behind it may still change.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from helio.audit import segment, watermark
from helio.audit.archive_told import ArchiveTold
from helio.audit.chain import Chain, Finding, Place
from helio.audit.lock import is_locked
from helio.audit.segment import NO_HASH
from helio.audit.verified_files import Files, Progress


@dataclass
class Verified:
    """What was found in one journal.

    `first` and `last` are the sequence numbers that it holds (0: none), `digest` the hash of the
    last record, `torn` the bytes behind it of a line that was never written whole. `findings` come
    in the order of the files; `more` is how many there are beyond them. `told` is what the journal
    says of its archive. `serving`: a process
    writes, and what it has not settled yet was not looked at.
    """

    directory: Path
    serving: bool
    node: str | None = None
    first: int = 0
    last: int = 0
    digest: str | None = NO_HASH
    torn: int = 0
    more: int = 0
    findings: list[Finding] = field(default_factory=list)
    told: ArchiveTold = field(default_factory=ArchiveTold)


def verify(
    directory: Path,
    named: Mapping[int, Collection[str]] | None = None,
    progress: Progress = lambda _: None,
) -> Verified:
    """Looks at every line of the journal in `directory`.

    `named` are hashes of records that are known from elsewhere, by sequence number: of signed heads
    and of the archive. Of those before the journal's first record the last one is what it must
    follow; the others are not looked at. Raises OSError for what cannot be read.
    """
    mark = watermark.read(directory) if is_locked(directory) else None
    expected = {sequence: set(hashes) for sequence, hashes in (named or {}).items()}
    if mark is not None and mark.sequence:
        expected.setdefault(mark.sequence, set()).add(mark.digest)
    present = segment.segments(directory) if directory.is_dir() else []
    if mark is not None:
        present = [first for first in present if first <= mark.sequence]
    begin = present[0] - 1 if present else 0
    before = expected.get(begin, ())
    known = NO_HASH if not begin else next(iter(before)) if len(before) == 1 else None
    chain = Chain(begin, known, expected)
    files = Files(directory, present, progress)
    told = ArchiveTold()
    chain.walk(told.noting(files.entries(None if mark is None else mark.sequence)))
    _report_cut(chain, files.end, expected)
    return Verified(
        directory,
        mark is not None,
        files.node,
        begin + 1 if present else 0,
        chain.sequence,
        chain.digest,
        files.torn,
        chain.more,
        files.findings(chain.findings),
        told,
    )


def _report_cut(chain: Chain, end: Place, named: Mapping[int, object]) -> None:
    """A cut end shows only by what is named from elsewhere."""
    newest = max(named, default=0)
    if newest > chain.sequence:
        what = (
            f"the journal ends with record {chain.sequence}, and a head was made of record"
            f" {newest}: {newest - chain.sequence} at the end are cut off"
        )
        chain.report("truncated", end, chain.sequence, what)
