"""Fixtures for tests with whole processes."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from end_to_end.browsing import Desk, Sit, running_browser
from end_to_end.recording import Recorder
from processes import HelioProcess


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """An upstream that keeps what it was sent."""
    upstream = Recorder()
    yield upstream
    upstream.close()


@pytest.fixture(scope="module")
def shared_recorder() -> Iterator[Recorder]:
    """One for all tests of a file."""
    upstream = Recorder()
    yield upstream
    upstream.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests of a file."""
    with running_browser() as found:
        yield found


@pytest.fixture
def sit(browser: Browser) -> Iterator[Sit]:
    """Opens windows, and closes them."""
    desks: list[Desk] = []

    def open_desk(process: HelioProcess, **how: Any) -> Desk:
        desks.append(Desk(browser, process, **how))
        return desks[-1]

    yield open_desk
    for desk in desks:
        desk.close()
