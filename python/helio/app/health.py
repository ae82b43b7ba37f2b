"""How a Helio is: what `/api/health` says, and what the dashboard warns of on every page.

Above: `helio.app.application`. Below: the parts of the application that know.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from helio.app.governed import GovernedUpstreams
from helio.app.indexing import Indexing
from helio.app.tool_lock import ToolLockFile
from helio.audit.journal import Journal
from helio.evaluator import VERSION

NEARLY_FULL_BYTES: Final = 1024**3
NEARLY_FULL_SHARE: Final = 0.05
"""A disk is nearly full when less is free than this, and than this share of it."""


def health(
    *,
    uptime_seconds: float,
    digest: str,
    reload_failed: bool,
    journal: Journal,
    indexing: Indexing | None,
    upstreams: GovernedUpstreams | None,
    tool_lock: ToolLockFile | None,
) -> Mapping[str, object]:
    """The answer of `GET /api/health`, as it is now.

    `status`: `unavailable` while the audit cannot be written and calls are blocked, `degraded`
    while an upstream is down, else `ok`.
    """
    available = journal.available
    found = {} if upstreams is None else upstreams.health()
    well = all(each["status"] != "down" for each in found.values())
    return {
        "status": "unavailable" if not available else "ok" if well else "degraded",
        "version": VERSION,
        "uptime_seconds": round(uptime_seconds, 1),
        "policy": {"digest": digest, "reload_failed": reload_failed},
        "tool_lock": None if tool_lock is None else tool_lock.health(),
        "audit": {
            "available": available,
            "index": "off" if indexing is None else indexing.state,
            "disk_nearly_full": nearly_full(journal.directory),
        },
        "upstreams": found,
    }


def nearly_full(directory: Path) -> bool:
    """Whether the disk with a directory soon has no room; also where it cannot be asked."""
    try:
        found = shutil.disk_usage(directory)
    except OSError:
        return True
    return found.free < min(NEARLY_FULL_BYTES, NEARLY_FULL_SHARE * found.total)
