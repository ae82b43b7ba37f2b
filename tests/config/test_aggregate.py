"""Several upstreams as one: what their names may be."""

import pytest

from helio.config import parse_config


def found(names: list[str], *, aggregate: bool = True) -> list[tuple[str, str]]:
    """The findings for upstreams of these names: each with its code and path."""
    upstreams = "".join(
        f"  - {{ name: '{name}', url: 'http://localhost:1/mcp' }}\n" for name in names
    )
    text = f"version: '1'\naggregate: {str(aggregate).lower()}\nupstreams:\n{upstreams}"
    result = parse_config(text, environment={}, purpose="run")
    assert (result.config is None) == bool(len(result.diagnostics))
    return [(each.code, each.path) for each in result.diagnostics]


@pytest.mark.parametrize("name", ["shop", "shop-2.x", "a_b", "Shop"])
def test_names_that_read_in_one_way(name: str) -> None:
    assert found([name, "mail"]) == []


@pytest.mark.parametrize("name", ["a__b", "a__", "a_", "aggregate"])
def test_names_that_agents_or_the_audit_could_misread(name: str) -> None:
    assert found(["mail", name]) == [("HL106", "upstreams[1].name")]
    assert found(["mail", name], aggregate=False) == []


def test_one_upstream_is_no_aggregate() -> None:
    text = "version: '1'\naggregate: true\nupstream: { url: 'http://localhost:1/mcp' }\n"
    result = parse_config(text, environment={}, purpose="run")
    assert [(each.code, each.path) for each in result.diagnostics] == [("HL106", "aggregate")]
