"""The clients that `helio connect` knows, and where each keeps its servers.

Above: `helio.cli`. Below: nothing. Pure: home directory, environment and platform are given.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

Platform = Literal["linux", "darwin", "win32"]

ANY: Final = "*"
"""In a place: every member of the object."""


@dataclass(frozen=True, slots=True)
class Client:
    """One client. `places` are the members of its file that hold servers. A `file` that begins with
    `~` is the same in every home directory; else it is below the directory of applications.
    `project` is the file of a project's own, None where there is none.
    """

    name: str
    title: str
    places: tuple[tuple[str, ...], ...]
    file: str
    project: str | None = None

    def user_file(self, home: Path, environment: Mapping[str, str], platform: str) -> Path:
        """The file that holds for everything that this user does with the client."""
        if self.file.startswith("~/"):
            return home / self.file.removeprefix("~/")
        return _applications(home, environment, platform) / self.file

    def project_file(self, directory: Path) -> Path | None:
        """The file of the project in `directory`; None for a client without such files."""
        return None if self.project is None else directory / self.project


def _applications(home: Path, environment: Mapping[str, str], platform: str) -> Path:
    """Where applications keep what belongs to a user."""
    match platform:
        case "win32":
            roaming = environment.get("APPDATA")
            return Path(roaming) if roaming else home / "AppData" / "Roaming"
        case "darwin":
            return home / "Library" / "Application Support"
        case _:
            configured = environment.get("XDG_CONFIG_HOME")
            return Path(configured) if configured else home / ".config"


_SERVERS: Final = (("mcpServers",),)

CLIENTS: Final = MappingProxyType(
    {
        client.name: client
        for client in (
            Client(
                "claude-desktop",
                "Claude Desktop",
                _SERVERS,
                "Claude/claude_desktop_config.json",
            ),
            Client(
                "claude-code",
                "Claude Code",
                (*_SERVERS, ("projects", ANY, "mcpServers")),
                "~/.claude.json",
                ".mcp.json",
            ),
            Client("cursor", "Cursor", _SERVERS, "~/.cursor/mcp.json", ".cursor/mcp.json"),
            Client("vscode", "VS Code", (("servers",),), "Code/User/mcp.json", ".vscode/mcp.json"),
        )
    }
)
"""The clients by their names."""
