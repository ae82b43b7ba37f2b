"""Who the agents are: what each mode needs, and what it may not have."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from helio.config import AuthConfig, parse_config
from helio.config.identity import MAX_AGENT

SMALLEST = "version: '1'\nupstream: { url: 'http://localhost:8080/mcp' }\n"
TOKEN = "0123456789abcdef0123456789abcdef"
JWT = "mode: jwt, jwks_file: keys.json, issuer: 'https://id.example', audience: helio"


def faults(auth: str, purpose: str = "run", **environment: str) -> list[tuple[str, str, str]]:
    """Code, path and message of all that is found."""
    text = f"{SMALLEST}auth: {{ {auth} }}\n"
    result = parse_config(text, environment=environment, purpose=purpose)  # type: ignore[arg-type]
    return [(each.code, each.path, each.message) for each in result.diagnostics]


def test_both_modes_with_all_that_they_need() -> None:
    assert faults(f"mode: bearer, tokens: [{{ token: '{TOKEN}', agent: desk }}]") == []
    assert faults(JWT) == []
    assert faults(JWT.replace("jwks_file: keys.json", "jwks_url: 'https://id.example/keys'")) == []
    assert faults(f"{JWT}, algorithms: [ES256], leeway: 0s, agent_claim: realm.agent") == []


def test_an_agent_may_have_several_tokens() -> None:
    more = f"{{ token: '{TOKEN}', agent: desk }}, {{ token: '{TOKEN[::-1]}', agent: desk }}"
    assert faults(f"mode: bearer, tokens: [{more}]") == []


@pytest.mark.parametrize(
    ("auth", "message"),
    [
        ("mode: bearer", "`mode: bearer` needs `tokens`"),
        (f"tokens: [{{ token: '{TOKEN}', agent: a }}]", "`tokens` is for `mode: bearer`"),
        (f"{JWT}, tokens: [{{ token: '{TOKEN}', agent: a }}]", "`tokens` is for `mode: bearer`"),
        ("jwks_url: 'https://a.example'", "`jwks_url` is for `mode: jwt`"),
        ("leeway: 1s", "`leeway` is for `mode: jwt`"),
        ("mode: jwt, issuer: a, audience: b", "exactly one of `jwks_url` and `jwks_file`"),
        (f"{JWT}, jwks_url: 'https://a.example'", "exactly one of `jwks_url` and `jwks_file`"),
        ("mode: jwt, jwks_file: a, audience: b", "`mode: jwt` needs `issuer`"),
        ("mode: jwt, jwks_file: a, issuer: b", "`mode: jwt` needs `audience`"),
        (f"{JWT}, algorithms: []", "`algorithms` is empty"),
    ],
)
def test_what_a_mode_needs_and_what_it_may_not_have(auth: str, message: str) -> None:
    ((code, path, found),) = faults(auth)
    assert (code, path) == ("HL105", "auth")
    assert message in found


@pytest.mark.parametrize("algorithm", ["none", "HS256", "HS512", "ES256K", "rs256"])
def test_keys_that_agents_could_share_are_no_keys(algorithm: str) -> None:
    ((code, path, _),) = faults(f"{JWT}, algorithms: ['{algorithm}']")
    assert (code, path) == ("HL104", "auth.algorithms[0]")


def test_one_token_for_two_agents_is_an_error_that_does_not_show_it() -> None:
    twice = f"{{ token: '{TOKEN}', agent: a }}, {{ token: '{TOKEN}', agent: b }}"
    ((code, _, message),) = faults(f"mode: bearer, tokens: [{twice}]")
    assert code == "HL105"
    assert "`a` and `b`" in message
    assert TOKEN not in message


@pytest.mark.parametrize("token", ["two words", "ä" * 20, "tab\\t", "==a", "a=b", '"quoted"'])
def test_a_token_that_no_header_could_hold(token: str) -> None:
    (fault,) = faults(f"mode: bearer, tokens: [{{ token: '{token}', agent: a }}]")
    assert fault[:2] == ("HL105", "auth.tokens[0].token")
    assert token not in fault[2]


def test_a_token_that_is_easily_guessed_brings_a_warning() -> None:
    (fault,) = faults("mode: bearer, tokens: [{ token: 'short', agent: a }]")
    assert fault[:2] == ("HL107", "auth.tokens[0].token")


@pytest.mark.parametrize("agent", ["a" * (MAX_AGENT + 1), "a\u200bb", " ", "a\u202eb"])
def test_an_agents_id_is_one_that_people_can_read(agent: str) -> None:
    (fault,) = faults(f"mode: bearer, tokens: [{{ token: '{TOKEN}', agent: '{agent}' }}]")
    assert fault[:2] == ("HL105", "auth.tokens[0].agent")


@pytest.mark.parametrize(
    "url", ["http://id.example/keys", "http://127.0.0.1.example/keys", "http://10.0.0.1/keys"]
)
def test_keys_come_by_a_way_that_nobody_can_change(url: str) -> None:
    (fault,) = faults(f"mode: jwt, jwks_url: '{url}', issuer: a, audience: b")
    assert fault[:2] == ("HL105", "auth.jwks_url")


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1:1", "[::1]:1", "127.9.9.9"])
def test_on_this_machine_keys_may_come_unencrypted(host: str) -> None:
    assert faults(f"mode: jwt, jwks_url: 'http://{host}/keys', issuer: a, audience: b") == []


@pytest.mark.parametrize("leeway", ["11m", "-1s", "1h"])
def test_a_leeway_is_short(leeway: str) -> None:
    (fault,) = faults(f"{JWT}, leeway: '{leeway}'")
    assert fault[1] == "auth.leeway"


def test_compiling_needs_no_tokens() -> None:
    tokens = "tokens: [{ token: '${A}', agent: a }, { token: '${B}', agent: b }]"
    found = faults(f"mode: bearer, {tokens}", purpose="compile")
    assert [code for code, _, _ in found] == ["HL202", "HL202"]
    assert [code for code, _, _ in faults(f"mode: bearer, {tokens}")] == ["HL201", "HL201"]
    assert faults(f"mode: bearer, {tokens}", A=TOKEN, B=TOKEN[::-1]) == []


def test_the_file_of_keys_is_found_from_the_files_directory(tmp_path: Path) -> None:
    config = AuthConfig.model_validate(
        {"mode": "jwt", "jwks_file": "keys.json", "issuer": "a", "audience": "b"},
        context={"directory": tmp_path},
    )
    assert config.jwks_file == tmp_path / "keys.json"


def test_no_token_stands_in_a_representation() -> None:
    tokens = ({"token": TOKEN, "agent": "a"},)
    config = AuthConfig.model_validate({"mode": "bearer", "tokens": tokens})
    assert TOKEN not in repr(config)
    with pytest.raises(ValidationError) as refused:
        AuthConfig.model_validate({"mode": "bearer", "tokens": tokens * 2})
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize("url", ["https://helio.example", "https://helio.example/a/"])
def test_the_public_url_is_what_paths_are_put_behind(url: str) -> None:
    result = parse_config(
        f"{SMALLEST}listen: {{ public_url: '{url}' }}", environment={}, purpose="run"
    )
    assert result.config is not None
    assert result.config.listen.public_url == url.rstrip("/")
    for wrong in ("?a=b", "#a"):
        result = parse_config(
            f"{SMALLEST}listen: {{ public_url: '{url}{wrong}' }}", environment={}, purpose="run"
        )
        assert "HL105" in {each.code for each in result.diagnostics}
