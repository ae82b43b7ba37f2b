"""Fixtures that several rooms share: free ports, upstreams, and Helio as a process."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

import search  # noqa: F401 - chooses how long hypothesis looks
from peers import Peer
from processes import (
    ANY_PORTS,
    LOOPBACK,
    SECRET,
    HelioFactory,
    HelioProcess,
    choose_free_port,
    end_process,
    listens,
    start_demo_upstream,
    wait_until,
)

EVERYTHING = Peer("@modelcontextprotocol/server-everything")

# Tests start processes by the hundred. Where the environment forbids to keep compiled modules, as
# images of containers like to, each of them would compile all of Helio anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A run in the background ignores Ctrl-C, and so would every process that a test starts and ends so.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def free_port() -> int:
    """One free port of loopback."""
    return choose_free_port()


@pytest.fixture(scope="session")
def demo_upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The demo upstream (an `mcp` server) as a process; gives its MCP URL. Its shop keeps what
    earlier tests did: a test that counts payments starts its own with `start_demo_upstream`.
    """
    log = tmp_path_factory.mktemp("demo-upstream") / "log"
    process, url = start_demo_upstream(log)
    yield url
    end_process(process)


@pytest.fixture(scope="session")
def everything_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """npm's server-everything over streamable HTTP, as a process; gives its MCP URL."""
    with running_everything("streamableHttp", tmp_path_factory.mktemp("everything")) as url:
        yield url


@pytest.fixture(scope="session")
def everything_sse_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """npm's server-everything over HTTP+SSE, as a process; gives its URL."""
    with running_everything("sse", tmp_path_factory.mktemp("everything-sse")) as url:
        yield url


@contextmanager
def running_everything(transport: str, directory: Path) -> Iterator[str]:
    """npm's server-everything as a process that listens; gives its URL."""
    command = EVERYTHING.command(transport)
    port, log = choose_free_port(), directory / "log"
    with log.open("wb") as output:
        environment = {**os.environ, "PORT": str(port)}
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        wait_until(lambda: listens(port), process, log)
        yield f"http://{LOOPBACK}:{port}/{'sse' if transport == 'sse' else 'mcp'}"
    finally:
        end_process(process)


@pytest.fixture(scope="session")
def told_story() -> str:
    """What `helio demo --once` prints at 80 columns, off a terminal, when all goes as it should."""
    demo = subprocess.Popen(
        [sys.executable, "-m", "helio", "demo", "--once"],
        env={**os.environ, **ANY_PORTS, "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        output, errors = demo.communicate(timeout=120)
    finally:
        end_process(demo)
    assert (demo.returncode, errors) == (0, ""), output + errors
    return output


@pytest.fixture
def helio(tmp_path: Path) -> Iterator[HelioFactory]:
    """Starts Helio: `helio(text, upstream=url)` gives a `HelioProcess` that is healthy.

    `text` is the YAML of helio.yaml. `version`, `upstream`, `listen`, `dashboard` and `sdk` are put
    in front of it where it does not hold them itself; one that it holds may say
    '${HELIO_TEST_PORT}', '${HELIO_TEST_OPERATOR_PORT}', '${HELIO_TEST_SDK_PORT}' and
    '${HELIO_TEST_UPSTREAM}'. Further keywords: `arguments` of
    `helio start`, and `environment` variables.
    """
    with _helios(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def shared_helio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HelioFactory]:
    """The same for all tests of a file, which tell their own calls from those of others."""
    with _helios(tmp_path_factory.mktemp("helios")) as start:
        yield start


@contextmanager
def _helios(place: Path) -> Iterator[HelioFactory]:
    started: list[HelioProcess] = []

    def start(
        text: str = "",
        *,
        upstream: str,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> HelioProcess:
        directory = place / f"helio-{len(started)}"
        directory.mkdir()
        mcp_port, operator_port, sdk_port = (choose_free_port() for _ in range(3))
        config = directory / "helio.yaml"
        config.write_text(_with_head(text), "utf-8")
        process = HelioProcess(
            config=config,
            mcp_port=mcp_port,
            operator_port=operator_port,
            sdk_port=sdk_port,
            arguments=arguments,
            environment={
                "HELIO_TEST_PORT": str(mcp_port),
                "HELIO_TEST_OPERATOR_PORT": str(operator_port),
                "HELIO_TEST_SDK_PORT": str(sdk_port),
                "HELIO_TEST_UPSTREAM": upstream,
                **(environment or {}),
            },
        )
        started.append(process)
        return process.start()

    yield start
    # Nobody looks at how these end, and a kill is quick and ends what they started, too. A test of
    # what happens at the end ends its Helio itself.
    for process in started:
        if process.process is not None:
            process.kill()


def _with_head(text: str) -> str:
    head = {
        "version": "version: '1'",
        "upstream": "upstream: { url: '${HELIO_TEST_UPSTREAM}' }",
        "listen": "listen: { port: '${HELIO_TEST_PORT}' }",
        "dashboard": (
            f"dashboard: {{ port: '${{HELIO_TEST_OPERATOR_PORT}}', api_secret: '{SECRET}' }}"
        ),
        "sdk": "sdk: { port: '${HELIO_TEST_SDK_PORT}' }",
    }
    held = yaml.safe_load(text) or {}
    if "upstreams" in held:
        del head["upstream"]
    lines = [line for section, line in head.items() if section not in held]
    return "\n".join([*lines, text])
