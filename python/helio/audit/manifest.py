"""Manifests: what stands in the archive, one beside each of its Parquet files.

Above: `archive` (where they are), `sealing` (which makes them), `helio.cli`. Below: nothing of
Helio but errors. Pure.

A part holds the rows of the journal's records `first_seq` to `last_seq`, all of whole segments of
one day. Parts of a node follow each other without a gap, as the segments did: `previous` is the
hash that the first record names, `digest` that of the last one, which the next record names, in the
next part or in the journal. `before` is the sha256 of the manifest before, so that neither a
manifest nor the file it describes can be changed without changing all that follow.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from itertools import pairwise
from typing import Final, Self, cast

import orjson

from helio.errors import ArchiveDamaged

FORMAT: Final = 1

_PLACE = re.compile(r"date=(\d{4}-\d\d-\d\d)/node=([A-Za-z0-9._-]+)/part-(\d{16})\.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One part. `date` is the UTC day of its segments, as `2026-01-02`; `file` the Parquet file's
    name, `size` its bytes; `since` and `until` the first and last `timestamp` among its rows, as
    ISO 8601 texts, None without rows; `columns` the version of the audit's columns."""

    format: int = FORMAT
    node: str
    date: str
    file: str
    size: int
    sha256: str
    rows: int
    first_seq: int
    last_seq: int
    previous: str
    digest: str
    since: str | None
    until: str | None
    columns: int
    before: str | None
    sealed_at: str

    @classmethod
    def parse(cls, place: str, text: bytes) -> Self:
        """From its file's bytes. Raises `ArchiveDamaged` for anything else."""
        try:
            values = orjson.loads(text)
            if values.get("format") != FORMAT:
                raise ArchiveDamaged(place, f"format {values.get('format')!r} is not known")
            manifest = cls(**values)
            manifest._check()
        except (ValueError, TypeError, AttributeError) as error:
            raise ArchiveDamaged(place, f"not a manifest: {error}") from error
        if manifest.place != place:
            raise ArchiveDamaged(place, f"it is the manifest of {manifest.place}")
        return manifest

    def _check(self) -> None:
        """Raises TypeError and ValueError for values that no manifest has: its `file` above all
        must not lead elsewhere."""
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, bool) or not isinstance(value, cast("type", each.type)):
                raise TypeError(f"{each.name} cannot be {value!r}")
        for moment in (self.since, self.until):
            if moment is not None:
                datetime.fromisoformat(moment)
        if self.file != f"{self._name}.parquet" or self.last_seq < self.first_seq:
            raise ValueError(f"{self.file} is no file of records from {self.first_seq} on")

    def text(self) -> bytes:
        """What its file holds."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2) + b"\n"

    @property
    def sha(self) -> str:
        """The sha256 of its file, which the next manifest names."""
        return hashlib.sha256(self.text()).hexdigest()

    @property
    def place(self) -> str:
        """Its own file's place in the archive."""
        return f"{folder(self.date, self.node)}/{self._name}.json"

    @property
    def rows_place(self) -> str:
        """The Parquet file's place in the archive."""
        return f"{folder(self.date, self.node)}/{self.file}"

    @property
    def _name(self) -> str:
        return f"part-{self.first_seq:016d}"


def folder(date: str, node: str) -> str:
    """Where a node's parts of a day are, in the archive."""
    return f"date={date}/node={node}"


def node_at(place: str) -> str | None:
    """Whose manifest is at this place in the archive; None for another file."""
    match = _PLACE.fullmatch(place)
    return None if match is None else match[2]


def check_chain(manifests: Sequence[Manifest]) -> None:
    """Raises `ArchiveDamaged` when a node's manifests, oldest first, do not follow each other."""
    for fault in chain_faults(manifests):
        raise fault


def chain_faults(manifests: Sequence[Manifest]) -> Iterator[ArchiveDamaged]:
    """Where a node's manifests, oldest first, do not follow each other."""
    for earlier, later in pairwise(manifests):
        if later.first_seq != earlier.last_seq + 1:
            why = f"it begins with record {later.first_seq}, not with {earlier.last_seq + 1}"
        elif later.previous != earlier.digest:
            why = f"its first record does not follow the last one of {earlier.place}"
        elif later.before != earlier.sha:
            why = f"{earlier.place} is not the manifest that it names"
        else:
            continue
        yield ArchiveDamaged(later.place, why)
