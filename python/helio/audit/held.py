"""What a process holds of its audit directory while it writes there.

Above: `journal`. Below: `lock`, `recovery`, `node`, `watermark`, `spare`.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from helio.audit import recovery
from helio.audit.file_system import FileSystem
from helio.audit.lock import DirectoryLock
from helio.audit.node import named
from helio.audit.recovery import Recovered
from helio.audit.segment import path_of
from helio.audit.spare import Spare
from helio.audit.watermark import Watermark
from helio.errors import JournalUnavailable

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HeldDirectory:
    """A locked directory, and what its journal ended with; `node` is the directory's name."""

    path: Path
    node: str
    recovered: Recovered
    watermark: Watermark
    spare: Spare
    file_system: FileSystem
    lock: DirectoryLock

    @classmethod
    def take(cls, path: Path, file_system: FileSystem, now: int, *, resume: bool = False) -> Self:
        """Locks the directory (made if missing), checks the journal's end and cuts a torn tail.

        `now` is wall time in ns, `resume` as `recovery.recover` has it. Raises `JournalLocked`,
        `JournalDamaged`, and `JournalUnavailable` when the disk refuses.
        """
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = DirectoryLock(path)
            try:
                recovered = recovery.recover(path, now, resume=resume)
                recovery.cut(path, recovered)
                node = named(path)
                watermark = Watermark(path)
                spare = Spare(file_system, path)
            except BaseException:
                lock.release()
                raise
        except OSError as error:
            raise JournalUnavailable(f"{path}: {error.strerror or error}") from error
        watermark.set(recovered.sequence, recovered.digest)
        for tail in recovered.cuts:
            name = path_of(path, tail.segment).name
            logger.warning("%s: cut a torn tail of %d bytes", name, tail.lost)
        return cls(path, node, recovered, watermark, spare, file_system, lock)

    def release(self) -> None:
        """Gives everything back, the lock last."""
        self.spare.close()
        self.watermark.close()
        self.lock.release()
