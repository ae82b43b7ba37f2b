"""Replays of days that were sealed: what left the journal counts as what is in it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from helio.audit import directories, sealing
from helio.audit.archive import Archive
from helio.audit.export import opened
from helio.audit.query import Filters
from helio.audit.recorded import RecordedCall, recorded
from helio.audit.sealing import Terms
from simulation.recording import compiled, record, replayed
from simulation.test_replay import EVERYTHING, FIRST, RATE, lookup, pay

DAY = timedelta(days=1)


def read(directory: Path, filters: Filters, *, sessions: bool) -> list[RecordedCall]:
    before = filters.since and filters.since - timedelta(seconds=1)
    with opened(directory) as source:
        found = recorded(source.connection, filters, before=before, whole_sessions=sessions)
        return list(found)


def test_sealed_calls_are_replayed_with_the_others(tmp_path: Path) -> None:
    directory = tmp_path / "audit"
    record(directory, EVERYTHING, [pay(session="s1"), lookup(session="s2"), pay(after=60)])
    before = record(directory, EVERYTHING, [pay(after=90), pay(session="s2")])
    terms = Terms(after=DAY, retention=900 * DAY)
    archive = Archive(str(directory / directories.ARCHIVE))
    done = sealing.seal(directory, archive, terms, now=datetime.now(UTC) + 30 * DAY)
    assert sum(part.rows for part in done.sealed) >= 3
    after = read(directory, Filters(), sessions=False)
    assert after == before
    policy = compiled(RATE.format(1, "1h"))
    assert replayed(after, policy) == replayed(before, policy)


def test_only_what_counts_is_read(tmp_path: Path) -> None:
    directory = tmp_path / "audit"
    record(directory, EVERYTHING, [pay(session=name) for name in ("s1", "s2", "s3", "s1")])
    filters = Filters(since=FIRST + timedelta(seconds=4))
    ids = [call.id for call in read(directory, filters, sessions=False)]
    assert ids == ["c3", "c4"]
    whole = read(directory, filters, sessions=True)
    assert [(call.id, call.selected) for call in whole] == [
        ("c1", False),
        ("c3", False),
        ("c4", True),
    ]
