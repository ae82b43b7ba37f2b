"""The disk as the journal needs it: a seam where tests put faults.

Above: `writer`. Below: the operating system. Every method raises OSError as the system call does.
"""

import os
from pathlib import Path


class FileSystem:
    """Plain system calls on one journal's files."""

    def create(self, path: Path) -> int:
        """Makes a new file for appending, readable by its owner only; its descriptor."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)

    def write(self, descriptor: int, data: bytes) -> None:
        """Hands all of `data` to the kernel."""
        written = os.write(descriptor, data)
        while written < len(data):
            written += os.write(descriptor, data[written:])

    def sync(self, descriptor: int) -> None:
        """Returns when what was written is on the disk."""
        os.fdatasync(descriptor)

    def close(self, descriptor: int) -> None:
        """Gives the descriptor back."""
        os.close(descriptor)

    def remove(self, path: Path) -> None:
        """Deletes a file."""
        path.unlink()

    def sync_directory(self, directory: Path) -> None:
        """Returns when the directory's names are on the disk."""
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
