"""Parts of the file that `helio.policy` compiles: they go through the models as they are."""

from helio.config import parse_config
from helio.diagnostics import Mapping


def test_what_policies_compile_is_the_part_of_the_file_itself() -> None:
    # A copy of it would cost as much again as reading the file.
    text = (
        "version: '1'\nupstream: { url: 'http://localhost:8080/mcp' }\n"
        "x-counted: &counted [{ match: { tool: pay }, amount: 1 }]\n"
        "policies: { rules: [{ action: deny }], install: { default: deny } }\n"
        "budgets: [{ name: day, limit: 1, currency: EUR, window: 1d, contributors: *counted }]\n"
    )
    result = parse_config(text, environment={}, purpose="run")
    assert result.config is not None
    assert result.root is not None
    policies = result.root.get("policies")
    assert isinstance(policies, Mapping)
    assert result.config.policies.rules is policies.get("rules")
    assert result.config.policies.install is policies.get("install")
    (contributor,) = result.config.budgets[0].contributors
    assert isinstance(contributor.match, Mapping)
