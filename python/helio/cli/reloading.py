"""What a process does when its configuration is saved.

Above: `helio.cli.serving`, `helio.cli.stdio_serving`. Below: `helio.app`, `helio.runtime.reload`
(the watch on the file).
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from helio.app import Application
from helio.cli import output
from helio.errors import StartFailed
from helio.evaluator import GraphError
from helio.policy import Compiled
from helio.runtime.reload import changes

logger = logging.getLogger(__name__)

Load = Callable[[], tuple[bytes, Compiled]]
"""Gives the file's bytes, and what they compile to. Raises `StartFailed`."""


def reload_when_saved(
    path: Path, load: Load, loaded: bytes, compiled: Compiled, application: Application
) -> asyncio.Task[None]:
    """Takes every good edit of the rules whole; keeps what runs on a bad one, and says why.

    `loaded` are the bytes that were `compiled`. Ends when the task is cancelled.
    """
    reloading = asyncio.create_task(_reload(path, load, loaded, compiled, application))
    reloading.add_done_callback(_say_why_reloading_ended)
    return reloading


def show(compiled: Compiled) -> None:
    """The findings of a file, on stderr."""
    output.show(compiled.diagnostics, compiled.source, errors=True)


async def _reload(
    path: Path, load: Load, loaded: bytes, compiled: Compiled, application: Application
) -> None:
    running = compiled
    async for _ in changes(path, loaded):
        try:
            _, found = await asyncio.to_thread(load)
        except StartFailed as error:
            logger.error("the rules stay as they were: %s", error)
            continue
        if found.config is None or found.policy is None:
            show(found)
            first = next(each for each in found.diagnostics if each.severity == "error")
            why = f"{first.file}:{first.span.line}:{first.span.column}: {first.message}"
            application.findings.refuse(found)
            application.refuse_reload(why)
            logger.error("%s has faults; the rules stay as they were", path)
            continue
        show(found)
        _mention_restart(running, found)
        try:
            taken = application.reload(found.policy, found.config)
        except (GraphError, StartFailed) as error:
            application.findings.refuse(found)
            application.refuse_reload(str(error))
            logger.error("%s cannot be used; the rules stay as they were: %s", path, error)
            continue
        application.findings.take(found)
        if taken:
            logger.info(
                "loaded %d rules from %s, policy %s",
                len(found.policy.rules),
                path,
                found.policy.digest,
            )
        running = found


def _say_why_reloading_ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        logger.error("saved changes are no longer taken up", exc_info=task.exception())


def _mention_restart(old: Compiled, new: Compiled) -> None:
    """Says which sections changed that a reload does not touch."""
    if old.config is None or new.config is None:
        return
    before, after = old.config, new.config
    changed = [
        section
        for section in type(before).model_fields
        if section not in ("policies", "budgets", "sdk")
        and getattr(before, section) != getattr(after, section)
    ]
    if before.sdk.lasting() != after.sdk.lasting():
        changed.append("sdk")
    if changed:
        names = ", ".join(f"`{section}`" for section in changed)
        logger.warning("%s changed: restart Helio for that to take effect", names)
