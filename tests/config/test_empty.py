"""Keys that stand there with nothing behind them, as when all below was made a comment."""

import pytest

from helio.config import parse_config

HEAD = "version: '1'\nupstream: { url: 'http://localhost/mcp' }\n"


def test_an_empty_upstream_is_a_missing_one() -> None:
    loaded = parse_config("version: '1'\nupstream:\n", environment={}, purpose="run")
    (fault,) = loaded.diagnostics
    assert (fault.code, fault.message) == ("HL101", "`upstream` is missing")
    assert loaded.config is None


@pytest.mark.parametrize("section", ["listen", "policies", "audit", "session", "telemetry"])
def test_an_empty_section_is_told_how_to_be_written(section: str) -> None:
    loaded = parse_config(f"{HEAD}{section}:\n", environment={}, purpose="run")
    (fault,) = loaded.diagnostics
    assert (fault.code, fault.path) == ("HL103", section)
    assert fault.message == "expected a mapping, found nothing"
    assert fault.hint == "indent what belongs to this key, remove the key, or write `{}`"
    assert fault.span.line == 3


@pytest.mark.parametrize("key", ["environment", "upstreams"])
def test_what_may_be_absent(key: str) -> None:
    loaded = parse_config(f"{HEAD}{key}: null\n", environment={}, purpose="run")
    assert [each.path for each in loaded.diagnostics] == ([] if key == "environment" else [key])
