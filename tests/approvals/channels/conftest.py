"""Fixtures of the channels."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from helio.audit.journal import Journal
from slack import Slack


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    async with Slack() as running:
        yield running


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    opened = Journal.open(tmp_path)
    await opened.start(lambda: {})
    yield opened
    await opened.close()
