"""What `verify` finds where days were sealed: in the archive, and between it and the journal."""

import hashlib
import json
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from days import FIRST, Days
from helio.audit import directories, sealing, segment
from helio.audit.archive import Archive
from helio.audit.archive_told import TOLD
from helio.audit.checking import Checked, KeptHead, Places, check
from helio.audit.head import KEY_FILE, Head, signing_key
from helio.audit.journal import Journal
from helio.audit.manifest import Manifest
from helio.audit.sealer import told
from helio.audit.sealing import Sealed, Terms
from helio.errors import ArchiveDamaged

DAY = timedelta(days=1)
LATER = FIRST + 4 * DAY


@pytest.fixture
async def sealed(directory: Path) -> Path:
    """The archive of a journal whose first three days are sealed, and whose last two are not."""
    await Days(directory).write(0, 1, 2, 3, 4, restarts=True)
    archive = Archive(str(directory / directories.ARCHIVE))
    terms = Terms(after=DAY, retention=90 * DAY)
    assert len(sealing.seal(directory, archive, terms, now=FIRST + 4 * DAY).sealed) == 3
    return directory / directories.ARCHIVE


def checked(directory: Path, *heads: Head) -> Checked:
    kept = [KeptHead(head, "kept", number) for number, head in enumerate(heads, start=1)]
    return check(Places(directory, directory / KEY_FILE), kept, lambda _: None)


def found(directory: Path) -> list[tuple[str, str]]:
    return [(finding.kind, finding.file) for _, finding in checked(directory).found]


def parts(archive: Path, suffix: str) -> list[Path]:
    return sorted(archive.rglob(f"part-*.{suffix}"))


def place(path: Path, archive: Path) -> str:
    return path.relative_to(archive).as_posix()


def test_nothing_is_wrong_with_it(directory: Path, sealed: Path) -> None:
    result = checked(directory)
    assert (result.found, result.archived) == ([], 3)
    assert result.journals["."].first > 1


def test_a_file_that_was_altered_is_found(directory: Path, sealed: Path) -> None:
    one, _, three = parts(sealed, "parquet")
    whole = one.read_bytes()
    one.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    three.unlink()
    assert found(directory) == [
        ("archive", place(one, sealed)),
        ("archive", place(three, sealed)),
    ]


def test_a_manifest_that_was_altered_is_found_by_the_next(directory: Path, sealed: Path) -> None:
    one, two, _ = parts(sealed, "json")
    values = json.loads(one.read_bytes())
    values["sealed_at"] = "2020-01-01T00:00:00Z"
    one.write_text(json.dumps(values))
    assert found(directory) == [("archive", place(two, sealed))]
    one.write_text("{")
    assert ("archive", place(one, sealed)) in found(directory)


async def record(directory: Path, sealed: Sealed) -> None:
    """Writes what a Helio that serves writes when it has sealed days."""
    journal = Journal.open(directory)
    await journal.start(lambda: {})
    parts = [{key: each[key] for key in TOLD} for each in told(sealed)["sealed"]]
    metadata = json.dumps({"event": "sealed", "sealed": parts, "deleted": []})
    await journal.append_written("lifecycle", {"metadata": metadata})
    await journal.close()


@pytest.mark.parametrize("altered", ["rows", "until"])
async def test_the_newest_manifest_is_held_against_the_journal(
    directory: Path, altered: str
) -> None:
    """Nothing follows it, so only what the journal tells of it can contradict it."""
    await Days(directory).write(0, 1, 2, 3, restarts=True)
    archive = directory / directories.ARCHIVE
    terms = Terms(after=DAY, retention=90 * DAY)
    await record(directory, sealing.seal(directory, Archive(str(archive)), terms, now=LATER))
    assert found(directory) == []
    *_, rows = parts(archive, "parquet")
    *_, manifest = parts(archive, "json")
    values = json.loads(manifest.read_bytes())
    if altered == "rows":
        rows.write_bytes(b"another day")
        digest = hashlib.sha256(b"another day").hexdigest()
        values |= {"sha256": digest, "size": len(b"another day")}
    else:
        values["until"] = values["since"]
    manifest.write_text(json.dumps(values))
    assert found(directory) == [("archive", place(manifest, archive))]


def test_values_that_no_manifest_has_are_found(directory: Path, sealed: Path) -> None:
    one, *_ = parts(sealed, "json")
    values = json.loads(one.read_bytes())
    where = place(one, sealed)
    assert Manifest.parse(where, one.read_bytes()).text() == one.read_bytes()
    for name, other in product(values, (True, 0.5, [], {})):
        with pytest.raises(ArchiveDamaged):
            Manifest.parse(where, json.dumps(values | {name: other}).encode())
    for name in values.keys() - {"since", "until", "before"}:
        with pytest.raises(ArchiveDamaged):
            Manifest.parse(where, json.dumps(values | {name: None}).encode())
    for wrong in ({"since": "once"}, {"until": "2026-13-01"}, {"last_seq": 0}, {"more": 1}):
        with pytest.raises(ArchiveDamaged):
            Manifest.parse(where, json.dumps(values | wrong).encode())
    one.write_text(json.dumps(values | {"last_seq": None}))
    assert ("archive", where) in found(directory)


def test_a_manifest_does_not_lead_elsewhere(directory: Path, sealed: Path) -> None:
    """Its file is deleted when the time is over: it must be one of the archive."""
    precious = directory / "precious"
    precious.write_text("kept")
    for manifest in parts(sealed, "json"):
        values = json.loads(manifest.read_bytes())
        manifest.write_text(json.dumps(values | {"file": "../../../precious", "before": None}))
    terms = Terms(after=DAY, retention=DAY)
    with pytest.raises(ArchiveDamaged, match="no file of records"):
        sealing.seal(directory, Archive(str(sealed)), terms, now=FIRST + 40 * DAY)
    assert precious.read_text() == "kept"


def test_a_part_that_was_removed_is_found(directory: Path, sealed: Path) -> None:
    _, two, three = parts(sealed, "json")
    two.unlink()
    assert found(directory) == [("archive", place(three, sealed))]


def test_the_journal_must_go_on_behind_the_archive(directory: Path, sealed: Path) -> None:
    *_, last = parts(sealed, "json")
    last.unlink()
    first = segment.path_of(directory, segment.segments(directory)[0])
    (gap,) = [finding for _, finding in checked(directory).found]
    assert (gap.kind, gap.file, gap.line) == ("gap", first.name, 1)
    assert "are neither here nor in the archive" in gap.what
    for path in [*sealed.rglob("*.json"), *sealed.rglob("*.parquet")]:
        path.unlink()
    (gap,) = [finding for _, finding in checked(directory).found]
    assert gap.what.startswith("records 1 to ")


def test_what_is_too_old_is_not_missed(directory: Path, sealed: Path) -> None:
    archive = Archive(str(sealed))
    terms = Terms(after=DAY, retention=10 * DAY)
    assert sealing.seal(directory, archive, terms, now=FIRST + 12 * DAY).deleted
    assert found(directory) == []


def test_another_journal_behind_the_archive_is_foreign(directory: Path, sealed: Path) -> None:
    present = segment.segments(directory)
    path = segment.path_of(directory, present[0])
    raw = path.read_bytes()
    previous = json.loads(raw.splitlines()[0])["prev"]
    encoder = segment.Encoder(present[0] - 1, "f" * 64)
    text = b""
    for line in raw.splitlines():
        values = json.loads(line)
        data = segment.encode_data(values["data"])
        text += encoder.encode(values["kind"].encode(), 0, data)
    path.write_bytes(text)
    for later in present[1:]:
        segment.path_of(directory, later).unlink()
    assert previous != "f" * 64
    assert found(directory) == [("foreign", path.name)]


async def test_a_head_of_a_sealed_record_is_older(directory: Path, call: Any) -> None:
    days = Days(directory)
    await days.write(0)
    head = Head.sign(directory, directory, signing_key(directory / KEY_FILE))
    await days.write(1, 2, 3)
    archive = Archive(str(directory / directories.ARCHIVE))
    terms = Terms(after=DAY, retention=90 * DAY)
    assert sealing.seal(directory, archive, terms, now=FIRST + 4 * DAY).removed
    result = checked(directory, head)
    assert (result.found, result.older) == ([], 1)
