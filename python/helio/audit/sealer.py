"""Sealing in a process of its own, so that no call waits: `python -m helio.audit.sealer`.

Above: `helio.app.archiving` starts it. Below: `sealing`. Reads what is to be done from its
arguments, writes what came of it to stdout, as JSON.
"""

import os
import sys
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import orjson

from helio.audit.archive import Archive
from helio.audit.sealing import Progress, Sealed, Terms, seal
from helio.errors import HelioError

_NICENESS: Final = 15


def run(
    directory: Path, location: str, terms: Terms, progress: Progress = lambda _text: None
) -> Sealed:
    """`seal`, standing back behind every other process.

    Raises what `seal` does.
    """
    os.nice(_NICENESS)
    return seal(directory, Archive(location), terms, progress=progress)


def told(sealed: Sealed) -> dict[str, Any]:
    """What came of it, as JSON shows it."""
    return {
        "sealed": [{**asdict(each), "manifest": each.sha} for each in sealed.sealed],
        "removed_files": sealed.removed,
        "deleted": [asdict(each) for each in sealed.deleted],
        "waiting": sealed.waiting,
        "kept_for_readers": sealed.kept,
    }


def main(arguments: list[str]) -> int:
    """`DIRECTORY LOCATION AFTER RETENTION`, the last two in milliseconds. 0, or 2 for a fault."""
    directory, location, after, retention = arguments
    terms = Terms(timedelta(milliseconds=int(after)), timedelta(milliseconds=int(retention)))
    try:
        shown = told(run(Path(directory), location, terms))
    except (HelioError, OSError) as error:
        shown = {"error": str(error)}
    sys.stdout.buffer.write(orjson.dumps(shown) + b"\n")
    return 2 if "error" in shown else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
