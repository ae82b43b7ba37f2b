"""A file written anew in the place of an old one.

Above: `fixing`, `connect`. Below: nothing.
"""

import os
from pathlib import Path


def replace_file(path: Path, text: str) -> None:
    """The new text in the place of the old, with its permissions, as a whole or not at all; a link
    goes on leading to the file. Raises `OSError`.
    """
    target = path.resolve()
    new = target.with_name(f".{target.name}.{os.getpid()}")
    mode = target.stat().st_mode & 0o777
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.chmod(mode)
        new.replace(target)
    except OSError:
        new.unlink(missing_ok=True)
        raise
