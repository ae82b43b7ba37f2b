"""The tools of `helio.tools.lock` as the compiler takes them.

Above: `compile`, `serving`, `testing_subject`. Below: `helio.governance.lock`, loaded only where
there is a lock, and `helio.policy`.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from helio.cli import output
from helio.governance import LOCK_NAME
from helio.policy.tool_types import KnownTool, KnownTools

if TYPE_CHECKING:
    from helio.governance.lock import ToolLock


def read_known_tools(path: Path) -> KnownTools:
    """The tools of a lock file. Raises `OSError` when it cannot be read, and
    `helio.governance.lock.LockError` when it cannot be trusted."""
    from helio.governance.lock import parse_lock

    return known_tools(parse_lock(path.read_bytes()))


def lock_beside(config: Path, named: Path | None = None) -> "ToolLock | None":
    """The lock beside a configuration, or the one that was named; None where nothing was named and
    none is there. Ends the command over one that cannot be read or trusted."""
    lock = config.with_name(LOCK_NAME) if named is None else named
    if named is None and not lock.exists():
        return None
    from helio.governance.lock import LockError, parse_lock

    try:
        return parse_lock(lock.read_bytes())
    except OSError as error:
        output.fail(f"{lock}: {error.strerror or error}")
    except LockError as error:
        output.fail(f"{lock}: {error}", "restore it, or write it anew: `helio tools pull --force`")


def known_tools(lock: "ToolLock") -> KnownTools:
    """The tools of a lock."""
    return {
        upstream: [KnownTool(upstream, name, each.definition) for name, each in tools.items()]
        for upstream, tools in lock.upstreams.items()
    }
