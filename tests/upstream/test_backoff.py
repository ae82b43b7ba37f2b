"""How soon what failed is tried again."""

import asyncio

import pytest

from helio.errors import UpstreamFailed
from helio.upstream.backoff import FIRST_SECONDS, LONGEST_SECONDS, Backoff


async def pause(backoff: Backoff) -> float:
    """How long one would have to wait, as the refusal says it."""
    with pytest.raises(UpstreamFailed) as caught:
        await backoff.ready(0.0)
    assert (caught.value.reason, caught.value.sent) == ("connect_failed", False)
    return float(caught.value.detail.rsplit(" ", 2)[1])


async def test_pauses_double_up_to_a_limit() -> None:
    backoff = Backoff()
    await backoff.ready(0.0)
    pauses = []
    for _ in range(100):
        backoff.failed(after_service=False)
        pauses.append(await pause(backoff))
    assert pauses[1:7] == [1, 2, 4, 8, 16, LONGEST_SECONDS]
    assert pauses[-1] == LONGEST_SECONDS


async def test_service_begins_the_count_anew() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.failed(after_service=False)
    backoff.served()
    await backoff.ready(0.0)
    backoff.failed(after_service=True)
    assert backoff.failures == 1


async def test_who_has_patience_waits() -> None:
    backoff = Backoff()
    backoff.failed(after_service=False)
    loop = asyncio.get_running_loop()
    started = loop.time()
    await backoff.ready(10.0)
    assert FIRST_SECONDS * 0.9 <= loop.time() - started < FIRST_SECONDS + 1
