"""A whole `helio.yaml`: defaults, paths, secrets, and every fault at once."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from helio.config import HelioConfig, LoadedConfig, Purpose, load_config, parse_config

SMALLEST = "version: '1'\nupstream: { url: 'http://localhost:8080/mcp' }\n"


def loaded(text: str = "", purpose: Purpose = "run", **environment: str) -> LoadedConfig:
    return parse_config(SMALLEST + text, environment=environment, purpose=purpose)


def config(text: str = "", purpose: Purpose = "run", **environment: str) -> HelioConfig:
    result = loaded(text, purpose, **environment)
    assert result.config is not None, [each.message for each in result.diagnostics]
    return result.config


def paths(result: LoadedConfig) -> list[tuple[str, str]]:
    return [(each.code, each.path) for each in result.diagnostics]


MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000

DEFAULTS = {
    "version": "1",
    "upstream": {
        "url": "http://localhost:8080/mcp",
        "transport": "streamable-http",
        "command": None,
        "args": (),
        "env": {},
        "cwd": None,
        "processes": "per_session",
        "max_processes": 64,
        "idle_timeout": 30 * MINUTE,
        "headers": {},
        "forward_headers": (),
        "connect_timeout": 10_000,
        "request_timeout": 30_000,
        "protocol_version": "auto",
    },
    "upstreams": (),
    "aggregate": False,
    "listen": {
        "host": "127.0.0.1",
        "port": 3000,
        "allowed_origins": (),
        "allowed_hosts": ("localhost", "127.0.0.1", "[::1]"),
        "max_body": 4 * 1024 * 1024,
        "max_sse_sessions": 1000,
        "public_url": None,
    },
    "environment": None,
    "auth": {
        "mode": "none",
        "tokens": (),
        "jwks_url": None,
        "jwks_file": None,
        "issuer": None,
        "audience": None,
        "agent_claim": "sub",
        "algorithms": (
            *("RS256", "RS384", "RS512"),
            *("PS256", "PS384", "PS512"),
            *("ES256", "ES384", "ES512", "EdDSA"),
        ),
        "leeway": MINUTE,
    },
    "session": {
        "identity": (
            {"kind": "header", "name": "x-helio-session-id"},
            {"kind": "legacy_header", "name": "mcp-session-id"},
        ),
        "on_unresolved": "deny",
        "max": 10_000,
        "max_per_agent": 1_000,
        "idle_timeout": HOUR,
    },
    "policies": {
        "default": "allow",
        "rules": None,
        "flag_destructive": "log",
        "on_tool_drift": "block",
        "unknown_tools": "allow",
        "tool_revalidation": {
            "enabled": True,
            "interval": 5 * MINUTE,
            "max_advertised_ttl": None,
        },
        "dry_run": False,
        "shadow": False,
        "blocked_as": "tool_result",
        "hot_reload": True,
        "hide_denied": False,
        "install": None,
    },
    "budgets": (),
    "approval": {
        "timeout": 300_000,
        "default_on_timeout": "deny",
        "mode": "hold",
        "grant_ttl": 15 * MINUTE,
        "channels": (
            {
                "type": "dashboard",
                "name": None,
                "url": None,
                "secret": None,
                "allow_private": (),
                "bot_token": None,
                "signing_secret": None,
                "channel": None,
                "approvers": (),
                "api_url": "https://slack.com/api/",
            },
        ),
    },
    "audit": {
        "storage": "duckdb",
        "path": Path("helio-audit"),
        "retention": 90 * DAY,
        "include_responses": True,
        "durability": "intent",
        "on_failure": "block",
        "redact": (),
        "redaction_key": None,
        "max_record": 256 * 1024,
        "signing_key": None,
        "archive": {"path": None, "after": 7 * DAY},
    },
    "state": {"backend": "local", "url": None},
    "dashboard": {
        "enabled": True,
        "host": "127.0.0.1",
        "port": 3100,
        "api_secret": None,
        "allow_open_mode": False,
        "sse_heartbeat_interval": 30_000,
    },
    "sdk": {
        "enabled": True,
        "host": "127.0.0.1",
        "port": 3200,
        "evaluation_ttl": 10 * MINUTE,
        "max_body": 4 * 1024 * 1024,
        "max_rate": 20_000,
        "max_session_rate": 2_000,
        "evidence": ("*",),
        "tokens": (),
    },
    "telemetry": {"metrics": True, "otlp": None},
}


def test_defaults() -> None:
    assert config().model_dump() == DEFAULTS


def test_defaults_of_sections_that_are_there_but_empty() -> None:
    sections = [key for key, value in DEFAULTS.items() if isinstance(value, dict)]
    sections.remove("upstream")
    assert config("\n".join(f"{section}: {{}}" for section in sections)) == config()


def test_values_of_every_type() -> None:
    found = config(
        """
listen: { host: '::1', port: 0, allowed_origins: ['https://A.example:8443'], max_body: 1MiB }
environment: 'production'
session: { identity: [legacy_header, header: X-Session], on_unresolved: anonymous }
policies: { tool_revalidation: { interval: 1h }, flag_destructive: off }
audit: { durability: full, retention: 7d, include_responses: false }
dashboard: { api_secret: '0123456789abcdef', allow_open_mode: true }
"""
    )
    assert found.listen.allowed_origins == ("https://a.example:8443",)
    assert [(source.kind, source.name) for source in found.session.identity] == [
        ("legacy_header", "mcp-session-id"),
        ("header", "x-session"),
    ]
    assert found.policies.tool_revalidation.interval == HOUR
    assert found.policies.flag_destructive == "off"
    assert found.audit.retention == 7 * DAY
    assert found.dashboard.api_secret == SecretStr("0123456789abcdef")


def test_paths_begin_at_the_file(tmp_path: Path) -> None:
    file = tmp_path / "helio.yaml"
    for text, expected in [
        ("", tmp_path / "helio-audit"),
        ("audit: { path: ./a/b }", tmp_path / "a" / "b"),
        ("audit: { path: /var/lib/a }", Path("/var/lib/a")),
    ]:
        file.write_text(SMALLEST + text)
        result = load_config(file, environment={}, purpose="run")
        assert result.config is not None
        assert result.config.audit.path == expected


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_config(tmp_path / "helio.yaml", environment={}, purpose="run")


@pytest.mark.parametrize(
    ("content", "code"), [(b"a: \xff", "HL012"), (b"a: " + b"x" * (4 * 1024 * 1024), "HL007")]
)
def test_files_that_are_no_text(tmp_path: Path, content: bytes, code: str) -> None:
    file = tmp_path / "helio.yaml"
    file.write_bytes(content)
    result = load_config(file, environment={}, purpose="run")
    assert [each.code for each in result.diagnostics] == [code]
    assert result.config is None


def test_all_faults_at_once() -> None:
    result = loaded(
        """
listen: { port: 70000, hots: a }
audit: { durability: never }
dashboard: 5
policies: { default: maybe, dry_run: yes }
nope: 1
"""
    )
    assert paths(result) == [
        ("HL105", "listen.port"),
        ("HL102", "listen.hots"),
        ("HL104", "audit.durability"),
        ("HL103", "dashboard"),
        ("HL104", "policies.default"),
        ("HL103", "policies.dry_run"),
        ("HL102", "nope"),
    ]
    assert result.config is None


def test_a_configuration_does_not_change() -> None:
    with pytest.raises(ValidationError):
        config().listen.port = 1


def test_secrets_are_not_shown() -> None:
    found = config(
        "dashboard: { api_secret: '${SECRET}' }\nstate: { url: 'redis://hunter2@host' }\n",
        SECRET="hunter2-and-more-of-it",
    )
    assert "hunter2" not in repr(found) + str(found)
    assert found.dashboard.api_secret is not None
    assert found.dashboard.api_secret.get_secret_value() == "hunter2-and-more-of-it"


def test_holders_of_anchors_are_ignored_with_all_that_is_in_them() -> None:
    found = config("x-port: &port 4000\nx-unused: '${NOT_SET}'\nlisten: { port: *port }\n")
    assert found.listen.port == 4000


@pytest.mark.parametrize("purpose", ["compile", "run"])
def test_unset_variables(purpose: Purpose) -> None:
    result = loaded(
        "listen: { port: '${A}', max_body: '${B}' }\npolicies: { default: '${C}' }\n", purpose
    )
    outside = "HL202" if purpose == "compile" else "HL201"
    told = [(each.code, each.path) for each in result.diagnostics if each.code.startswith("HL2")]
    assert told == [
        (outside, "listen.port"),
        (outside, "listen.max_body"),
        ("HL201", "policies.default"),
    ]


def test_what_an_alias_shares_with_the_rules_is_as_strict_as_they_are() -> None:
    result = loaded(
        "environment: &e '${UNSET}'\npolicies: { rules: [{ match: { tool: *e } }] }\n",
        "compile",
    )
    assert paths(result) == [("HL201", "policies.rules[0].match.tool")]


def test_a_placeholder_fits_every_type() -> None:
    found = config(
        """
listen: { host: '${X}', port: '${X}', max_body: '${X}', allowed_origins: ['${X}'] }
environment: '${X}'
session: { on_unresolved: '${X}' }
approval: { timeout: '${X}', channels: [{ type: dashboard, name: '${X}' }] }
audit: { path: '${X}', include_responses: '${X}' }
dashboard: { api_secret: '${X}', port: '${X}' }
""",
        "compile",
    )
    assert found.listen.port == 3000
    assert found.environment == "${X}"


def test_a_variable_cannot_change_the_structure() -> None:
    found = config("environment: '${NAME}'", NAME='a"}, listen: {port: 1}')
    assert found.environment == 'a"}, listen: {port: 1}'
    assert found.listen.port == 3000


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a ${NAME} b", "a value b"),
        ("${NAME}${NAME}", "valuevalue"),
        ("${UNSET:-default}", "default"),
        ("${UNSET:-}x", "x"),
        ("${EMPTY:-default}", "default"),
        ("${EMPTY}x", "x"),
        ("${UNSET:-a:b/c d}", "a:b/c d"),
        ("$${NAME}", "${NAME}"),
        ("$$${NAME}", "$${NAME}"),
        ("$.x $NAME $$ ^a$", "$.x $NAME $$ ^a$"),
    ],
)
def test_interpolation(text: str, value: str) -> None:
    assert config(f"environment: '{text}'", NAME="value", EMPTY="").environment == value


@pytest.mark.parametrize("text", ["${}", "${1}", "${A", "${A:+b}", "${A-b}", "${A B}", "x ${ y"])
def test_interpolations_that_cannot_be_read(text: str) -> None:
    assert ("HL203", "environment") in paths(loaded(f"environment: '{text}'"))


def test_variables_that_are_not_utf_8() -> None:
    assert paths(loaded("environment: '${NAME}'", NAME="\udcff")) == [
        ("HL105", "environment"),
        ("HL105", "environment"),
    ]


def test_keys_are_not_interpolated() -> None:
    assert paths(loaded("listen: { '${NAME}': 5 }", NAME="port")) == [
        ("HL102", "listen['${NAME}']")
    ]


@pytest.mark.parametrize(
    ("upstream", "path"),
    [
        ("{}", "upstream"),
        ("{ transport: streamable-http }", "upstream"),
        ("{ url: 'ftp://a' }", "upstream.url"),
        ("{ url: 'http://' }", "upstream.url"),
        ("{ url: 'http://a:b' }", "upstream.url"),
        ("{ url: 'http://a:0' }", "upstream.url"),
        ("{ url: 'http://a/#b' }", "upstream.url"),
        ("{ url: 'http://a b/' }", "upstream.url"),
        ("{ url: 'http://a', headers: { a: \"b\\r\\nc: d\" } }", "upstream.headers.a"),
        ("{ url: 'http://a', headers: { a: '' } }", "upstream.headers.a"),
        ("{ url: 'http://a', forward_headers: ['a:'] }", "upstream.forward_headers[0]"),
        ("{ transport: sse }", "upstream"),
        ("{ transport: stdio }", "upstream"),
        ("{ transport: stdio, command: a, url: 'http://a' }", "upstream"),
        ("{ transport: stdio, command: a, headers: { a: b } }", "upstream"),
        ("{ transport: stdio, command: a, max_processes: 0 }", "upstream.max_processes"),
        ("{ url: 'http://a', command: a }", "upstream"),
        ("{ url: 'http://a', idle_timeout: 1m }", "upstream"),
        ("{ url: 'http://a', transport: sse, env: { a: b } }", "upstream"),
    ],
)
def test_upstreams_that_cannot_be_called(upstream: str, path: str) -> None:
    result = parse_config(f"version: '1'\nupstream: {upstream}\n", environment={}, purpose="run")
    assert paths(result) == [("HL105", path)]


def test_a_program_is_an_upstream() -> None:
    result = parse_config(
        "version: '1'\nupstream: { transport: stdio, command: a, args: [b], env: { c: d }, cwd: e, "
        "processes: shared, max_processes: 2, idle_timeout: 1m }\n",
        environment={},
        purpose="run",
    )
    assert result.config is not None
    upstream = result.config.upstream
    assert upstream is not None
    assert (upstream.command, upstream.args, upstream.processes) == ("a", ("b",), "shared")
    assert (upstream.max_processes, upstream.idle_timeout) == (2, MINUTE)


def test_an_origin_may_be_null() -> None:
    assert config("listen: { allowed_origins: ['null'] }").listen.allowed_origins == ("null",)
