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

    def open_spare(self, path: Path) -> tuple[int, int]:
        """A file for keeping space, made if missing; its descriptor and its size in bytes."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        return descriptor, os.fstat(descriptor).st_size

    def allocate(self, descriptor: int, size: int) -> None:
        """Gives the file so many bytes of the disk, whatever is written to them."""
        os.posix_fallocate(descriptor, 0, size)

    def truncate(self, descriptor: int, size: int) -> None:
        """Gives back what the file has beyond `size` bytes."""
        os.ftruncate(descriptor, size)

    def free_bytes(self, directory: Path) -> int:
        """What the disk has left for this process."""
        found = os.statvfs(directory)
        return found.f_bavail * found.f_frsize

    def sync_directory(self, directory: Path) -> None:
        """Returns when the directory's names are on the disk."""
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
