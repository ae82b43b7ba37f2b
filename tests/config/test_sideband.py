"""The section `sdk`: tokens that are hard to guess, told apart, and for something."""

import pytest

from helio.config import parse_config
from helio.policy.compiler import compile_text

HEAD = "version: '1'\nupstream: { url: 'http://localhost:8080/mcp' }\n"
TOKEN = "0123456789abcdef"


def faults(tokens: str, **environment: str) -> list[str]:
    text = f"{HEAD}sdk: {{ tokens: [{tokens}] }}"
    found = parse_config(text, environment=environment, purpose="run").diagnostics
    return [f"{each.path}: {each.message}" for each in found]


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        ("{ name: a, token: short }", "at least 16 characters"),
        (f"{{ name: a, token: '{TOKEN} x' }}", "a bearer token has only letters"),
        (f"{{ name: a, token: {TOKEN}x, scopes: [] }}", "opens nothing"),
        (f"{{ name: a, token: {TOKEN}x, scopes: [all] }}", "scopes"),
        (f"{{ name: a, token: {TOKEN}x, expires: tomorrow }}", "a time with its zone"),
        (f"{{ name: a, token: {TOKEN}x, expires: '2027-01-31T12:00:00' }}", "a time with its zone"),
        (f"{{ name: a, token: {TOKEN}x }}, {{ name: a, token: {TOKEN}y }}", "have one `name`"),
        (f"{{ name: a, token: {TOKEN}x }}, {{ name: b, token: {TOKEN}x }}", "have one `token`"),
        (f"{{ token: {TOKEN}x }}", "name"),
        ("{ name: a }", "token"),
    ],
)
def test_a_token_that_cannot_be_meant(tokens: str, said: str) -> None:
    (fault,) = faults(tokens)
    assert said in fault
    assert TOKEN not in fault


def test_tokens_come_from_the_environment_and_are_not_shown() -> None:
    text = (
        f"{HEAD}sdk: {{ tokens: [{{ name: a, token: '${{T}}', expires: 2027-01-31T12:00:00Z }}] }}"
    )
    found = parse_config(text, environment={"T": TOKEN}, purpose="run").config
    assert found is not None
    (token,) = found.sdk.tokens
    assert token.token.get_secret_value() == TOKEN
    assert TOKEN not in repr(found)
    compiled = compile_text(text, environment={}, purpose="compile")
    assert not compiled.diagnostics.has_errors


@pytest.mark.parametrize(
    "where", ["evidence: '['", "tokens: [{ name: a, token: %s, agents: '[' }]"]
)
def test_a_glob_that_cannot_be_read_is_reported(where: str) -> None:
    text = f"{HEAD}sdk: {{ {where.replace('%s', TOKEN)} }}"
    found = compile_text(text, environment={}).diagnostics
    (fault,) = found
    assert fault.path is not None
    assert fault.path.startswith("sdk.")
