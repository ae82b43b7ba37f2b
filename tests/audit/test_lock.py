import subprocess
import sys
import time
from pathlib import Path

import pytest

from helio.audit.lock import DirectoryLock, is_locked
from helio.errors import JournalLocked

HOLD = """
import sys
from pathlib import Path
from helio.audit.lock import DirectoryLock
lock = DirectoryLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_process_is_refused_within_a_second_and_told_whom(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert is_locked(tmp_path)
        began = time.monotonic()
        with pytest.raises(JournalLocked) as caught:
            DirectoryLock(tmp_path)
        assert time.monotonic() - began < 1
        assert (caught.value.pid, caught.value.directory) == (holder.pid, str(tmp_path))
        holder.kill()
        holder.wait()
        assert not is_locked(tmp_path)
        DirectoryLock(tmp_path).release()


def test_asking_does_not_take_the_lock(tmp_path: Path) -> None:
    assert not is_locked(tmp_path)
    lock = DirectoryLock(tmp_path)
    assert is_locked(tmp_path)
    assert is_locked(tmp_path)
    lock.release()
    assert not is_locked(tmp_path)
