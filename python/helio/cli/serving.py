"""One process of `helio start`: loads the file, runs the application, reloads, ends on a signal.

Above: `helio.cli`. Below: `helio.app`. Exit codes: 0 ended as asked, 1 the file has
faults, 2 it could not start.
"""

import asyncio
import atexit
import gc
import logging
import os
import signal
import sys
from functools import partial
from pathlib import Path

import uvloop
from rich.console import Console

from helio.app import Application, Listeners
from helio.cli.known_tools import read_known_tools
from helio.cli.logs import LogFormat, log_to
from helio.cli.reloading import reload_when_saved, show
from helio.errors import HelioError, StartFailed
from helio.evaluator import GraphError
from helio.governance import LOCK_NAME
from helio.governance.lock import LockError
from helio.policy import Compiled, compile_file
from helio.policy.graph import CompiledPolicy
from helio.policy.tool_types import KnownTools
from helio.runtime import descriptors

logger = logging.getLogger(__name__)

FINDINGS = 1
CANNOT_START = 2

SWITCH_INTERVAL_SECONDS = 0.0005
"""The journal's thread waits for the interpreter at most this long behind a busy event loop: with
Python's default of 5 ms that wait would be the larger part of a durable record."""


def serve(config: Path, graph: Path | None, log_level: str, log_format: LogFormat) -> int:
    """Serves until a signal; the exit code."""
    console = Console(stderr=True)
    log_to(console, log_level, log_format)
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    descriptors.allow_many()
    try:
        return uvloop.run(_serve(config, graph, console))
    except HelioError as error:
        console.print("error: ", style="bold red", end="")
        console.print(str(error), soft_wrap=True, markup=False, highlight=False)
        if isinstance(error, StartFailed):
            console.print(f"  hint: {error.hint}", soft_wrap=True, markup=False, highlight=False)
        return CANNOT_START
    finally:
        # What `settle_memory` took out is taken apart like the rest, or DuckDB complains of leaks.
        gc.unfreeze()


async def _serve(path: Path, graph: Path | None, console: Console) -> int:
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ending.set)
    loaded, compiled = _load(path)
    show(compiled)
    policy = compiled.policy
    if compiled.config is None or policy is None:
        return FINDINGS
    if graph is not None:
        policy = _load_graph(graph)
    application = Application(compiled.config, policy, tool_lock=path.with_name(LOCK_NAME))
    if graph is None:
        application.findings.take(compiled)
    listeners = await application.start()
    settle_memory()
    _announce(application, listeners, policy, console)
    reloading = None
    if graph is None and compiled.config.policies.hot_reload:
        reloading = reload_when_saved(path, partial(_load, path), loaded, compiled, application)
    await ending.wait()
    console.print("Ending: calls in flight may finish.")
    if reloading is not None:
        reloading.cancel()
    await application.stop()
    return 0


def settle_memory() -> None:
    """Takes what is there by now out of what the collector of cycles looks through again and again:
    modules, the configuration, the policy.
    """
    gc.collect()
    gc.freeze()
    # DuckDB complains on stderr about what is never collected.
    atexit.register(gc.unfreeze)


def _load(path: Path) -> tuple[bytes, Compiled]:
    """The file's bytes, and what they compile to."""
    try:
        return path.read_bytes(), compile_file(path, os.environ, "run", _known_tools(path))
    except FileNotFoundError:
        raise StartFailed(f"{path} is not there", "`helio init` writes a first one.") from None
    except OSError as error:
        raise StartFailed(f"{path}: {error.strerror or error}", "Is it readable?") from error


def _known_tools(path: Path) -> KnownTools | None:
    """The tools of the lock beside the configuration, where there is one that can be read. What a
    lock that cannot be read means for calls is decided by the application."""
    lock = path.with_name(LOCK_NAME)
    try:
        return read_known_tools(lock)
    except FileNotFoundError:
        return None
    except (OSError, LockError) as error:
        logger.warning("%s: %s; the rules are not checked against it", lock, error)
        return None


def _load_graph(path: Path) -> CompiledPolicy:
    """A rule graph that was compiled before."""
    hint = "Write it anew with `helio compile -o`."
    try:
        return CompiledPolicy.from_graph(path.read_bytes())
    except OSError as error:
        raise StartFailed(f"{path}: {error.strerror or error}", hint) from error
    except GraphError as error:
        raise StartFailed(f"{path}: {error}", hint) from error


def _announce(
    application: Application, listeners: Listeners, policy: CompiledPolicy, console: Console
) -> None:
    """What people want to know at a start: where, by which rules, and that nothing is lost."""
    rows = [("agents", url) for url in listeners.mcp]
    if listeners.operator is not None:
        rows.append(("operators", listeners.operator))
    if listeners.sideband is not None:
        rows.append(("sdk", listeners.sideband))
    rows.append(("policy", f"{len(policy.rules)} rules, {policy.digest}"))
    rows.append(("audit", application.audit_summary))
    if application.made_secret is not None:
        link = f"{listeners.operator}/#secret={application.made_secret}"
        rows.append(("sign in", f"{link} (made now, shown once; dashboard.api_secret sets one)"))
    if application.made_token is not None:
        text = f"{application.made_token} (made now, shown once; HELIO_SDK_TOKEN sets one)"
        rows.append(("sdk token", text))
    console.print("Helio serves. Ctrl-C ends it.", style="bold")
    for name, text in rows:
        console.print(f"  {name:<10} {text}", highlight=False, soft_wrap=True, markup=False)
