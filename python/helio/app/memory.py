"""What a Helio remembers between calls: limits' windows and sessions; restored from the journal,
written into its checkpoints, swept.

Above: `helio.app.application`. Below: `helio.governance` (the store, the sessions), `helio.audit`.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import replace

from helio.audit.journal import Journal
from helio.audit.recovery import OpenCall
from helio.config.identity import SessionConfig
from helio.config.sections import AuditConfig
from helio.evaluator import Redactor
from helio.governance.sealing import Resealing, seal_of
from helio.governance.session_journal import replay
from helio.governance.sessions import Sessions
from helio.governance.store import Charge, LocalStore
from helio.pipeline.events import Moment
from helio.pipeline.resuming import LeftCall
from helio.runtime import clock

SWEEP_SECONDS = 30.0
"""How often empty windows and sessions that are over are forgotten."""


def opened(audit: AuditConfig, *, resume: bool) -> Journal:
    """The journal of a configuration; `resume`: open calls that can go on will. Raises as
    `Journal.open`."""
    return Journal.open(
        audit.path,
        durability=audit.durability,
        keep_unrecorded=audit.on_failure == "allow",
        resume=resume,
    )


class Memory:
    """The windows (`store`) and the `sessions` of one process. `left` are the calls that another
    one left open, once they are restored: they hold their room."""

    def __init__(self, config: SessionConfig) -> None:
        self.store = LocalStore()
        self.sessions = Sessions(
            most=config.max,
            most_per_agent=config.max_per_agent,
            idle_ns=int(config.idle_timeout) * 1_000_000,
        )
        self._seal: str | None = None
        self.left: tuple[LeftCall, ...] = ()
        self._sweeper: asyncio.Task[None] | None = None

    def restore(self, journal: Journal, redactor: Redactor) -> None:
        """What counted when the last process ended: the checkpoint, then what came after it."""
        recovered = journal.recovered
        now = clock.now()
        self._seal = seal_of(redactor)
        resealing = Resealing(redactor, (recovered.state or {}).get("seal"))
        if recovered.state is not None:
            elapsed = max(0, now.wall - recovered.state_at)
            self.store.restore(recovered.state["windows"], elapsed, now.monotonic)
            sessions = resealing.sessions(recovered.state.get("sessions", ()))
            self.sessions.restore(sessions, now.monotonic - elapsed)
        for charge in recovered.charges:
            age = max(0, now.wall - charge.at)
            self.store.charge(Charge(*charge[:5]), now.monotonic - age, now.monotonic)
        for fact in filter(None, map(resealing.fact, recovered.facts)):
            age = max(0, now.wall - fact.at)
            replay(self.sessions, fact._replace(at=now.monotonic - age))
        self.left = tuple(self._held(each, resealing, now) for each in recovered.resumed)
        # A segment's worth of the past, which nobody asks for again.
        journal.recovered = replace(
            recovered, state=None, charges=(), facts=(), approvals=(), resumed=(), reports=()
        )

    def _held(self, call: OpenCall, resealing: Resealing, now: Moment) -> LeftCall:
        """A call that goes on."""
        charges = tuple(Charge(*charge[:5]) for charge in call.charges)
        held = self.store.hold_again(charges, now.monotonic)
        known = dict(call.evaluation or {})
        known["about"] = resealing.document(known.get("about"))
        started = Moment(call.at, now.monotonic - max(0, now.wall - call.at))
        return LeftCall(call.call_id, started, held, call.facts, known)

    def checkpoint(self) -> Mapping[str, object]:
        """What a checkpoint holds of it."""
        now = clock.now().monotonic
        return {
            "windows": self.store.snapshot(now),
            "sessions": self.sessions.snapshot(now),
            "seal": self._seal,
        }

    def counted(self) -> set[str]:
        """The identities of what counts now, whether the policy knows it or not."""
        return {level.limit for level in self.store.levels(clock.now().monotonic)}

    def sweep_now_and_then(self) -> None:
        """Begins to forget what is over."""
        self._sweeper = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        """Ends the sweeping."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = clock.now().monotonic
            self.store.sweep(now)
            self.sessions.sweep(now)
