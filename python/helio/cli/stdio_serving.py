"""One process of `helio stdio`: one agent on standard input and output, one upstream behind it.

Above: `helio.cli.stdio`. Below: `helio.app`, `helio.transport.stdio_door`. Exit codes: 0 ended as
asked, 1 the file has faults, 2 it could not start.

The audit of such a process has a directory of its own below `audit.path`, because a journal has one
writer and clients start many of these at once: `stdio-<name>`, and where another process holds that
one `stdio-<name>-2`, `-3` and so on. So counters of processes that run at the same time are apart;
one after the other they share them. `helio export` reads all of them.
"""

import asyncio
import os
import re
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import uvloop
from rich.console import Console

from helio.app import Application
from helio.audit.lock import STDIO_PREFIX
from helio.cli.logs import log_to
from helio.cli.reloading import reload_when_saved, show
from helio.cli.stdio_served import Served
from helio.config import load_config, parse_config
from helio.config.sections import HelioConfig
from helio.errors import HelioError, JournalLocked, StartFailed
from helio.governance import LOCK_NAME
from helio.policy import Compiled
from helio.policy.compiler import compile_loaded
from helio.policy.graph import CompiledPolicy
from helio.transport.stdio_door import StdioDoor

FINDINGS: Final = 1
CANNOT_START: Final = 2
DEFAULT_FILE: Final = Path("helio.yaml")
MAX_PROCESSES: Final = 256
"""How many processes of one name may run at once."""


def serve(served: Served, config: Path | None, *, operator: bool, log_level: str) -> int:
    """Serves until standard input ends or a signal comes; the exit code."""
    source, sink = _standard_streams()
    console = Console(stderr=True)
    log_to(console, log_level)
    try:
        return uvloop.run(_serve(served, config, (source, sink), operator=operator))
    except HelioError as error:
        hint = f" {error.hint}" if isinstance(error, StartFailed) else ""
        sys.stderr.write(f"helio stdio: {error}.{hint}\n")
        return CANNOT_START


def _standard_streams() -> tuple[int, int]:
    """Standard input and output for the door alone: what else is printed goes to stderr, and no
    child gets the agent's input."""
    source, sink = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return source, sink


async def _serve(
    served: Served, path: Path | None, streams: tuple[int, int], *, operator: bool
) -> int:
    file = path if path is not None or not DEFAULT_FILE.exists() else DEFAULT_FILE
    load = partial(_load, file, needs_upstream=file is not None and not served.command)
    loaded, compiled = load()
    if compiled.diagnostics.has_errors:
        show(compiled)
    if compiled.config is None or compiled.policy is None:
        return FINDINGS
    config = served.within(compiled.config)
    application, directory = await _start(config, compiled.policy, served, file, operator)
    application.findings.take(compiled)
    reloading = None
    if file is not None and config.policies.hot_reload:
        reloading = reload_when_saved(file, load, loaded, compiled, application)
    try:
        door = StdioDoor(
            application.reception,
            served.target(config),
            standard_input=streams[0],
            standard_output=streams[1],
            max_body=config.listen.max_body,
            record_rejected=application.record_rejected,
            session=os.environ.get("HELIO_SESSION_ID"),
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, door.stop)
        rules = len(compiled.policy.rules)
        sys.stderr.write(
            f"helio stdio: {rules} rules, {compiled.policy.digest}; audit {directory}\n"
        )
        if not operator and compiled.policy.asks_people:
            sys.stderr.write(
                "helio stdio: people are to be asked about some calls, and nobody can answer "
                "without --operator: these calls are blocked\n"
            )
        await door.serve()
    finally:
        if reloading is not None:
            reloading.cancel()
        await application.stop()
    return 0


async def _start(
    config: HelioConfig, policy: CompiledPolicy, served: Served, file: Path | None, operator: bool
) -> tuple[Application, Path]:
    """A Helio that serves, and its audit's directory: the first that no other process holds."""
    lock = None if file is None else file.with_name(LOCK_NAME)
    for directory in _directories(config.audit.path, served.label()):
        audit = config.audit.model_copy(update={"path": directory})
        application = Application(
            config.model_copy(update={"audit": audit}),
            policy,
            ports=False,
            operator=operator,
            tool_lock=lock,
        )
        try:
            await application.start()
        except JournalLocked:
            continue
        return application, directory
    raise StartFailed(
        f"{MAX_PROCESSES} processes of this name run already", "Are they still wanted?"
    )


def _directories(path: Path, label: str) -> Iterator[Path]:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", label).strip("-.")[:64] or "default"
    yield path / f"{STDIO_PREFIX}{name}"
    for number in range(2, MAX_PROCESSES + 1):
        yield path / f"{STDIO_PREFIX}{name}-{number}"


def _load(file: Path | None, *, needs_upstream: bool) -> tuple[bytes, Compiled]:
    """The file's bytes, and what they compile to; without a file, the defaults."""
    environment = os.environ
    if file is None:
        text = "version: '1'\n"
        loaded = parse_config(
            text, environment=environment, purpose="run", needs_upstream=needs_upstream
        )
        return text.encode(), compile_loaded(loaded)
    try:
        content = file.read_bytes()
        loaded = load_config(
            file, environment=environment, purpose="run", needs_upstream=needs_upstream
        )
    except OSError as error:
        raise StartFailed(f"{file}: {error.strerror or error}", "Is -c right?") from error
    return content, compile_loaded(loaded)
