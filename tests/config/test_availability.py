"""What this version parses and refuses: never ignored, refused only where it is asked for."""

import pytest

from helio.config import parse_config
from helio.config.availability import UNAVAILABLE

SMALLEST = "version: '1'\nupstream: { url: 'http://localhost:8080/mcp' }\n"

ASKED_FOR = {
    "state.backend": "state: { backend: redis }",
}


def codes(text: str) -> set[str]:
    head = "version: '1'\n" if text.startswith("upstream") else SMALLEST
    result = parse_config(head + text, environment={}, purpose="run")
    assert (result.config is None) == bool(len(result.diagnostics))
    return {each.code for each in result.diagnostics}


def test_every_line_of_the_table_has_its_example() -> None:
    assert [entry.path for entry in UNAVAILABLE] == list(ASKED_FOR)


@pytest.mark.parametrize("path", ASKED_FOR)
def test_refused(path: str) -> None:
    assert codes(ASKED_FOR[path]) == {"HL301"}


@pytest.mark.parametrize(
    "text",
    [
        "aggregate: false",
        "upstreams: [{ name: a, url: 'http://localhost:1/mcp' }]\naggregate: true",
        "auth: { mode: none, tokens: [] }",
        "budgets: [{ name: a, limit: 1, currency: £, window: 1d, contributors: [{ amount: 1 }] }]",
        "approval: { channels: [{ type: dashboard, name: desk }], mode: return }",
        "upstream: { protocol_version: '2026-07-28', url: 'http://localhost:1/mcp' }",
        "state: { backend: local }",
        "sdk: {}",
        "sdk: { enabled: false, port: 5 }",
        "telemetry: { metrics: true, otlp: ~ }",
        "audit: { redact: [] }",
        "policies: { on_tool_drift: log, install: {} }",
    ],
)
def test_what_only_says_the_default_is_fine(text: str) -> None:
    assert codes(text) == set()


def test_the_faults_of_a_refused_section_are_reported_too() -> None:
    assert codes("state: { backend: redis, url: 5 }") == {"HL301", "HL103"}
