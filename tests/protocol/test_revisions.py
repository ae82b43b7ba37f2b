import pytest

from helio.protocol import revisions
from helio.protocol.revisions import UnknownRevision


def test_an_absent_header_means_the_revision_before_the_header_existed() -> None:
    assert revisions.requested(None) == "2025-03-26"


@pytest.mark.parametrize("revision", revisions.SPOKEN)
def test_known_revisions_are_taken_as_they_are(revision: str) -> None:
    assert revisions.requested(f" {revision}\t") == revision


@pytest.mark.parametrize(
    "header", ["", "2025-11-26", "2025-11-25,2025-06-18", "latest", "2025-11-25\x00"]
)
def test_anything_else_is_refused(header: str) -> None:
    with pytest.raises(UnknownRevision) as refused:
        revisions.requested(header)
    assert refused.value.revision == header.strip(" \t")


def test_only_revisions_with_sessions_are_legacy() -> None:
    assert revisions.is_legacy("2024-11-05")
    assert revisions.is_legacy(revisions.LATEST_LEGACY)
    assert not revisions.is_legacy("2026-07-28")
    assert not revisions.is_legacy("unknown")
    assert not revisions.is_legacy(None)


def test_only_revisions_without_sessions_are_modern() -> None:
    assert revisions.is_modern("2026-07-28")
    assert revisions.is_modern(revisions.LATEST_MODERN)
    assert not revisions.is_modern(revisions.LATEST_LEGACY)
    assert not revisions.is_modern("2026-07-29")
    assert not revisions.is_modern(None)


def test_each_revision_is_of_one_era() -> None:
    eras = {revision: revisions.era(revision) for revision in revisions.SPOKEN}
    assert eras == {
        "2024-11-05": "legacy",
        "2025-03-26": "legacy",
        "2025-06-18": "legacy",
        "2025-11-25": "legacy",
        "2026-07-28": "modern",
    }
    with pytest.raises(UnknownRevision):
        revisions.era("2027-01-01")


def test_what_is_supported_is_told_with_the_newest_first() -> None:
    told = revisions.supported(enveloped=False)
    assert told[0] == "2026-07-28"
    assert set(told) == revisions.KNOWN
    assert revisions.supported(enveloped=True) == ["2026-07-28"]
