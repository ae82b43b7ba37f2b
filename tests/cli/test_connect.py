"""`helio connect`: a client's file is led through Helio and back, and nothing of it is lost."""

import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from helio.cli import app

CONFIG = "version: '1'\nupstreams:\n  - { name: shop, url: 'https://shop.example/mcp' }\n"
CLIENT = """{
  // of Ann's
  "mcpServers": {
    "files": { "command": "npx", "args": ["-y", "files"], "env": { "KEY": "hush" } },
    "shop": { "type": "http", "url": "https://shop.example/mcp" }
  },
  "theme": "dark"
}
"""


@pytest.fixture
def client(directory: Path) -> Path:
    """A client's file, beside a configuration of Helio's."""
    (directory / "helio.yaml").write_text(CONFIG, "utf-8")
    path = directory / "mcp.json"
    path.write_text(CLIENT, "utf-8")
    path.chmod(0o600)
    return path


def connect(*arguments: str, client: str = "cursor", file: str | None = "mcp.json") -> Result:
    named = [] if file is None else ["--file", file]
    result = CliRunner().invoke(app, ["connect", client, *named, *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def servers(text: str) -> Any:
    return json.loads(text.replace("// of Ann's", ""))["mcpServers"]


def test_it_leads_every_server_through_helio_and_keeps_a_copy(client: Path) -> None:
    result = connect()
    assert (result.exit_code, result.stderr) == (0, "")
    now = servers(client.read_text("utf-8"))
    command = now["files"]["command"], *now["files"]["args"]
    assert command[-9:] == (
        *("stdio", "-c", str(client.with_name("helio.yaml"))),
        *("--name", "files", "--", "npx", "-y", "files"),
    )
    assert Path(command[0]).is_absolute()
    assert now["files"]["env"] == {"KEY": "hush"}
    assert now["shop"]["url"] == "http://127.0.0.1:3000/mcp/shop"
    copy = client.with_name("mcp.json.before-helio")
    assert copy.read_text("utf-8") == CLIENT
    assert {stat.S_IMODE(path.stat().st_mode) for path in (client, copy)} == {0o600}
    assert "hush" not in result.output
    assert str(copy) in result.output.replace("\n", "")


def test_undo_gives_the_file_back_to_the_letter(client: Path) -> None:
    connect()
    result = connect("--undo")
    assert result.exit_code == 0
    assert client.read_text("utf-8") == CLIENT
    assert sorted(path.name for path in client.parent.iterdir()) == ["helio.yaml", "mcp.json"]
    again = connect("--undo")
    assert (again.exit_code, again.stdout) == (2, "")
    assert "did not change this file" in again.stderr


def test_again_changes_nothing(client: Path) -> None:
    connect()
    first = client.stat()
    result = connect()
    assert (result.exit_code, client.stat().st_mtime_ns) == (0, first.st_mtime_ns)
    assert "Nothing to change" in result.stdout


def test_a_server_that_came_since_is_led_too_and_all_of_it_back(client: Path) -> None:
    connect()
    added = '"new": { "command": "new" },'
    client.write_text(client.read_text("utf-8").replace('"files"', f'{added} "files"', 1), "utf-8")
    connect()
    assert servers(client.read_text("utf-8"))["new"]["args"][-2:] == ["--", "new"]
    connect("--undo")
    assert client.read_text("utf-8") == CLIENT.replace('"files"', f'{added} "files"', 1)


def test_another_configuration_takes_the_place_of_the_first(client: Path) -> None:
    connect()
    other = client.with_name("other.yaml")
    other.write_text(CONFIG.replace("name: shop", "name: till"), "utf-8")
    connect("-c", "other.yaml")
    now = servers(client.read_text("utf-8"))
    assert str(other) in now["files"]["args"]
    assert now["files"]["args"].count("--") == 1
    connect("--undo")
    assert servers(client.read_text("utf-8"))["files"] == servers(CLIENT)["files"]


def test_a_dry_run_shows_the_difference_and_writes_nothing(client: Path) -> None:
    result = connect("--dry-run")
    assert result.exit_code == 0
    assert (
        '+    "shop": { "type": "http", "url": "http://127.0.0.1:3000/mcp/shop" }' in result.stdout
    )
    assert '-    "shop": { "type": "http", "url": "https://shop.example/mcp" }' in result.stdout
    assert client.read_text("utf-8") == CLIENT
    assert not client.with_name("mcp.json.before-helio").exists()


def test_print_prints_the_file_that_would_be_written(client: Path) -> None:
    printed = connect("--print")
    assert "files: through Helio" in printed.stderr
    assert client.read_text("utf-8") == CLIENT
    connect()
    assert printed.stdout == client.read_text("utf-8")


def test_what_the_configuration_lacks_is_told_and_then_taken(client: Path) -> None:
    docs = '"docs": { "type": "sse", "url": "https://docs.example/sse", "headers": { "X-A": "b" } }'
    client.write_text(CLIENT.replace('"shop": {', f'{docs},\n"shop": {{'), "utf-8")
    result = connect("-f", "json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert {server["name"]: server["state"] for server in told["servers"]} == {
        "files": "connected",
        "docs": "left",
        "shop": "connected",
    }
    (wanted,) = told["upstreams_to_add"]
    assert wanted == {
        "name": "docs",
        "url": "https://docs.example/sse",
        "transport": "sse",
        "forward_headers": ["x-a"],
    }
    config = client.with_name("helio.yaml")
    config.write_text(f"{CONFIG}  - {json.dumps(wanted)}\n", "utf-8")
    assert connect().exit_code == 0
    now = servers(client.read_text("utf-8"))
    assert now["docs"]["url"] == "http://127.0.0.1:3000/sse/docs"


def test_what_is_told_to_add_can_be_pasted(client: Path) -> None:
    client.write_text(
        '{"mcpServers": {"a b": {"url": "https://a.example/mcp", "headers": {"api-key": "hush"}}}}'
    )
    result = connect()
    (before, told) = result.stdout.split("connect again:\n")
    assert "a server of `upstream`\nmoves to `upstreams` as well" in before
    pasted = told.split("Nothing to change")[0]
    assert "hush" not in result.output
    client.with_name("helio.yaml").write_text(f"version: '1'\n{pasted}")
    compiled = CliRunner().invoke(app, ["compile"], env={"A_B_API_KEY": "hush"})
    assert compiled.exit_code == 0, compiled.output
    assert connect().exit_code == 0


def test_where_agents_need_tokens_urls_stay(client: Path) -> None:
    tokens = f"[{{ agent: ann, token: '{'x1' * 16}' }}]"
    with client.with_name("helio.yaml").open("a") as config:
        config.write(f"auth: {{ mode: bearer, tokens: {tokens} }}\n")
    result = connect()
    assert result.exit_code == 1
    assert "auth" in result.stdout
    assert servers(client.read_text("utf-8"))["shop"] == servers(CLIENT)["shop"]


@pytest.mark.parametrize(
    ("name", "usual"),
    [
        ("claude-desktop", ".config/Claude/claude_desktop_config.json"),
        ("claude-code", ".claude.json"),
        ("cursor", ".cursor/mcp.json"),
        ("vscode", ".config/Code/User/mcp.json"),
    ],
)
def test_each_client_has_its_usual_file(
    client: Path, monkeypatch: pytest.MonkeyPatch, name: str, usual: str
) -> None:
    monkeypatch.setenv("HOME", str(client.parent))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    missing = connect(client=name, file=None)
    assert (missing.exit_code, usual in missing.stderr) == (2, True)
    path = client.parent / usual
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(CLIENT.replace("mcpServers", "servers") if name == "vscode" else CLIENT)
    assert connect(client=name, file=None).exit_code == 0
    assert "stdio" in path.read_text()


def test_a_project_has_a_file_of_its_own(client: Path) -> None:
    client.rename(client.with_name(".mcp.json"))
    assert connect("--project", ".", client="claude-code", file=None).exit_code == 0
    refused = connect("--project", ".", client="claude-desktop", file=None)
    assert (refused.exit_code, "no files of projects" in refused.stderr) == (2, True)


def test_a_link_goes_on_leading_to_the_file(client: Path) -> None:
    client.with_name("link.json").symlink_to(client)
    assert connect(file="link.json").exit_code == 0
    assert client.with_name("link.json").is_symlink()
    assert "--name" in client.read_text()
    assert connect("--undo").exit_code == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"mcpServers": {', "line 1, column 16: this is never closed"),
        ('{"mcpServers": {}}', "no servers"),
        ('{"servers": {"a": {"command": "b"}}}', "no servers"),
    ],
)
def test_what_cannot_be_led_is_left_alone(client: Path, text: str, said: str) -> None:
    client.write_text(text)
    result = connect()
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert client.read_text() == text


def test_a_file_that_is_not_utf8(client: Path) -> None:
    client.write_bytes(b'{"mcpServers": "\xff"}')
    result = connect()
    assert (result.exit_code, "UTF-8" in result.stderr) == (2, True)


def test_who_asks_people_is_told_that_nobody_can_answer(client: Path) -> None:
    with client.with_name("helio.yaml").open("a") as config:
        config.write("policies: { rules: [{ match: { tool: pay }, action: require_approval }] }\n")
    result = connect()
    assert (result.exit_code, "--operator" in result.stderr) == (0, True)


def test_no_client_is_led_to_a_helio_that_would_not_start(client: Path) -> None:
    client.with_name("helio.yaml").write_text("version: '1'\npolicies: { default: alow }\n")
    result = connect()
    assert (result.exit_code, result.stdout) == (2, "")
    assert "HL" in result.stderr
    client.with_name("helio.yaml").unlink()
    assert "helio init" in connect().stderr
    assert client.read_text("utf-8") == CLIENT


def test_without_a_copy_nothing_is_written(client: Path) -> None:
    client.with_name("mcp.json.before-helio").mkdir()
    result = connect()
    assert (result.exit_code, "mcp.json.before-helio" in result.stderr) == (2, True)
    assert client.read_text("utf-8") == CLIENT


def test_options_that_exclude_each_other(client: Path) -> None:
    assert connect("--project", ".").exit_code == 2
    assert connect("--print", "--dry-run").exit_code == 2
    assert connect("--print", "-f", "json").exit_code == 2
