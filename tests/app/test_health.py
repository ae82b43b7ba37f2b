"""What a Helio says of itself."""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from helio.app.health import NEARLY_FULL_BYTES, nearly_full


class Disk(NamedTuple):
    total: int
    free: int


@pytest.mark.parametrize(
    ("disk", "full"),
    [
        (Disk(total=1000 * NEARLY_FULL_BYTES, free=NEARLY_FULL_BYTES), False),
        (Disk(total=1000 * NEARLY_FULL_BYTES, free=NEARLY_FULL_BYTES - 1), True),
        (Disk(total=1000, free=50), False),
        (Disk(total=1000, free=49), True),
    ],
)
def test_a_disk_is_nearly_full_by_what_is_free_and_by_its_size(
    disk: Disk, full: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: disk)
    assert nearly_full(tmp_path) is full


def test_a_disk_that_cannot_be_asked_is_not_taken_for_a_good_one(tmp_path: Path) -> None:
    assert nearly_full(tmp_path / "gone") is True
