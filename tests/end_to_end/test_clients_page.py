"""What docs/clients.md shows works."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from end_to_end.pairs import Pair, running_pair, running_sdk_server

pytestmark = pytest.mark.end_to_end

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "clients.md").read_text("utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
CONFIGURATIONS = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    directory = tmp_path_factory.mktemp("clients-page")
    with (
        running_sdk_server(directory) as url,
        running_pair(directory, url, "", "30s") as running,
    ):
        yield running


def run(*arguments: str) -> str:
    ended = subprocess.run(
        [sys.executable, *arguments], check=False, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_run_through_helio(pair: Pair, program: str) -> None:
    shown = run("-c", program, pair.helio.mcp_url).splitlines()
    assert shown[-1].removeprefix("answer ") == "hello"


def test_the_session_that_a_client_names_is_the_one_that_is_recorded(pair: Pair) -> None:
    (named,) = [program for program in PROGRAMS if "x-helio-session-id" in program]
    run("-c", named, pair.helio.mcp_url)
    rows = pair.helio.calls("--session", "a-task-of-mine")
    assert {(row["tool_name"], row["session_source"]) for row in rows} == {("echo", "header")}


@pytest.mark.parametrize("text", CONFIGURATIONS)
def test_configurations_compile_without_a_warning(text: str, tmp_path: Path) -> None:
    config = tmp_path / "helio.yaml"
    config.write_text(text, "utf-8")
    run("-m", "helio", "compile", "--strict", "-c", str(config))
