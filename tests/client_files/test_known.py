"""Where clients keep their servers."""

from pathlib import Path

import pytest

from helio.client_files import CLIENTS

HOME = Path("/home/ann")


@pytest.mark.parametrize(
    ("name", "platform", "expected"),
    [
        ("claude-desktop", "linux", ".config/Claude/claude_desktop_config.json"),
        (
            "claude-desktop",
            "darwin",
            "Library/Application Support/Claude/claude_desktop_config.json",
        ),
        ("claude-desktop", "win32", "AppData/Roaming/Claude/claude_desktop_config.json"),
        ("claude-code", "darwin", ".claude.json"),
        ("cursor", "linux", ".cursor/mcp.json"),
        ("vscode", "linux", ".config/Code/User/mcp.json"),
        ("vscode", "darwin", "Library/Application Support/Code/User/mcp.json"),
    ],
)
def test_files_of_users(name: str, platform: str, expected: str) -> None:
    assert CLIENTS[name].user_file(HOME, {}, platform) == HOME / expected


def test_directories_that_the_environment_names() -> None:
    assert CLIENTS["vscode"].user_file(HOME, {"APPDATA": "/roaming"}, "win32") == Path(
        "/roaming/Code/User/mcp.json"
    )
    assert CLIENTS["vscode"].user_file(HOME, {"XDG_CONFIG_HOME": "/conf"}, "linux") == Path(
        "/conf/Code/User/mcp.json"
    )


def test_files_of_projects() -> None:
    files = {name: client.project_file(Path("p")) for name, client in CLIENTS.items()}
    assert files == {
        "claude-desktop": None,
        "claude-code": Path("p/.mcp.json"),
        "cursor": Path("p/.cursor/mcp.json"),
        "vscode": Path("p/.vscode/mcp.json"),
    }


def test_the_page_names_every_file() -> None:
    page = (Path(__file__).parents[2] / "docs/clients.md").read_text("utf-8")
    rows = {name: line for line in page.splitlines() for name in CLIENTS if f"| `{name}` |" in line}
    for name, client in CLIENTS.items():
        assert client.file in rows[name]
        assert client.project is None or f"`{client.project}`" in rows[name]
