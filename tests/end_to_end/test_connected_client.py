"""A client that `helio connect` changed starts its server through Helio, which governs it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from compatibility.talk import blocked, spawning, talk
from end_to_end import sdk_server

pytestmark = pytest.mark.end_to_end

CONFIG = """
version: '1'
policies:
  rules: [{ name: never, match: { upstream: tools, tool: 'denied_*' }, action: deny }]
"""


async def test_the_server_of_a_connected_client_is_governed(tmp_path: Path) -> None:
    (tmp_path / "helio.yaml").write_text(CONFIG, "utf-8")
    file = tmp_path / "client.json"
    server = {"command": sys.executable, "args": [sdk_server.__file__, "--stdio"]}
    file.write_text(json.dumps({"mcpServers": {"tools": server}}), "utf-8")
    command = [sys.executable, "-m", "helio", "connect", "claude-desktop", "--file", str(file)]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=60)

    connected = json.loads(file.read_text("utf-8"))["mcpServers"]["tools"]
    started = spawning([connected["command"], *connected["args"]], {}, tmp_path)
    calls = [("echo", {"text": "hello"}), ("denied_plain", {"text": "x"})]
    heard = await talk(started, "legacy", *calls)
    assert heard.answers[0]["content"][0]["text"] == "hello"
    assert blocked(heard.answers[1])["rule"] == "never"
    assert (tmp_path / "helio-audit" / "stdio-tools").is_dir()
