"""What whole files can lack, beyond their lines (`test_tampering` has those)."""

import errno
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from helio.audit import segment, watermark
from helio.audit.journal import Journal
from helio.audit.verification import verify
from helio.errors import JournalUnavailable

Start = Callable[..., Awaitable[Journal]]


@pytest.fixture
async def three_files(started: Start, directory: Path, call: Any) -> list[Path]:
    """A journal of three files."""
    for number in range(3):
        journal = await started()
        for each in range(3):
            await journal.append_intent(call(f"{number}-{each}"))
        await journal.close()
    return sorted(directory.glob("journal-*"))


def kinds(directory: Path) -> list[tuple[str, str, int]]:
    return [(each.kind, each.file, each.line) for each in verify(directory).findings]


def test_a_removed_file_is_a_gap(three_files: list[Path], directory: Path) -> None:
    three_files[1].unlink()
    (found,) = verify(directory).findings
    assert (found.kind, found.file, found.line) == ("gap", three_files[2].name, 1)
    assert three_files[1].name in found.what


def test_oldest_files_may_be_gone(three_files: list[Path], directory: Path) -> None:
    three_files[0].unlink()
    found = verify(directory)
    assert (found.findings, found.first) == ([], 5)


def test_a_file_of_another_journal_is_foreign(
    three_files: list[Path], directory: Path, tmp_path: Path
) -> None:
    header = json.loads(three_files[1].read_bytes().splitlines()[0])
    header["data"]["follows"] = None
    data = segment.encode_data(header["data"])
    encoder = segment.Encoder(header["seq"] - 1, segment.NO_HASH)
    three_files[1].write_bytes(encoder.encode(b"segment", 0, data))
    three_files[2].unlink()
    assert ("foreign", three_files[1].name, 1) in kinds(directory)


def test_a_file_whose_end_was_cut_is_truncated(three_files: list[Path], directory: Path) -> None:
    whole = three_files[0].read_bytes()
    lines = whole.splitlines(keepends=True)
    three_files[0].write_bytes(b"".join(lines[:-1]))
    (found,) = verify(directory).findings
    assert (found.kind, found.file, found.line) == ("truncated", three_files[0].name, 3)
    assert "record 4 missing" in found.what
    three_files[0].write_bytes(whole[:-1])
    assert kinds(directory) == [("truncated", three_files[0].name, 3)]


def test_a_header_of_an_unknown_format_is_unreadable(
    three_files: list[Path], directory: Path
) -> None:
    lines = three_files[2].read_bytes().splitlines(keepends=True)
    three_files[2].write_bytes(lines[0].replace(b'"format":1', b'"format":7') + b"".join(lines[1:]))
    (found,) = verify(directory).findings
    assert (found.file, found.line) == (three_files[2].name, 1)
    three_files[2].write_bytes(lines[0].replace(b'"format":1', b'"format":7'))
    (found,) = verify(directory).findings
    assert (found.kind, found.what) == ("unreadable", "format 7 is not known")


def test_a_number_in_a_header_sends_nobody_far(three_files: list[Path], directory: Path) -> None:
    lines = three_files[1].read_bytes().splitlines(keepends=True)
    header = json.loads(lines[0])
    header["data"]["follows"][1] = 10**17
    three_files[1].write_bytes(lines[0].replace(b'"follows":[1,', b'"follows":[1,9999999999999'))
    assert (three_files[1].name, 1) in [(file, line) for _, file, line in kinds(directory)]


def test_a_torn_tail_is_none_of_its_faults(three_files: list[Path], directory: Path) -> None:
    with three_files[-1].open("ab") as file:
        file.write(b'{"seq":99,"prev":"never ackn')
    found = verify(directory)
    assert (found.findings, found.torn, found.last) == ([], 28, 12)


async def test_what_was_carried_over_is_compared(
    started: Start, directory: Path, disk: Any, call: Any, eventually: Any
) -> None:
    journal = await started()
    await journal.append_outcome("blocked", call("kept", block_reason="policy_denied"))
    disk.faults["sync"] = errno.EIO
    with pytest.raises(JournalUnavailable):
        await journal.append_intent(call("lost"))
    disk.faults.clear()
    await eventually(lambda: journal.available)
    await journal.close()
    assert verify(directory).findings == []
    first, second = sorted(directory.glob("journal-*"))
    assert b'"carried":true' in second.read_bytes()
    whole = first.read_bytes()
    first.write_bytes(whole.replace(b"policy_denied", b"policy_allows"))
    assert kinds(directory) == [("carried", second.name, 2)]


async def test_beside_a_process_that_serves_what_is_not_settled_is_left_out(
    started: Start, directory: Path, call: Any
) -> None:
    journal = await started()
    await journal.append_intent(call("settled"))
    await journal.append_outcome("outcome", {"call_id": "settled", "status": "answered"})
    found = verify(directory)
    assert (found.serving, found.last, found.findings) == (True, 2, [])
    path = segment.path_of(directory, 1)
    path.write_bytes(path.read_bytes().replace(b"_payment", b"_paymenx"))
    (altered,) = verify(directory).findings
    assert (altered.line, altered.sequence) == (2, 2)
    await journal.close()
    assert verify(directory).last == 3


async def test_the_watermark_follows_the_disk(
    started: Start, directory: Path, disk: Any, call: Any
) -> None:
    journal = await started()
    assert watermark.read(directory) == (1, journal._pending.durable.digest)
    await journal.append_intent(call("a"))
    mark = watermark.read(directory)
    assert mark is not None
    assert mark.sequence == 2
    disk.faults["sync"] = errno.EIO
    with pytest.raises(JournalUnavailable):
        await journal.append_intent(call("b"))
    assert watermark.read(directory) == mark


def test_a_watermark_that_cannot_be_read_is_none(directory: Path) -> None:
    directory.mkdir()
    assert watermark.read(directory) is None
    (directory / "watermark").write_bytes(b"{")
    assert watermark.read(directory) is None
