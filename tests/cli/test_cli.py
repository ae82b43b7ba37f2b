"""The command line as a whole: it starts light, speaks plainly and says its version."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.conftest import CLEAN, Command
from helio.cli import app
from helio.evaluator import VERSION

HEAVY = {"mcp", "aiohttp", "duckdb", "uvloop", "httptools", "watchfiles", "pydantic", "yaml"}
NEVER_FOR_COMPILING = {"mcp", "aiohttp", "duckdb", "uvloop", "httptools", "watchfiles", "asyncio"}


def modules_after(code: str) -> set[str]:
    listed = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return set(listed.stdout.splitlines()[-1].split())


def test_importing_it_loads_no_command_s_own_needs() -> None:
    assert HEAVY.isdisjoint(modules_after("import helio.cli"))


def test_compiling_loads_nothing_of_the_proxy(directory: Path) -> None:
    (directory / "helio.yaml").write_text(CLEAN, "utf-8")
    code = "from helio.cli import app\ntry:\n    app(['compile'])\nexcept SystemExit: pass"
    assert NEVER_FOR_COMPILING.isdisjoint(modules_after(code))


def test_version() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"helio {VERSION}\n", "")


def test_help_names_every_command() -> None:
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    for command in ("init", "compile", "validate", "start", "export", "bench", "demo"):
        assert command in result.stdout


def test_no_command_is_wrong_usage(helio: Command) -> None:
    done = helio()
    assert done.returncode == 2
    assert "Usage" in done.stdout + done.stderr


@pytest.mark.parametrize("command", ["compil", "--verbose"])
def test_an_unknown_command_is_wrong_usage(helio: Command, command: str) -> None:
    done = helio(command)
    assert (done.returncode, done.stdout) == (2, "")
    assert command in done.stderr
