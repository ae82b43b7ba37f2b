"""How much agents are shown of the lists of tools, as configured."""

import pytest

from helio.app.governed import listing
from helio.config import parse_config
from helio.transport.listing import Listing

HEAD = "version: '1'\nupstream: { url: 'http://localhost:8080/mcp' }\n"


def configured(text: str) -> Listing:
    result = parse_config(HEAD + text, environment={}, purpose="run")
    assert result.config is not None, [str(each) for each in result.diagnostics]
    return listing(result.config.policies, agents_differ=False)


@pytest.mark.parametrize(
    ("revalidation", "max_ttl_ms"),
    [
        ("", 300_000),
        ("interval: 90s", 90_000),
        ("enabled: false", None),
        ("enabled: false, max_advertised_ttl: 1h", 3_600_000),
        ("interval: 90s, max_advertised_ttl: 1h", 3_600_000),
    ],
)
def test_lists_are_kept_as_long_as_helios_own_view(
    revalidation: str, max_ttl_ms: int | None
) -> None:
    shown = configured(f"policies: {{ tool_revalidation: {{ {revalidation} }} }}")
    assert shown.max_ttl_ms == max_ttl_ms


def test_nothing_is_hidden_unless_it_is_asked_for() -> None:
    assert configured("") == Listing(hide_denied=False, max_ttl_ms=300_000, agents_differ=False)
    assert configured("policies: { hide_denied: true }").hide_denied
