"""How often something is tried, and how long in between."""

from collections import deque

import pytest

from helio.approvals.channels.attempts import LONGEST_SECONDS, MOST_ATTEMPTS, Attempts, Setback
from helio.errors import NotificationFailed


class Tried:
    """Fails with what is queued, then succeeds; the pauses in between."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = deque(failures)
        self.count = 0
        self.pauses: list[float] = []

    async def attempt(self) -> str:
        self.count += 1
        if self.failures:
            raise self.failures.popleft()
        return "done"

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def run(self) -> tuple[str, int]:
        return await Attempts(self.pause).of(self.attempt)


async def test_what_succeeds_at_once_waits_for_nothing() -> None:
    tried = Tried()
    assert await tried.run() == ("done", 1)
    assert tried.pauses == []


async def test_pauses_double_and_are_not_the_same_twice() -> None:
    tried = Tried(*[Setback("busy")] * 4)
    assert await tried.run() == ("done", 5)
    for pause, whole in zip(tried.pauses, [0.5, 1.0, 2.0, 4.0], strict=True):
        assert whole / 2 <= pause <= whole
    again = Tried(*[Setback("busy")] * 4)
    await again.run()
    assert again.pauses != tried.pauses


async def test_attempts_end() -> None:
    tried = Tried(*[Setback("answered 500")] * 100)
    with pytest.raises(NotificationFailed, match="answered 500, 5 times"):
        await tried.run()
    assert (tried.count, len(tried.pauses)) == (MOST_ATTEMPTS, MOST_ATTEMPTS - 1)


async def test_the_other_side_is_left_alone_as_long_as_it_says() -> None:
    tried = Tried(Setback("answered 429", after=7.0))
    assert await tried.run() == ("done", 2)
    assert 7.0 <= tried.pauses[0] <= 7.5


async def test_but_not_for_hours() -> None:
    tried = Tried(Setback("answered 429", after=LONGEST_SECONDS))
    with pytest.raises(NotificationFailed, match="answered 429, at the first attempt"):
        await tried.run()
    assert tried.pauses == []


async def test_what_cannot_pass_is_not_tried_again() -> None:
    tried = Tried(NotificationFailed("answered 401"))
    with pytest.raises(NotificationFailed, match="answered 401"):
        await tried.run()
    assert tried.count == 1
