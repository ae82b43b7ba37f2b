"""Fixtures for tests with whole processes."""

from collections.abc import Iterator

import pytest

from end_to_end.recording import Recorder


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """An upstream that keeps what it was sent."""
    upstream = Recorder()
    yield upstream
    upstream.close()
