"""The directories of one audit.

Above: `export`, `helio.app`, `helio.cli`. Below: `segment`, `lock`. Reads names only.
"""

from pathlib import Path
from typing import Final

from helio.audit import segment
from helio.audit.lock import STDIO_PREFIX

ARCHIVE: Final = "archive"


def journals(directory: Path) -> list[Path]:
    """The directories whose journals are one audit: the one itself, and those of `helio stdio`
    below it, each of which has one writer. The first one alone when there is none.
    """
    below = sorted(directory.glob(f"{STDIO_PREFIX}*")) if directory.is_dir() else []
    found = [each for each in (directory, *below) if each.is_dir() and segment.segments(each)]
    return found or [directory]


def archive_of(directory: Path, configured: str | None) -> str:
    """Where the days go that leave a journal's directory: into `archive` in it, unless a directory
    or URL is configured."""
    return str(directory / ARCHIVE) if configured is None else configured


def name_of(journal: Path, directory: Path) -> str:
    """A journal's name in the audit of `directory`: `.`, or that of the directory below."""
    return journal.relative_to(directory).as_posix()


def may_be_named(name: str) -> bool:
    """Whether a journal of an audit can be called so."""
    return name == "." or (name.startswith(STDIO_PREFIX) and "/" not in name)
