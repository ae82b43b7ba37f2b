"""The name of an audit directory's node: what tells its rows from those of others in an archive
that several share.

Above: `journal` (names a directory when it opens it), `archive`. Below: the file system.
"""

import os
import re
import secrets
import socket
from pathlib import Path
from typing import Final

FILE: Final = "node"

_OTHER = re.compile(r"[^A-Za-z0-9._-]+")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")


def node_of(directory: Path) -> str | None:
    """The directory's name, if it has one.

    Raises OSError, also for a name that is none.
    """
    try:
        name = (directory / FILE).read_text("ascii", errors="replace").strip()
    except FileNotFoundError:
        return None
    if _NAME.fullmatch(name) is None:
        raise OSError(f"{directory / FILE}: not a name of letters, digits, `.`, `_` and `-`")
    return name


def named(directory: Path) -> str:
    """The directory's name, made of the host's and a random part when it has none yet: a journal
    that begins anew is another node. Only its writer may ask. Raises OSError."""
    known = node_of(directory)
    if known is not None:
        return known
    host = _OTHER.sub("-", socket.gethostname())[:64].strip("-.") or "helio"
    name = f"{host}-{secrets.token_hex(4)}"
    partial = directory / f".{FILE}.partial"
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, name.encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    partial.replace(directory / FILE)
    return name
