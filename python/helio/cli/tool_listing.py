"""What upstreams list now, beside what the lock holds.

Above: `helio.cli.tools`. Below: `helio.upstream` (asks the upstreams), `helio.governance`.
"""

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from helio.app.governed import upstream_settings
from helio.audit.recovery import recover
from helio.config.sections import HelioConfig
from helio.errors import CatalogueError, HelioError, UpstreamFailed
from helio.evaluator import VERSION
from helio.governance.catalogue import Catalogue, Drift, Pins
from helio.governance.definitions import Identity, read_definition
from helio.governance.lock import (
    PREFIX,
    Locked,
    ToolLock,
    accepted,
    difference,
    parse_lock,
)
from helio.upstream.build import UpstreamSettings
from helio.upstream.catalogue import fetch_tools
from helio.upstream.registry import Upstream


class NotListed(HelioError):
    """An upstream whose tools could not be listed."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What one upstream lists: every definition as it came, by the names that it could have."""

    upstream: str
    definitions: Mapping[str, Sequence[bytes]]

    @classmethod
    def of(cls, upstream: str, definitions: Iterable[bytes]) -> "Listing":
        """Sorted out by name; what no call can name is left out."""
        found: dict[str, list[bytes]] = {}
        for raw in definitions:
            for tool in read_definition(raw):
                found.setdefault(tool.name, []).append(raw)
        return cls(upstream, found)

    def acceptable(self, name: str) -> Locked | None:
        """The tool as a lock can hold it. None for one that is listed twice, or not readable."""
        definitions = self.definitions[name]
        return accepted(definitions[0]) if len(definitions) == 1 else None

    def drifts(self, lock: ToolLock) -> list[Drift]:
        """Where this is not what the lock holds, sorted by name."""
        catalogue = Catalogue()
        catalogue.lock(lock.pins(self.upstream))
        return self._drifted(catalogue)

    def drifts_since(self, pins: Pins) -> list[Drift]:
        """Where this is not what was pinned when it was seen, sorted by name; a tool that was not
        seen then is no drift."""
        catalogue = Catalogue()
        catalogue.restore(pins)
        return self._drifted(catalogue)

    def _drifted(self, catalogue: Catalogue) -> list[Drift]:
        each_once = {id(raw): raw for listed in self.definitions.values() for raw in listed}
        catalogue.replace(tool for raw in each_once.values() for tool in read_definition(raw))
        return [catalogue.drifts[name] for name in sorted(catalogue.drifts)]


@dataclass(frozen=True, slots=True)
class Difference:
    """One drift, readable. `diff` has the lines of a unified diff from the lock to the upstream."""

    upstream: str
    drift: Drift
    diff: Sequence[str]

    @property
    def tool(self) -> str:
        """The tool's name."""
        return self.drift.tool

    def as_object(self) -> dict[str, object]:
        """For machines."""
        pinned, current = self.drift.pinned, self.drift.current
        return {
            "upstream": self.upstream,
            "tool": self.tool,
            "aspects": list(self.drift.aspects),
            "pinned": None if pinned is None else PREFIX + pinned,
            "current": None if current is None else PREFIX + current,
            "diff": "\n".join(self.diff),
        }


def differences(listing: Listing, lock: ToolLock) -> list[Difference]:
    """Every drift of one upstream."""
    held = lock.upstreams.get(listing.upstream, {})
    return [
        Difference(
            listing.upstream,
            drift,
            difference(
                None if (before := held.get(drift.tool)) is None else before.definition,
                listing.definitions.get(drift.tool, ()),
            ),
        )
        for drift in listing.drifts(lock)
    ]


def pinned(directory: Path) -> dict[str, Pins]:
    """What a Helio that serves without a lock, or did, has accepted by seeing it first, by upstream
    and tool: its journal keeps it. Raises `JournalDamaged` and OSError."""
    return {
        upstream: {tool: Identity.restored(values) for tool, values in stored.items()}
        for upstream, stored in recover(directory).pins.items()
    }


def differences_since(listing: Listing, pins: Pins) -> list[Difference]:
    """Every drift of one upstream from what was pinned. Of a definition that was not kept, `diff`
    has what is listed now."""
    return [
        Difference(
            listing.upstream,
            drift,
            difference(
                None if (pin := pins.get(drift.tool)) is None else pin.definition,
                listing.definitions.get(drift.tool, ()),
            ),
        )
        for drift in listing.drifts_since(pins)
    ]


def fetch(config: HelioConfig, only: Sequence[str]) -> list[Listing]:
    """What the upstreams list now, all of them or `only` those named.

    Raises `NotListed`, and `StartFailed` for a configuration without upstreams.
    """
    settings = upstream_settings(config)
    unknown = set(only) - {each.name for each in settings}
    if unknown:
        raise NotListed(f"no upstream is named {', '.join(sorted(unknown))}")
    return asyncio.run(_fetch([each for each in settings if not only or each.name in only]))


async def _fetch(settings: Sequence[UpstreamSettings]) -> list[Listing]:
    return [await _listing(each) for each in settings]


async def _listing(settings: UpstreamSettings) -> Listing:
    try:
        upstream = Upstream(settings, lambda: datetime.now(UTC))
    except ValueError as error:
        raise NotListed(f"upstream {settings.name}: {error}") from error
    try:
        definitions = await fetch_tools(upstream, client_version=VERSION)
    except (UpstreamFailed, CatalogueError) as error:
        raise NotListed(f"upstream {settings.name}: {error}") from error
    finally:
        await upstream.aclose()
    return Listing.of(settings.name, definitions)


def read_lock(path: Path) -> ToolLock | None:
    """The lock; None when there is none. Raises `LockError` and OSError."""
    try:
        return parse_lock(path.read_bytes())
    except FileNotFoundError:
        return None


def write_lock(path: Path, lock: ToolLock) -> None:
    """Replaces the file as a whole, so that a running Helio sees the old or the new. Raises
    OSError."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("wb") as file:
            file.write(lock.encode())
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
