"""The tour: starts upstream and Helio, lets the agent tell its story, checks the audit.

Above it: `helio.cli.demo`. Below it: the other modules of this room.
"""

import asyncio
import json
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from mcp import Client
from rich.console import Console

from helio.demo.agent import Agent, Seen, UnexpectedDecision, tell
from helio.demo.display import Places, Stage
from helio.demo.processes import (
    LOOPBACK,
    ProcessFailed,
    choose_port,
    exported,
    running_helio,
    running_upstream,
)

INTERRUPTED = 130
"""Exit code of a tour that was ended before its story was told, as shells count it."""


@dataclass(frozen=True)
class Options:
    """How the tour is run.

    `once` ends it after the story. Ports that are None are the usual ones (3000, 3100 and 3200), or
    free ones where these are taken. `keep` is a directory to work in and leave behind; None takes a
    temporary one.
    """

    once: bool = False
    port: int | None = None
    operator_port: int | None = None
    sdk_port: int | None = None
    keep: Path | None = None


async def run(options: Options, console: Console) -> int:
    """Runs the tour and gives its exit code: 1 when the story left its path, 2 without a start.

    SIGINT and SIGTERM end it and everything it started; after the story that is its proper end.
    """
    stage = Stage(console)
    told = asyncio.Event()
    tour = asyncio.create_task(_tour(options, stage, told))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, tour.cancel)
    try:
        await tour
    except asyncio.CancelledError:
        return 0 if told.is_set() else INTERRUPTED
    except UnexpectedDecision as error:
        stage.fault(str(error))
        return 1
    except (ProcessFailed, OSError) as error:
        stage.fault(str(error))
        return 2
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
    return 0


async def _tour(options: Options, stage: Stage, told: asyncio.Event) -> None:
    with _directory(options.keep) as directory:
        async with _serving(options, directory) as (places, environment):
            seen = await _story(places.mcp_url, stage)
            rows = json.loads(await exported(places.config, environment))
            calls = [row for row in rows if row["record_kind"] == "tool_call"]
            _compare(seen, calls)
            stage.closing(calls)
            told.set()
            if not options.once:
                stage.serving(places)
                await asyncio.Event().wait()


async def _story(mcp_url: str, stage: Stage) -> list[Seen]:
    """The agent's calls, in order. Raises `UnexpectedDecision`."""
    fault: UnexpectedDecision | None = None
    async with Client(mcp_url, mode="legacy") as client:
        agent = Agent(client, stage)
        try:
            await tell(agent, stage)
        except UnexpectedDecision as error:
            # Raised in here, it would come out wrapped by the client's task group.
            fault = error
    if fault is not None:
        raise fault
    return agent.calls


@asynccontextmanager
async def _serving(
    options: Options, directory: Path
) -> AsyncIterator[tuple[Places, Mapping[str, str]]]:
    """The upstream and Helio before it, with a copy of the demo's policy."""
    config = directory / "helio.yaml"
    config.write_text((files("helio.demo") / "helio.yaml").read_text("utf-8"), "utf-8")
    port = choose_port(options.port, 3000)
    operator_port = choose_port(options.operator_port, 3100)
    sdk_port = choose_port(options.sdk_port, 3200)
    places = Places(
        mcp_url=f"http://{LOOPBACK}:{port}/mcp",
        operator_url=f"http://{LOOPBACK}:{operator_port}",
        config=config,
    )
    async with running_upstream(directory / "upstream.log") as upstream_url:
        environment = {
            "HELIO_DEMO_UPSTREAM": upstream_url,
            "HELIO_DEMO_PORT": str(port),
            "HELIO_DEMO_OPERATOR_PORT": str(operator_port),
            "HELIO_DEMO_SDK_PORT": str(sdk_port),
        }
        log = directory / "helio.log"
        async with running_helio(config, environment, places.operator_url, log):
            yield places, environment


def _compare(seen: Sequence[Seen], rows: Sequence[Mapping[str, Any]]) -> None:
    """The audit holds exactly what the agent saw. Raises `UnexpectedDecision`."""
    told = [(call.tool, call.decision) for call in seen]
    kept = [(row["tool_name"], row["policy_decision"]) for row in rows]
    if told != kept:
        raise UnexpectedDecision(f"The agent saw {told}, but the audit holds {kept}.")


@contextmanager
def _directory(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="helio-demo-") as made:
            yield Path(made)
    else:
        keep.mkdir(parents=True, exist_ok=True)
        if any(keep.iterdir()):
            # An older audit's spending would count, and the story would take another path.
            raise FileExistsError(f"{keep} is not empty. The tour needs a new directory.")
        yield keep.resolve()
