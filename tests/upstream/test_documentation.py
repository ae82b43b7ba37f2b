"""docs/upstreams.md says what is so."""

import re
from pathlib import Path

import pytest

from helio.app.governed import upstream_settings
from helio.config import parse_config
from helio.policy import compile_text
from helio.upstream import backoff, child, duplex, line, made, process, shared_line, sse
from helio.upstream.build import build_port

PAGE = (Path(__file__).resolve().parents[2] / "docs/upstreams.md").read_text("utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
async def test_every_block_can_be_used(block: str) -> None:
    text = "version: '1'\n" + block
    assert [each.message for each in compile_text(text).diagnostics] == []
    config = parse_config(text, environment={}, purpose="run").config
    assert config is not None
    for settings in upstream_settings(config):
        port = build_port(settings)
        await port.aclose()


async def test_the_first_block_has_each_transport() -> None:
    config = parse_config("version: '1'\n" + BLOCKS[0], environment={}, purpose="run").config
    assert config is not None
    files, weather, shop = upstream_settings(config)
    assert (files.transport, files.processes, files.max_processes) == ("stdio", "per_session", 64)
    assert (weather.processes, weather.env) == ("shared", {"WEATHER_TOKEN": "none"})
    assert (shop.transport, shop.idle_timeout) == ("sse", 600)


def test_the_figures_are_those_of_the_code() -> None:
    assert made.BUFFER_LIMIT == 1024 * 1024
    assert line.MESSAGE_LIMIT == 64 * 1024 * 1024
    assert (duplex.KEPT_MESSAGES, duplex.KEPT_BYTES) == (256, 256 * 1024)
    assert child.LOG_LINE_LIMIT == 4096
    assert (backoff.FIRST_SECONDS, backoff.LONGEST_SECONDS) == (0.5, 30)
    assert process.EXIT_SECONDS == 2
    assert shared_line.GRACE_SECONDS == 0.05
    assert sse.MAX_SESSIONS == 4096
    for name in process.PASSED:
        assert f"`{name}`" in PAGE
