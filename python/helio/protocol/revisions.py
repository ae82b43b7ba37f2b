"""The revisions of MCP that Helio knows, and how a request says which one it speaks.

Used by the transport and the upstream room. Pure.
"""

from typing import Final

LEGACY: Final = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""Revisions with a session that `initialize` opens, oldest first."""

LATEST_LEGACY: Final = LEGACY[-1]

LATER: Final = ("2026-07-28",)
"""Revisions without sessions: known by name, not spoken yet."""

KNOWN: Final = frozenset(LEGACY + LATER)

DEFAULT: Final = "2025-03-26"
"""What a request without the `MCP-Protocol-Version` header speaks (2025-06-18, Transports)."""


class UnknownRevision(ValueError):
    """A revision that Helio does not know. `revision` is what was asked for."""

    def __init__(self, revision: str) -> None:
        super().__init__(f"unknown protocol revision {revision[:64]!r}")
        self.revision = revision


def requested(header: str | None) -> str:
    """The revision that a request speaks by its `MCP-Protocol-Version` header.

    An absent header means `DEFAULT`. Raises `UnknownRevision` for anything that is not exactly a
    known revision; the specification (2025-06-18, Transports) answers such a request with 400.
    """
    if header is None:
        return DEFAULT
    revision = header.strip(" \t")
    if revision not in KNOWN:
        raise UnknownRevision(revision)
    return revision


def is_legacy(revision: str) -> bool:
    """Whether a revision is one of those with sessions."""
    return revision in LEGACY
