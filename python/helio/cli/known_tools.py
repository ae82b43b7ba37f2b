"""The tools of `helio.tools.lock` as the compiler takes them.

Above: `compile`, `serving`. Below: `helio.governance.lock`, `helio.policy`.
"""

from pathlib import Path

from helio.governance.lock import ToolLock, parse_lock
from helio.policy.tool_types import KnownTool, KnownTools


def read_known_tools(path: Path) -> KnownTools:
    """The tools of a lock file. Raises `OSError` when it cannot be read, and
    `helio.governance.lock.LockError` when it cannot be trusted."""
    return known_tools(parse_lock(path.read_bytes()))


def known_tools(lock: ToolLock) -> KnownTools:
    """The tools of a lock."""
    return {
        upstream: [KnownTool(upstream, name, each.definition) for name, each in tools.items()]
        for upstream, tools in lock.upstreams.items()
    }
