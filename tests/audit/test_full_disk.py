"""A disk that is really full: a small file system where one may be mounted, and the limit on file
sizes, which any process can set for itself.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helio.audit import recovery

FILL = """
import asyncio, os, resource, sys, time
from pathlib import Path
from helio.audit.journal import Journal
from helio.errors import JournalUnavailable

directory, means = Path(sys.argv[1]), sys.argv[2]
filler = directory.parent / "filler"

def exhaust():
    if means == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))
        return
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1024))
        except OSError:
            pass

def free():
    if means == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    else:
        filler.unlink()

async def main():
    journal = Journal.open(directory)
    state = {}
    await journal.start(lambda: state)
    exhaust()
    # A checkpoint of this size does not fit below the limit: no new segment opens there either.
    state["windows"] = "x" * 10_000
    number = 0
    try:
        while True:
            number += 1
            await journal.append_intent({"call_id": f"c{number}", "metadata": "y" * 500})
            print("kept", f"c{number}", flush=True)
            await journal.append_outcome("outcome", {"call_id": f"c{number}", "status": "answered"})
    except JournalUnavailable as error:
        print("full", error, flush=True)
    try:
        journal.append_intent({"call_id": "at once"})
    except JournalUnavailable:
        print("refused", flush=True)
    free()
    began = time.monotonic()
    while not journal.available:
        await asyncio.sleep(0.02)
    print("seconds", time.monotonic() - began, flush=True)
    await journal.append_intent({"call_id": "after"})
    print("kept after", flush=True)
    await journal.close()

asyncio.run(main())
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 512 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine lets nobody mount a tmpfs here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_file_system_blocks_and_room_serves_again(small_disk: Path) -> None:
    check(small_disk / "audit", "filler", "No space left on device")


def test_a_file_that_may_not_grow_blocks_and_room_serves_again(tmp_path: Path) -> None:
    check(tmp_path / "audit", "limit", "File too large")


def check(directory: Path, means: str, reason: str) -> None:
    command = [sys.executable, "-c", FILL, str(directory), means]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    said = [line.partition(" ") for line in ran.stdout.splitlines()]
    kept = [rest for word, _, rest in said if word == "kept"]
    assert reason in ran.stdout
    assert "refused" in ran.stdout
    assert max(float(rest) for word, _, rest in said if word == "seconds") < 5
    assert len(kept) > 1
    assert kept[-1] == "after"
    lines = recovery.read(directory)
    assert [line.values()["call_id"] for line in lines if line.kind == "intent"] == kept
