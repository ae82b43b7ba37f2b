"""The conformance suite finds the same through Helio as in the server behind it, check by check."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.suite import run_suite
from conftest import HelioFactory
from processes import end_process

pytestmark = [pytest.mark.end_to_end]

FLOORS = {"2025-11-25": 84, "2026-07-28": 152}
"""How many checks pass at least, so that a suite that runs nothing shows no equality."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server with the suite's fixtures; its URL."""
    log = tmp_path_factory.mktemp("conformance-server") / "log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "conformance.server"],
            cwd=Path(__file__).parent.parent,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    assert process.stdout is not None
    with process.stdout as output:
        url = output.readline().decode().strip()
    assert url, log.read_text()
    yield url
    assert end_process(process) == 0, log.read_text()


@pytest.mark.parametrize("revision", FLOORS)
def test_no_check_differs(helio: HelioFactory, server: str, tmp_path: Path, revision: str) -> None:
    direct = run_suite(server, revision, tmp_path / "direct")
    assert direct.complaints == []
    assert direct.passed >= FLOORS[revision]
    through = run_suite(helio(upstream=server).mcp_url, revision, tmp_path / "through")
    assert through.complaints == []
    assert {
        "only direct": direct.checks - through.checks,
        "only through Helio": through.checks - direct.checks,
    } == {"only direct": {}, "only through Helio": {}}
