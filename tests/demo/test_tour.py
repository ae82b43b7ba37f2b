"""The whole tour: `helio demo` as a process, and its ways to end."""

import asyncio
import io
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from rich.console import Console

from helio.demo import tour
from helio.demo.display import Places
from helio.demo.tour import Options, run
from processes import LOOPBACK, choose_free_port, listens

WITHIN = 60.0


@asynccontextmanager
async def started_demo(*options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    demo = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "helio", "demo", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "COLUMNS": "80"},
    )
    try:
        yield demo
    finally:
        if demo.returncode is None:
            # Not SIGKILL: it ends the processes that it started.
            demo.terminate()
            await demo.communicate()


async def read_until(process: asyncio.subprocess.Process, text: str) -> str:
    """What the process prints up to and with the line that holds `text`."""
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(WITHIN):
        while not (lines and text in lines[-1]):
            line = await process.stdout.readline()
            assert line, "".join(lines)
            lines.append(line.decode())
    return "".join(lines)


@pytest.mark.end_to_end
def test_once_tells_the_story_and_ends_well(told_story: str) -> None:
    for words in ("allowed", "denied", "rate limited", "spend limited", "dry run", "repaired"):
        assert words in told_story
    assert "rule mail-stays-inside (deny) matched send_mail" in told_story
    assert "\x1b[" not in told_story
    assert max(map(len, told_story.splitlines())) <= 80


@pytest.mark.end_to_end
async def test_it_serves_until_ctrl_c_and_leaves_nothing_running(tmp_path: Path) -> None:
    port, operator_port = choose_free_port(), choose_free_port()
    ports = ("--port", str(port), "--operator-port", str(operator_port))
    async with started_demo("--keep", str(tmp_path), *ports) as demo:
        told = await read_until(demo, "Ctrl-C ends the demo.")
        assert f"Agents connect to: http://{LOOPBACK}:{port}/mcp\n" in told
        assert listens(port)
        assert listens(operator_port)
        demo.send_signal(signal.SIGINT)
        _, errors = await asyncio.wait_for(demo.communicate(), WITHIN)
    assert (demo.returncode, errors) == (0, b"")
    assert not listens(port)
    assert not listens(operator_port)
    rows = await export(tmp_path / "helio.yaml")
    assert {row["policy_decision"] for row in rows if row["record_kind"] == "tool_call"} == {
        "allow",
        "deny",
        "rate_limited",
        "spend_limited",
        "dry_run",
    }


@pytest.mark.end_to_end
async def test_a_signal_in_the_middle_of_the_story_ends_everything(tmp_path: Path) -> None:
    port = choose_free_port()
    async with started_demo("--port", str(port), "--keep", str(tmp_path)) as demo:
        await read_until(demo, "The agent looks around")
        demo.send_signal(signal.SIGTERM)
        _, errors = await asyncio.wait_for(demo.communicate(), WITHIN)
    assert (demo.returncode, errors) == (130, b"")
    assert not listens(port)


async def export(config: Path) -> list[dict[str, object]]:
    exporting = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "helio", "export", "-c", str(config), "-f", "json"),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(exporting.communicate(), WITHIN)
    assert exporting.returncode == 0
    return list(json.loads(output))


async def test_a_taken_port_is_said_and_ends_with_2(tmp_path: Path) -> None:
    output = io.StringIO()
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        code = await run(Options(port=port, keep=tmp_path), Console(file=output, width=80))
    assert code == 2
    assert f"Port {port} is taken." in output.getvalue()


async def test_a_directory_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    output = io.StringIO()
    code = await run(Options(keep=tmp_path), Console(file=output, width=200))
    assert code == 2
    assert "is not empty" in output.getvalue()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


async def test_a_decision_that_the_story_does_not_expect_ends_with_1(
    demo_upstream: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def ungoverned(
        options: Options, directory: Path
    ) -> AsyncIterator[tuple[Places, Mapping[str, str]]]:
        yield Places(demo_upstream, demo_upstream, directory / "helio.yaml"), {}

    monkeypatch.setattr(tour, "_serving", ungoverned)
    output = io.StringIO()
    code = await run(Options(once=True, keep=tmp_path), Console(file=output, width=200))
    assert code == 1
    assert "create_payment was decided allow, expected was deny." in output.getvalue()
