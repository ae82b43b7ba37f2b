"""Evaluations that wait for the end of their calls, where one process asks and another one tells.

Above: the hooks. Below: nothing. A file each, in a directory of its user's own; what its call never
ended stays a day.
"""

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

KEPT_FOR: Final = 86_400
"""Seconds after which a call has no end any more."""


def state_directory() -> Path:
    """Where programs keep what they remember for this user."""
    configured = os.environ.get("XDG_STATE_HOME")
    base = Path(configured) if configured else Path.home() / ".local" / "state"
    return base / "helio"


@dataclass(frozen=True, slots=True)
class KeptEvaluations:
    """Evaluations by the keys of their calls. All methods raise `OSError`."""

    directory: Path

    def keep(self, key: str, evaluation_id: str) -> None:
        """Keeps one, and forgets those whose calls never ended."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._forget_old()
        descriptor = os.open(self._file(key), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(evaluation_id)

    def of(self, key: str) -> str | None:
        """The evaluation of a call; None for one that was not evaluated."""
        try:
            return self._file(key).read_text("utf-8")
        except FileNotFoundError:
            return None

    def forget(self, key: str) -> None:
        """Its call has ended."""
        self._file(key).unlink(missing_ok=True)

    def _file(self, key: str) -> Path:
        return self.directory / hashlib.sha256(key.encode()).hexdigest()

    def _forget_old(self) -> None:
        before = time.time() - KEPT_FOR
        for file in self.directory.iterdir():
            try:
                if file.stat().st_mtime < before:
                    file.unlink()
            except FileNotFoundError:  # another process forgot it first
                continue
