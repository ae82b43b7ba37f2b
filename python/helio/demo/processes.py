"""The tour's two processes: the demo upstream and Helio, ready when entered, gone when left.

Above it: `helio.demo.tour`. Below it: `python -m helio.demo.upstream` and `python -m helio start`.
Both write what they say into a log file in the tour's directory.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

LOOPBACK = "127.0.0.1"
READY_WITHIN = 30.0
"""Seconds that a process may take until it serves."""
GONE_WITHIN = 10.0
"""Seconds that a process may take to end after SIGTERM."""
POLL_EVERY = 0.05
"""Seconds between two looks at a health endpoint."""


class ProcessFailed(Exception):
    """A process ended, or was not ready in time. The text holds the end of its log."""


@asynccontextmanager
async def running_upstream(log: Path) -> AsyncIterator[str]:
    """The demo upstream on a free port; gives its MCP URL. Raises `ProcessFailed`."""
    async with _running(["-m", "helio.demo.upstream"], {}, log) as process:
        if process.stdout is None:
            raise ProcessFailed("The demo upstream has no output to read its URL from.")
        try:
            line = await asyncio.wait_for(process.stdout.readline(), READY_WITHIN)
        except TimeoutError as error:
            raise ProcessFailed(f"The demo upstream was not ready in time.\n{_end(log)}") from error
        if not line:
            raise ProcessFailed(f"The demo upstream ended.\n{_end(log)}")
        yield line.decode().strip()


@asynccontextmanager
async def running_helio(
    config: Path, environment: Mapping[str, str], operator_url: str, log: Path
) -> AsyncIterator[None]:
    """Helio with this configuration, serving when entered. Raises `ProcessFailed`."""
    arguments = ["-m", "helio", "start", "-c", str(config)]
    async with _running(arguments, environment, log) as process:
        try:
            await asyncio.wait_for(_healthy(process, f"{operator_url}/api/health"), READY_WITHIN)
        except TimeoutError as error:
            raise ProcessFailed(f"Helio was not ready in time.\n{_end(log)}") from error
        if process.returncode is not None:
            raise ProcessFailed(f"Helio ended ({process.returncode}).\n{_end(log)}")
        yield


async def exported(config: Path, environment: Mapping[str, str]) -> bytes:
    """What `helio export` writes: the audit's rows as JSON. Raises `ProcessFailed`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "helio", "export", "-c", str(config), "-f", "json"),
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    if process.returncode != 0:
        raise ProcessFailed(f"`helio export` failed ({process.returncode}).\n{errors.decode()}")
    return output


def choose_port(wanted: int | None, usual: int) -> int:
    """The wanted port, or the usual one, or a free one when nobody asked and the usual is taken;
    also when 0 is wanted.

    Raises `ProcessFailed` when the wanted port is taken.
    """
    if wanted:
        if not _is_free(wanted):
            raise ProcessFailed(f"Port {wanted} is taken. Choose another one.")
        return wanted
    if wanted is None and _is_free(usual):
        return usual
    with socket.create_server((LOOPBACK, 0)) as probe:
        return int(probe.getsockname()[1])


@asynccontextmanager
async def _running(
    arguments: Sequence[str], environment: Mapping[str, str], log: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            env={**os.environ, **environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE if "helio.demo.upstream" in arguments else output,
            stderr=output,
            # Ctrl-C in the terminal reaches the tour alone, which then ends both in order.
            start_new_session=True,
        )
    try:
        yield process
    finally:
        await _end_process(process)


async def _end_process(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), GONE_WITHIN)
    except TimeoutError:
        process.kill()
        await process.wait()


async def _healthy(process: asyncio.subprocess.Process, url: str) -> None:
    """Returns when the endpoint answers 200 or the process has ended."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
        while process.returncode is None:
            try:
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return
            except (aiohttp.ClientConnectionError, TimeoutError):
                # Not listening yet.
                pass
            await asyncio.sleep(POLL_EVERY)


def _end(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:])


def _is_free(port: int) -> bool:
    try:
        with socket.create_server((LOOPBACK, port)):
            return True
    except OSError:
        return False
