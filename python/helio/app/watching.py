"""The operator port's live events, in one Helio.

Above: `helio.app.application`. Below: `helio.operator.live`, `memory`.
"""

from collections.abc import Callable, Iterable, Mapping

from aiohttp import web

from helio.app.memory import Memory
from helio.audit.journal import Journal
from helio.governance.feedback import instant
from helio.operator.access import Access
from helio.operator.live.following import Following
from helio.operator.live.stream import Stream
from helio.operator.live.warnings import NearlyFull
from helio.policy import CompiledPolicy
from helio.runtime import clock


def watch(
    app: web.Application,
    access: Access,
    *,
    heartbeat: float,
    journal: Journal,
    policy: Callable[[], CompiledPolicy],
    memory: Memory,
) -> None:
    """Adds the events to the operator port, a heartbeat every so many seconds."""
    nearly_full = NearlyFull()

    def warnings() -> Iterable[Mapping[str, object]]:
        now = clock.now()
        return nearly_full.look(policy(), memory.store.fullest(now.monotonic), now.wall)

    async def end(_app: web.Application) -> None:
        following.end()

    async def close(_app: web.Application) -> None:
        await following.aclose()

    following = Following(journal.directory, lambda: journal.settled, warnings)
    stream = Stream(following, access, heartbeat=heartbeat, now=lambda: instant(clock.now().wall))
    app.router.add_routes(stream.routes())
    # Streams have no end of their own: whoever listens is told before connections are closed.
    app.on_shutdown.append(end)
    app.on_cleanup.append(close)
