"""The key of the hashes, the secrets of a configuration, and the log."""

import logging
import stat
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from helio.app.redaction import KEY_FILE, Redaction, configured_secrets
from helio.config.sections import HelioConfig
from helio.errors import StartFailed
from helio.policy import compile_text

HEAD = "version: '1'\nupstream: { url: 'http://127.0.0.1:1/mcp', headers: HEADERS }\n"
RULES = "redact: [{ pattern: 'ACME-[0-9]{4}' }]"


def config(directory: Path, audit: str = RULES, headers: str = "{}") -> HelioConfig:
    text = HEAD.replace("HEADERS", headers) + f"audit: {{ path: '{directory}', {audit} }}\n"
    compiled = compile_text(text)
    assert compiled.config is not None, [str(each) for each in compiled.diagnostics]
    return compiled.config


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    first = Redaction(config(tmp_path))
    path = tmp_path / KEY_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again, other = Redaction(config(tmp_path)), Redaction(config(_made(tmp_path / "other")))
    assert first.hash_key == again.hash_key == bytes.fromhex(path.read_text())
    assert first.redactor.digest(b"a") == again.redactor.digest(b"a")
    assert first.redactor.digest(b"a") != other.redactor.digest(b"a")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [KEY_FILE]


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory


def test_a_configured_key_needs_no_file(tmp_path: Path) -> None:
    key = "k" * 32
    redaction = Redaction(config(tmp_path, f"{RULES}, redaction_key: {key}"))
    assert redaction.hash_key == key.encode()
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_key_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_text("not a key")
    with pytest.raises(StartFailed, match="does not hold a key") as failed:
        Redaction(config(tmp_path))
    assert "Restore the file" in failed.value.hint


def test_without_rules_keys_of_limits_are_plain(tmp_path: Path) -> None:
    redaction = Redaction(config(tmp_path, "redact: []"))
    assert redaction.hash_key is None
    assert not redaction.redactor.has_rules


def test_secrets_are_found_wherever_they_are_configured(tmp_path: Path) -> None:
    found = set(configured_secrets(config(tmp_path, headers="{ authorization: 'Bearer abc-1' }")))
    assert {"Bearer abc-1", "abc-1"} <= found


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What a handler at the root writes."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    root.addHandler(handler)
    yield stream
    root.removeHandler(handler)


def test_secrets_of_a_reload_are_hidden_at_once_and_those_before_still(
    tmp_path: Path, log: StringIO
) -> None:
    redaction = Redaction(config(tmp_path, headers="{ authorization: the-first-token }"))
    redaction.hide_in_logs()
    logger = logging.getLogger("helio.test")
    try:
        logger.error("1: the-first-token the-second-token")
        redaction.know(config(tmp_path, headers="{ authorization: the-second-token }"))
        logger.error("2: the-first-token the-second-token")
    finally:
        redaction.release_logs()
    hidden, both = log.getvalue().splitlines()
    assert hidden.startswith("1: [redacted") and hidden.endswith("the-second-token")
    assert both.startswith("2: [redacted") and "token" not in both.replace("redacted", "")
    assert b"second" not in (redaction.redactor.document(b'["the-second-token"]') or b"")


def test_secrets_that_cannot_be_hidden_are_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    redaction = Redaction(config(tmp_path, headers="{ authorization: the-first-token }"))
    too_long = "x" * 1_500_000
    monkeypatch.setattr("helio.app.redaction.configured_secrets", lambda _config: [too_long])
    with pytest.raises(StartFailed, match="too many or too long"):
        redaction.know(config(tmp_path))
    assert redaction.redactor.text("the-first-token").startswith("[redacted:")


def test_the_log_shows_nothing_that_is_hidden(tmp_path: Path, log: StringIO) -> None:
    headers = "{ authorization: 'Bearer a-token-of-the-upstream' }"
    redaction = Redaction(config(tmp_path, headers=headers))
    redaction.hide_in_logs()
    logger = logging.getLogger("helio.test")
    try:
        logger.error("upstream %s: %s", "a", "ACME-1234 refused a-token-of-the-upstream")
        try:
            raise ValueError("no ACME-1234")
        except ValueError:
            logger.exception("it failed")
        logger.error("%d plain words", 2)
    finally:
        redaction.release_logs()
    text = log.getvalue()
    assert "ACME-1234" not in text and "a-token-of-the-upstream" not in text
    assert "upstream a: [redacted:" in text
    assert "ValueError: no [redacted:" in text
    assert "2 plain words" in text
    logger.error("ACME-1234")
    assert "ACME-1234" in log.getvalue()
