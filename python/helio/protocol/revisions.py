"""The revisions of MCP that Helio speaks, and how a request says which one is meant.

Used by the transport, the governance and the upstream room. Pure.
"""

from typing import Final, Literal, TypeAlias

LEGACY: Final = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""Revisions with a session that `initialize` opens, oldest first."""

MODERN: Final = ("2026-07-28",)
"""Revisions in which every request says all about itself, oldest first."""

LATEST_LEGACY: Final = LEGACY[-1]
LATEST_MODERN: Final = MODERN[-1]

SPOKEN: Final = LEGACY + MODERN
KNOWN: Final = frozenset(SPOKEN)

DEFAULT: Final = "2025-03-26"
"""What a request without the `MCP-Protocol-Version` header speaks (2025-06-18, Transports)."""

Era: TypeAlias = Literal["legacy", "modern"]
"""How a revision opens a conversation (2026-07-28, Versioning, "Terminology")."""


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


def era(revision: str) -> Era:
    """The era of a known revision. Raises `UnknownRevision` for any other."""
    if revision in LEGACY:
        return "legacy"
    if revision in MODERN:
        return "modern"
    raise UnknownRevision(revision)


def is_legacy(revision: str | None) -> bool:
    """Whether this is one of the revisions with sessions; None is not."""
    return revision in LEGACY


def is_modern(revision: str | None) -> bool:
    """Whether this is one of the revisions without sessions; None is not."""
    return revision in MODERN


def supported(*, enveloped: bool) -> list[str]:
    """What an unsupported revision is answered with (`data.supported`), the newest first. One that
    was claimed in an envelope is told those that have one.
    """
    return list(reversed(MODERN if enveloped else SPOKEN))
