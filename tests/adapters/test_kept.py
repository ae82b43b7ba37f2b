"""Evaluations that wait for the end of their calls."""

import os
import stat
import time
from pathlib import Path

import pytest

from helio.adapters.kept import KEPT_FOR, KeptEvaluations, state_directory


def test_what_is_kept_is_found_and_forgotten(tmp_path: Path) -> None:
    kept = KeptEvaluations(tmp_path / "a" / "b")
    assert kept.of("s/1") is None
    kept.keep("s/1", "e1")
    kept.keep("s/../2", "e2")
    assert (kept.of("s/1"), kept.of("s/../2")) == ("e1", "e2")
    kept.forget("s/1")
    kept.forget("s/1")
    assert kept.of("s/1") is None


def test_nobody_else_reads_it(tmp_path: Path) -> None:
    kept = KeptEvaluations(tmp_path / "kept")
    kept.keep("s/1", "e1")
    (file,) = kept.directory.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.directory.stat().st_mode) == 0o700


def test_what_never_ended_goes_after_a_day(tmp_path: Path) -> None:
    kept = KeptEvaluations(tmp_path)
    kept.keep("old", "e1")
    (file,) = tmp_path.iterdir()
    before = time.time() - KEPT_FOR - 1
    os.utime(file, (before, before))
    kept.keep("new", "e2")
    assert (kept.of("old"), kept.of("new")) == (None, "e2")


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_directory() == tmp_path / "helio"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_directory() == tmp_path / ".local" / "state" / "helio"
