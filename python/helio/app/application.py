"""One Helio: made from a configuration and a compiled policy, started once, stopped once.

Above: `helio.cli`. Below: everything. The order of a start: the journal (which locks its
directory, so that a second process refuses before it binds a port), the state that it tells, the
upstreams' tools, the ports.
"""

import asyncio
import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from aiohttp import web

from helio.app.approving import STATE, approvals
from helio.app.archiving import Archiving
from helio.app.doors import doors
from helio.app.findings import Findings
from helio.app.gauges import gauges
from helio.app.governed import GovernedUpstreams
from helio.app.health import health
from helio.app.identification import Agents
from helio.app.indexing import Indexing
from helio.app.memory import Memory, opened
from helio.app.notes import Notes
from helio.app.observing import Observing
from helio.app.operating import routes
from helio.app.policy_view import policy_shown
from helio.app.ports import Listeners, Ports
from helio.app.reaching import Reach
from helio.app.redaction import Redaction, made_secret
from helio.app.replaying import Replaying
from helio.app.sideband import Sideband
from helio.app.tool_lock import ToolLockFile
from helio.app.watching import watch
from helio.audit.directories import archive_of
from helio.config.sections import HelioConfig
from helio.errors import JournalUnavailable
from helio.evaluator import VERSION
from helio.governance.identity import SessionResolver
from helio.operator.access import Access
from helio.operator.api import application
from helio.operator.approvals import ApprovalsView
from helio.operator.questions import Asking
from helio.operator.replaying import ReplayView
from helio.operator.seen import Seen
from helio.pipeline.governance import ActivePolicy
from helio.pipeline.histories import histories, identities
from helio.policy.graph import CompiledPolicy
from helio.protocol.guards import host_rules, origin_rules
from helio.runtime import clock
from helio.runtime.drift import DriftRecords
from helio.runtime.driver import Driver
from helio.transport.door import mcp_path
from helio.transport.reception import Reception
from helio.transport.sessions import SessionTable
from helio.transport.sse_door import SseDoor

logger = logging.getLogger(__name__)

DRAIN_SECONDS = 25.0
"""How long requests in flight may take to end after a SIGTERM; with what follows an exit is under
30 s."""


class Application:
    """One Helio.

    `made_secret` is the operator's secret if the configuration names none, `made_token` the SDK's
    if nobody gave one: to be shown once. `findings` are those of its file.
    `reception` answers agents once `start` returned; with `ports` False it is the only door, and
    nothing listens but the operator port, if `operator` says so. `tool_lock` is where a lock of the
    accepted tool definitions may be.
    """

    reception: Reception

    def __init__(
        self,
        config: HelioConfig,
        policy: CompiledPolicy,
        *,
        ports: bool = True,
        operator: bool = True,
        tool_lock: Path | None = None,
    ) -> None:
        self._config = config
        self._policy = ActivePolicy(policy)
        self._policy_loaded = clock.now()
        self._reload_error: str | None = None
        self.findings = Findings()
        self._memory = Memory(config.session)
        self._seen = Seen()
        self._started = time.monotonic()
        self._listens = ports
        self._operates = operator and config.dashboard.enabled
        self._ports = Ports()
        self._sse: SseDoor | None = None
        self._indexing: Indexing | None = None
        self._archiving: Archiving | None = None
        self._observing: Observing | None = None
        self._upstreams: GovernedUpstreams | None = None
        self._tool_lock_path = tool_lock
        self._tool_lock: ToolLockFile | None = None
        self._agents: Agents | None = None
        self._serving = False
        self._sideband = Sideband(config, os.environ) if ports and config.sdk.enabled else None
        self.made_secret = made_secret(config.dashboard) if self._operates else None
        self.made_token = None if self._sideband is None else self._sideband.made_token
        self.audit_summary = ""

    async def start(self) -> Listeners:
        """Takes the journal, restores what counts, and serves. Raises `StartFailed`."""
        config = self._config
        self._journal = opened(config.audit, resume=self._sideband is not None)
        try:
            made = [] if self._sideband is None else self._sideband.secrets
            self._redact(Redaction(config, self.made_secret, *made))
        except BaseException:
            await self._journal.close()
            raise
        try:
            return await self._serve()
        except BaseException:
            await self.stop()
            raise

    def _redact(self, redaction: Redaction) -> None:
        """From now on nothing is written that `redaction` hides."""
        self._redaction = redaction
        self._notes = Notes(self._journal, self._config.environment, redaction.redactor)
        self._policy = ActivePolicy(self._policy.compiled, redaction.hash_key)
        redaction.hide_in_logs()

    async def _serve(self) -> Listeners:
        config = self._config
        self._reach = Reach(config.approval.channels, listens=self._listens)
        shown = self._redaction.redactor.text
        self._broker = approvals(config, self._journal, self._reach, shown)
        if self._sideband is not None:
            self._sideband.restore(self._journal.recovered)
        self._memory.restore(self._journal, self._redaction.redactor)
        await self._journal.start(self._checkpoint)
        closed = await self._journal.close_open_intents()
        self.audit_summary = f"{config.audit.path}, durability {config.audit.durability}"
        if closed:
            self.audit_summary += f"; {closed} calls of the last run have no known outcome"
        await self._notes.lifecycle(event="started", version=VERSION)
        counted = histories(self._policy.compiled, self._memory.counted())
        await self._notes.first_policy(self._policy, self._policy_loaded, counted)
        records = DriftRecords(self._journal.append_soon, config.environment)
        self._upstreams = GovernedUpstreams(
            config,
            self._policy,
            records,
            self._journal.recovered.pins,
            self._redaction.redactor,
        )
        if self._tool_lock_path is not None:
            self._tool_lock = ToolLockFile(self._tool_lock_path, self._upstreams.lock, records)
            self._tool_lock.load()
            if config.policies.hot_reload:
                self._tool_lock.watch()
        await self._upstreams.start()
        targets = self._upstreams.targets()
        self._observing = Observing(config, self._upstreams.lists, self._broker, self._seen)
        self._redaction.hide_in_logs()
        self._agents = Agents(config, targets)
        await self._agents.start()
        self._driver = Driver(
            self._journal,
            self._memory.store,
            self._memory.sessions,
            observers=self._observing.observers,
            broker=self._broker if self._listens or self._operates else None,
        )
        self.reception = Reception(
            targets=targets,
            driver=self._driver,
            sessions=SessionResolver(
                (source.kind, source.name) for source in config.session.identity
            ),
            record_rejected=self.record_rejected,
            held=SessionTable(
                most=config.session.max,
                most_per_agent=config.session.max_per_agent,
                idle_seconds=config.session.idle_timeout / 1000,
            ),
            challenged=self._agents.challenged,
            traces=self._observing.traces,
        )
        self._broker.start()
        self._serving = True
        mcp: tuple[str, ...] = ()
        if self._listens:
            mcp = await self._listen(list(targets), self._agents)
        sideband = await self._listen_sideband()
        self._memory.sweep_now_and_then()
        self._archiving = Archiving(
            self._journal, config.audit, self._notes.lifecycle, self._days_sealed
        )
        self._archiving.start()
        if not self._operates:
            return Listeners(mcp, None, sideband)
        # Only operators ask the index.
        archive = archive_of(config.audit.path, config.audit.archive.path)
        self._indexing = Indexing(config.audit.path, lambda: self._journal.settled, archive)
        self._indexing.start()
        watched = gauges(
            journal=self._journal,
            indexing=self._indexing,
            memory=self._memory,
            reception=self.reception,
            upstreams=self._upstreams,
            policy=lambda: self._policy,
            reload_failed=lambda: self._reload_error is not None,
        )
        metrics = self._observing.routes(watched)
        return Listeners(mcp, await self._listen_operator(self._indexing, metrics), sideband)

    async def _listen(self, targets: list[str | None], agents: Agents) -> tuple[str, ...]:
        """Serves agents; the URLs."""
        served = doors(
            self._config,
            targets,
            reception=self.reception,
            identification=agents.identification,
            reach=self._reach,
            broker=self._broker,
            record_rejected=self.record_rejected,
        )
        self._sse = served.sse
        listen = self._config.listen
        base = await self._ports.listen(served.server, listen.host, listen.port)
        return tuple(base + mcp_path(target) for target in targets)

    async def _listen_sideband(self) -> str | None:
        """Serves the SDK and adapters; the URL."""
        if self._sideband is None:
            return None
        app = self._sideband.application(
            self._journal,
            self._memory.sessions,
            lambda: self._policy,
            self._redaction.redactor,
            driver=self._driver,
            broker=self._broker,
            left=self._memory.left,
        )
        return await self._ports.listen(app, self._config.sdk.host, self._config.sdk.port)

    async def _listen_operator(self, indexing: Indexing, more: Sequence[web.RouteDef]) -> str:
        dashboard = self._config.dashboard
        secret = dashboard.api_secret
        access = Access(
            hosts=host_rules(
                listen_host=dashboard.host, configured=self._config.listen.allowed_hosts
            ),
            origins=origin_rules(own_ports=[dashboard.port]),
            secret=self.made_secret if secret is None else secret.get_secret_value(),
            cookie=f"helio_session_{dashboard.port}",
        )
        served = routes(
            health=self._health,
            shown_policy=self._policy_shown,
            policy=lambda: self._policy.compiled,
            memory=self._memory,
            asking=Asking(lambda: indexing.line),
            upstreams=self._upstreams or (),
            config=self._config,
            seen=self._seen,
        )
        tickets = ApprovalsView(self._broker, access)
        tried = Replaying(self._config.audit.path, self.findings, self._redaction.redactor)
        replay = ReplayView(tried.judge)
        app = application(access, [*served, *tickets.routes(), *replay.routes(), *more])
        watch(
            app,
            access,
            heartbeat=dashboard.sse_heartbeat_interval / 1000,
            journal=self._journal,
            policy=lambda: self._policy.compiled,
            memory=self._memory,
        )
        return await self._ports.listen(app, dashboard.host, dashboard.port)

    async def stop(self) -> None:
        """Takes no new calls, lets those in flight end or ends them with a record, and closes
        everything."""
        await self._memory.stop()
        for part in (self._archiving, self._tool_lock, self._sideband):
            if part is not None:
                await part.stop()
        if self._serving:
            given_up = await self.reception.drain(DRAIN_SECONDS)
            if given_up:
                logger.warning(
                    "%d requests were given up; the outcome of calls among them is unknown",
                    given_up,
                )
            await self._broker.aclose()
        # It stands back behind all that goes on, and may take a moment.
        index = None if self._indexing is None else asyncio.create_task(self._indexing.stop())
        if self._sse is not None:
            await self._sse.close()
        upstreams = self._upstreams
        if upstreams is not None:
            await upstreams.stop()
        await self._ports.close()
        if self._agents is not None:
            await self._agents.aclose()
        if upstreams is not None:
            await upstreams.aclose()
        if index is not None:
            await index
        try:
            await self._notes.lifecycle(event="stopped")
        except JournalUnavailable as error:
            logger.error("the end is not recorded: %s", error)
        finally:
            await self._journal.close()
            self._redaction.release_logs()
            if self._observing is not None:
                await self._observing.stop()

    async def record_rejected(
        self, reason: str, detail: str, body: bytes, upstream: str | None
    ) -> None:
        """Keeps a message that was refused: `helio.transport.reception.RecordRejected`."""
        await self._notes.rejected(self._policy, reason, detail, body, upstream)

    # policy

    def reload(self, policy: CompiledPolicy, config: HelioConfig) -> bool:
        """Takes another policy, whole; False for the one that runs, however it came back.

        `config` is where it stands: what else holds from now on (`helio.cli.reloading`) is taken.

        Calls under way keep the one they began with. Raises `helio.evaluator.GraphError`, and
        `StartFailed` for secrets that cannot be hidden.
        """
        self._redaction.know(config)
        another = policy.graphs != self._policy.compiled.graphs
        if another:
            known = identities(self._policy.compiled) | self._memory.counted()
            self._policy = ActivePolicy(policy, self._redaction.hash_key)
            self._policy_loaded = clock.now()
            changed = histories(policy, known)
            if changed.starts_anew:
                logger.warning("these count from nothing now: %s", ", ".join(changed.starts_anew))
            self._notes.policy(self._policy, self._policy_loaded, **changed.told())
        if self._upstreams is not None:
            self._upstreams.govern(self._policy, config.policies)
        if self._sideband is not None:
            self._sideband.take(config.sdk)
        self._reload_error = None
        return another

    def refuse_reload(self, why: str) -> None:
        """Keeps the policy, and says in health and journal why the new one was not taken."""
        self._reload_error = why
        shown = self._redaction.redactor.text(why)
        self._notes.policy(self._policy, self._policy_loaded, refused=shown)

    # state

    def _days_sealed(self) -> None:
        if self._indexing is not None:
            self._indexing.days_sealed()

    def _checkpoint(self) -> Mapping[str, object]:
        upstreams = self._upstreams
        pins = self._journal.recovered.pins if upstreams is None else upstreams.pins()
        memory = {**self._memory.checkpoint(), "pins": pins, STATE: self._broker.checkpoint()}
        return memory if self._sideband is None else {**memory, **self._sideband.checkpoint()}

    # views

    def _health(self) -> Mapping[str, object]:
        return health(
            uptime_seconds=time.monotonic() - self._started,
            digest=self._policy.digest,
            reload_failed=self._reload_error is not None,
            journal=self._journal,
            indexing=self._indexing,
            upstreams=self._upstreams,
            tool_lock=self._tool_lock,
        )

    def _policy_shown(self) -> Mapping[str, object]:
        shown = policy_shown(self._policy, self._policy_loaded, self._reload_error, self._seen)
        return {**shown, **self.findings.shown(self._redaction.redactor)}
