"""When a configuration file counts as changed."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from helio.runtime.reload import changes


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "helio.yaml"
    path.write_text("one")
    return path


async def next_change(found: AsyncGenerator[None], within: float = 5.0) -> None:
    async with asyncio.timeout(within):
        await anext(found)


async def test_a_change_before_the_watch_began_is_seen_with_the_next_event(file: Path) -> None:
    found = changes(file, b"zero")
    waiting = asyncio.create_task(next_change(found))
    await watching(file)
    await waiting
    await found.aclose()


async def test_writing_and_replacing_are_changes_and_touching_is_none(file: Path) -> None:
    found = changes(file, b"one")
    waiting = asyncio.create_task(next_change(found))
    await watching(file)
    file.touch()
    (file.parent / "other").write_text("x")
    await watching(file)
    assert not waiting.done()
    file.write_text("two")
    await waiting
    other = file.with_suffix(".new")
    other.write_text("three")
    waiting = asyncio.create_task(next_change(found))
    await watching(file)
    other.replace(file)
    await waiting
    await found.aclose()


async def test_a_link_that_is_moved_is_a_change(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "helio.yaml").write_text(name)
    (tmp_path / "data").symlink_to("a")
    path = tmp_path / "helio.yaml"
    path.symlink_to("data/helio.yaml")
    found = changes(path, b"a")
    waiting = asyncio.create_task(next_change(found))
    await watching(path)
    (tmp_path / "next").symlink_to("b")
    (tmp_path / "next").replace(tmp_path / "data")
    await waiting
    await found.aclose()


async def watching(file: Path) -> None:
    """Until the watcher has surely begun, and has dealt with what happened before: it looks every
    50 ms and gathers for 200 ms."""
    for number in range(8):
        await asyncio.sleep(0.05)
        (file.parent / "noise").write_text(str(number))
