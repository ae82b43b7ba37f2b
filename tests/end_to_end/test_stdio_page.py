"""What docs/stdio.md shows works."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from peers import Peer

pytestmark = pytest.mark.end_to_end

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "stdio.md").read_text("utf-8")


def test_the_clients_configuration_starts_a_server(tmp_path: Path) -> None:
    """Its command, with the package's own file in place of npx, which would ask the network."""
    (block,) = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    server = json.loads(block)["mcpServers"]["files"]
    assert server["command"] == "helio"
    (tmp_path / "helio.yaml").write_text("version: '1'\n")
    package = "@modelcontextprotocol/server-filesystem"
    before, after = " ".join(server["args"]).split(f"npx -y {package}")
    home = str(tmp_path)
    arguments = [
        *before.replace("/home/ann", home).split(),
        *Peer(package).command(),
        *after.replace("/home/ann/notes", home).split(),
    ]
    client = {"name": "test", "version": "1"}
    opening = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
    messages: list[dict[str, object]] = [
        {"id": 0, "method": "initialize", "params": opening},
        {"method": "notifications/initialized"},
        {"id": 1, "method": "tools/list"},
    ]
    told = "".join(json.dumps({"jsonrpc": "2.0", **each}) + "\n" for each in messages)
    ran = subprocess.run(
        [sys.executable, "-m", "helio", *arguments],
        input=told,
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    answers = [json.loads(line) for line in ran.stdout.splitlines()]
    (listed,) = [each["result"]["tools"] for each in answers if each.get("id") == 1]
    assert "write_file" in {tool["name"] for tool in listed}
    assert (tmp_path / "helio-audit" / "stdio-files").is_dir()
