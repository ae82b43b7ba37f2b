"""A door on loopback with everything behind it, before an upstream that does what a test says."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from transport.house import House, OpenHouse
from transport.issuer import jwk, jwks
from upstream.peers import Handler, Peer


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[OpenHouse]:
    """Opens a door: `await house(handler, policies=…, request_timeout=…)` gives a `House`.

    At the end it is drained; no task may be left, and nothing may have been logged as an error.
    """
    before = asyncio.all_tasks()
    opened: list[House] = []
    faults: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))

    async def open_house(handler: Handler, **options: object) -> House:
        peer = await Peer(handler).start()
        found = await House(peer, tmp_path / f"audit-{len(opened)}", **options).open()  # type: ignore[arg-type]
        opened.append(found)
        return found

    yield open_house
    for each in opened:
        await each.close()
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left, left
    assert not faults, faults


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """The issuer's keys as a file: one of every kind."""
    path = tmp_path / "keys.json"
    every = (
        jwk("P-256", "k1"),
        jwk("P-384", "k2"),
        jwk("P-521", "k3"),
        jwk("RSA", "k4"),
        jwk("Ed25519", "k5"),
    )
    path.write_bytes(jwks(*every))
    return path
