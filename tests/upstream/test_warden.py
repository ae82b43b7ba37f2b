"""No child outlives Helio, however that ended."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from helio.upstream.warden import Warden
from upstream.programs import SERVER, runs, until

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"

OWNER = f"""
import asyncio, json, sys
from helio.upstream.child import StdioUpstream
from upstream.agents import Agent

async def main():
    upstream = StdioUpstream(sys.executable, ["-I", "-S", {str(SERVER)!r}, *sys.argv[1:]], name="a")
    agent = await Agent(upstream).open()
    pids = [(await agent.call("echo"))["pid"], (await agent.call("spawn"))["pid"]]
    print(json.dumps(pids), flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""
"""A process with a child, which has a child of its own that no SIGTERM ends."""


@pytest.mark.parametrize("flags", [[], ["--stubborn"]])
async def test_a_killed_helio_leaves_no_process(nothing_leaks: None, flags: list[str]) -> None:
    tests = Path(__file__).parents[1]
    path = os.pathsep.join([str(tests), *sys.path])
    owner = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        OWNER,
        *flags,
        env={**os.environ, "PYTHONPATH": path},
        stdout=asyncio.subprocess.PIPE,
    )
    assert owner.stdout is not None
    pids = json.loads(await owner.stdout.readline())
    assert all(map(runs, pids))
    owner.kill()
    await owner.communicate()
    await until(lambda: not any(map(runs, pids)))


async def test_it_ends_what_it_watches_and_nothing_that_it_was_told_to_forget() -> None:
    warden = Warden()
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", "-c", STUBBORN, start_new_session=True
        )
        for _ in range(2)
    ]
    watched, forgotten = processes
    for process in processes:
        await warden.watch(process.pid)
    warden.forget(forgotten.pid)
    await warden.aclose()
    assert await watched.wait() == -signal.SIGKILL
    assert runs(forgotten.pid)
    forgotten.kill()
    await forgotten.wait()


async def test_without_anything_to_watch_there_is_none() -> None:
    await Warden().aclose()
