"""What an upstream speaks, by what it answers to `server/discover` (2026-07-28, Versioning).

Above: `helio.upstream.eras`, `helio.upstream.shared`. Below: `helio.upstream.messages`. Pure.
"""

from typing import Final, NamedTuple

from helio.errors import UpstreamFailed
from helio.protocol.modern import UNSUPPORTED_REVISION
from helio.protocol.revisions import LEGACY, MODERN
from helio.upstream.bridge.envelope import MISSING_CAPABILITY
from helio.upstream.messages import Asked

NO_VERDICT: Final = frozenset((401, 403, 407, 408, 425, 429))
"""Refusals that say nothing about what the upstream speaks."""


class Spoken(NamedTuple):
    """Which eras an upstream speaks; None is not known yet."""

    modern: bool | None = None
    legacy: bool | None = None


def judged(asked: Asked) -> Spoken:
    """What an upstream speaks by its answer to `server/discover`, as far as that is a verdict.

    Raises `UpstreamFailed` for one that names revisions, and none that Helio knows.
    """
    named = (asked.result or {}).get("supportedVersions")
    error = asked.error or {}
    if error.get("code") == UNSUPPORTED_REVISION:
        data = error.get("data")
        named = data.get("supported") if isinstance(data, dict) else None
    if isinstance(named, list) and named:
        modern = any(revision in MODERN for revision in named)
        legacy = any(revision in LEGACY for revision in named)
        if not modern and not legacy:
            detail = f"the upstream speaks none of Helio's revisions: {str(named)[:200]}"
            raise UpstreamFailed("protocol_error", sent=False, detail=detail)
        return Spoken(modern=modern, legacy=legacy or None)
    if error.get("code") == MISSING_CAPABILITY:
        return Spoken(modern=True)
    if asked.status in NO_VERDICT or 300 <= asked.status < 400:
        return Spoken()
    if asked.status >= 500 and not error:
        return Spoken()
    return Spoken(modern=False, legacy=True)
