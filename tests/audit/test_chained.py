"""A record's hash by its number: the one that the chain and signed heads name."""

from pathlib import Path

import pytest

from helio.audit import chained, segment
from helio.audit.chained import digest_at
from helio.audit.journal import Journal


async def written(directory: Path, number: int) -> None:
    """A journal of so many records, in several segments, some of them long."""
    journal = Journal.open(directory, max_segment_bytes=2000)
    await journal.start(dict)
    for index in range(number):
        await journal.append_durable("lifecycle", {"n": index, "text": "x" * (index * 37 % 400)})
    await journal.close()


@pytest.mark.parametrize("piece", [16, 1000, 256 * 1024])
async def test_every_record_has_the_hash_that_the_next_one_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(chained, "_PIECE", piece)
    await written(tmp_path, 40)
    assert len(segment.segments(tmp_path)) > 3
    named = {}
    for first in segment.segments(tmp_path):
        for raw in segment.path_of(tmp_path, first).read_bytes().splitlines():
            line = segment.decode(raw)
            assert isinstance(line, segment.Line)
            named[line.sequence - 1] = line.previous
            last = line
    named[last.sequence] = last.digest
    del named[0]
    assert {sequence: digest_at(tmp_path, sequence) for sequence in named} == named


async def test_what_is_not_there_has_none(tmp_path: Path) -> None:
    assert digest_at(tmp_path, 1) is None
    await written(tmp_path, 3)
    assert digest_at(tmp_path, 0) is None
    assert digest_at(tmp_path, 1000) is None


async def test_a_line_that_is_not_whole_has_none(tmp_path: Path) -> None:
    await written(tmp_path, 0)
    (only,) = segment.segments(tmp_path)
    path = segment.path_of(tmp_path, only)
    path.write_bytes(path.read_bytes() + b'{"seq":7,"prev":"')
    assert digest_at(tmp_path, 7) is None
