"""The composition root: every room of one `helio start`, wired together, started and ended in
order.

Above: `helio.cli`. Below: everything. The order of a start: the journal (which locks its
directory, so that a second process refuses before it binds a port), the state that it tells, the
upstream's tools, the ports.
"""

import asyncio
import contextlib
import json
import logging
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.http_parser import HttpRequestParserC

from helio.audit.journal import Journal
from helio.config.sections import HelioConfig
from helio.errors import JournalUnavailable, StartFailed
from helio.evaluator import VERSION
from helio.governance.catalogue import Catalogue
from helio.governance.feedback import instant
from helio.governance.identity import SessionResolver
from helio.governance.store import Charge, LocalStore
from helio.operator.access import Access
from helio.operator.api import application
from helio.pipeline.governance import ActivePolicy, Governance
from helio.pipeline.record import HEAD
from helio.policy.graph import CompiledPolicy
from helio.protocol.guards import host_rules, origin_rules
from helio.runtime import clock
from helio.runtime.driver import Driver
from helio.runtime.keeper import CatalogueKeeper
from helio.transport.admission import Guards
from helio.transport.door import McpDoor
from helio.upstream.registry import DEFAULT_NAME, Upstreams, UpstreamSettings

if TYPE_CHECKING:
    from helio.audit.index import Index

logger = logging.getLogger(__name__)

DRAIN_SECONDS = 25.0
"""How long requests in flight may take to end after a SIGTERM; with what follows an exit is under
30 s."""
CLOSE_SECONDS = 0.5
"""How long a connection may take after that; the HTTP server grants it twice."""
FIRST_LIST_SECONDS = 2.0
"""How long the start waits for the upstream's tools; after that they are fetched while serving."""
SWEEP_SECONDS = 30.0
"""How often empty windows are forgotten."""


@dataclass(frozen=True, slots=True)
class Listeners:
    """Where Helio serves: URLs. `operator` is None when the dashboard is disabled."""

    mcp: str
    operator: str | None


class Application:
    """One Helio: made from a configuration and a compiled policy, started once, stopped once.

    `made_secret` is the operator's secret if the configuration names none: to be shown once.
    """

    def __init__(self, config: HelioConfig, policy: CompiledPolicy) -> None:
        self._config = config
        self._policy = ActivePolicy(policy)
        self._policy_loaded = clock.now()
        self._reload_error: str | None = None
        self._catalogue = Catalogue()
        self._store = LocalStore()
        self._started = time.monotonic()
        self._governance = self._govern()
        self._runners: list[web.BaseRunner] = []
        self._sweeper: asyncio.Task[None] | None = None
        self._index: Index | None = None
        self._indexing: asyncio.Task[None] | None = None
        self._upstreams: Upstreams | None = None
        self._keeper: CatalogueKeeper | None = None
        self._door: McpDoor | None = None
        self.made_secret: str | None = None
        self.audit_summary = ""

    async def start(self) -> Listeners:
        """Takes the journal, restores what counts, and serves. Raises `StartFailed`."""
        config = self._config
        if HttpRequestParserC is None:
            raise StartFailed(
                "aiohttp runs without its C parser", "Reinstall aiohttp from a wheel."
            )
        self._journal = Journal.open(config.audit.path, durability=config.audit.durability)
        try:
            await self._serve()
        except BaseException:
            await self.stop()
            raise
        return self._listeners

    async def _serve(self) -> None:
        config = self._config
        self._restore()
        await self._journal.start(self._checkpoint)
        closed = await self._journal.close_open_intents()
        self.audit_summary = f"{config.audit.path}, durability {config.audit.durability}"
        if closed:
            self.audit_summary += f"; {closed} calls of the last run have no known outcome"
        await self._record("lifecycle", {"metadata": _told(event="started", version=VERSION)})
        await self._record("policy_loaded", self._policy_data())
        self._upstreams = Upstreams([_upstream_settings(config)])
        upstream = self._upstreams[DEFAULT_NAME]
        revalidation = config.policies.tool_revalidation
        self._keeper = CatalogueKeeper(
            upstream,
            self._catalogue,
            VERSION,
            revalidation.interval / 1000 if revalidation.enabled else None,
        )
        await self._keeper.start(FIRST_LIST_SECONDS)
        self._door = McpDoor(
            upstream=upstream,
            driver=Driver(self._journal, self._store),
            governance=lambda: self._governance,
            sessions=SessionResolver(
                (source.kind, source.name) for source in config.session.identity
            ),
            guards=self._guards(),
            record_rejected=self._record_rejected,
            on_tools_changed=self._keeper.changed,
        )
        mcp = await self._listen(
            web.ServerRunner(self._door.server(), shutdown_timeout=CLOSE_SECONDS),
            config.listen.host,
            config.listen.port,
        )
        operator = None
        if config.dashboard.enabled:
            operator = await self._listen_operator()
        self._listeners = Listeners(f"{mcp}/mcp", operator)
        self._sweeper = asyncio.create_task(self._sweep())
        self._indexing = asyncio.create_task(self._start_index())

    async def _listen(self, runner: web.BaseRunner, host: str, port: int) -> str:
        """Serves on a port (0: any free one) and gives the URL. Raises `StartFailed`."""
        await runner.setup()
        self._runners.append(runner)
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise StartFailed(
                f"{host}:{port} cannot be listened on: {error.strerror or error}",
                "Another process may hold the port; choose another one.",
            ) from error
        bound = runner.addresses[0][1]
        name = f"[{host}]" if ":" in host else host
        return f"http://{name}:{bound}"

    async def _listen_operator(self) -> str:
        dashboard = self._config.dashboard
        secret = dashboard.api_secret
        if secret is None and not dashboard.allow_open_mode:
            self.made_secret = secrets.token_urlsafe(32)
        known = self.made_secret if secret is None else secret.get_secret_value()
        access = Access(
            hosts=host_rules(
                listen_host=dashboard.host, configured=self._config.listen.allowed_hosts
            ),
            origins=origin_rules(own_ports=[dashboard.port]),
            secret=known,
        )
        app = application(access, self._health, self._policy_shown)
        return await self._listen(
            web.AppRunner(app, access_log=None, shutdown_timeout=CLOSE_SECONDS),
            dashboard.host,
            dashboard.port,
        )

    def _guards(self) -> Guards:
        listen = self._config.listen
        return Guards(
            hosts=host_rules(listen_host=listen.host, configured=listen.allowed_hosts),
            origins=origin_rules(own_ports=[listen.port], configured=listen.allowed_origins),
            max_body=listen.max_body,
        )

    async def stop(self) -> None:
        """Takes no new calls, lets those in flight end or ends them with a record, and closes
        everything."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        door, keeper = self._door, self._keeper
        if door is not None:
            given_up = await door.drain(DRAIN_SECONDS)
            if given_up:
                logger.warning(
                    "%d requests were given up; the outcome of calls among them is unknown",
                    given_up,
                )
        if keeper is not None:
            await keeper.stop()
        for runner in self._runners:
            await runner.cleanup()
        if self._upstreams is not None:
            await self._upstreams.aclose()
        if self._indexing is not None:
            await asyncio.wait([self._indexing])
        if self._index is not None:
            await asyncio.to_thread(self._index.stop)
        try:
            await self._record("lifecycle", {"metadata": _told(event="stopped")})
        except JournalUnavailable as error:
            logger.error("the end is not recorded: %s", error)
        finally:
            await self._journal.close()

    # policy

    def reload(self, policy: CompiledPolicy) -> bool:
        """Takes another policy, whole; False for the one that runs, however it came back.

        Calls under way keep the one they began with. Raises `helio.evaluator.GraphError`.
        """
        another = policy.graph != self._policy.compiled.graph
        if another:
            self._policy = ActivePolicy(policy)
            self._policy_loaded = clock.now()
            self._governance = self._govern()
            self._note_policy()
        self._reload_error = None
        return another

    def refuse_reload(self, why: str) -> None:
        """Keeps the policy, and says in health and journal why the new one was not taken."""
        self._reload_error = why
        self._note_policy(refused=why)

    def _note_policy(self, **details: object) -> None:
        try:
            self._journal.append_soon("policy_loaded", self._policy_data(**details))
        except JournalUnavailable as error:
            logger.error("a change of the policy is not recorded: %s", error)

    def _govern(self) -> Governance:
        config = self._config
        return Governance(
            policy=self._policy,
            catalogue=self._catalogue,
            environment=config.environment,
            session_falls_back=config.session.on_unresolved == "anonymous",
            allow_unrecorded=config.audit.on_failure == "allow",
            include_responses=config.audit.include_responses,
            max_record=config.audit.max_record,
        )

    def _policy_data(self, **details: object) -> dict[str, object]:
        """The record of a policy that was loaded, or of one that was `refused` for this reason."""
        return {
            "record_kind": "policy_loaded",
            "timestamp": instant(self._policy_loaded.wall),
            "policy_digest": self._policy.digest,
            "metadata": _told(rules=len(self._policy.compiled.rules), **details),
        }

    # state

    def _restore(self) -> None:
        """What counted when the last process ended: the checkpoint, then the charges after it."""
        recovered = self._journal.recovered
        now = clock.now()
        if recovered.state is not None:
            elapsed = max(0, now.wall - recovered.state_at)
            self._store.restore(recovered.state["windows"], elapsed, now.monotonic)
        for charge in recovered.charges:
            age = max(0, now.wall - charge.at)
            self._store.charge(Charge(*charge[:5]), now.monotonic - age, now.monotonic)

    def _checkpoint(self) -> Mapping[str, object]:
        return {"windows": self._store.snapshot(clock.now().monotonic)}

    async def _start_index(self) -> None:
        """Starts the index once Helio serves: DuckDB loads slowly, and nobody waits for it."""
        module = await asyncio.to_thread(import_module, "helio.audit.index")
        self._index = module.Index(self._config.audit.path, lambda: self._journal.settled)
        self._index.start()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self._store.sweep(clock.now().monotonic)

    # records and views

    async def _record(self, kind: str, data: dict[str, object]) -> None:
        now = clock.now()
        record = {"record_kind": kind, "timestamp": instant(now.wall), **data}
        await self._journal.append_written(kind, record)

    async def _record_rejected(self, reason: str, detail: str, body: bytes) -> None:
        """A message that was refused before it could be judged."""
        now = clock.now()
        data: dict[str, object] = {
            "call_id": clock.new_call_id(now.wall),
            "record_kind": "tool_call",
            "timestamp": instant(now.wall),
            "environment": self._config.environment,
            "upstream": DEFAULT_NAME,
            "origin": "mcp",
            "policy_decision": "rejected",
            "block_reason": reason,
            "policy_digest": self._policy.digest,
            "feedback": {"message": detail},
        }
        if body:
            data["tool_input"] = {"size": len(body), "head": body[:HEAD].decode("utf-8", "replace")}
        try:
            await self._journal.append_outcome("rejected", data)
        except JournalUnavailable as error:
            logger.error("a rejected message was not recorded: %s", error)

    def _health(self) -> Mapping[str, object]:
        available = self._journal.available
        upstreams = {
            upstream.name: {
                "status": upstream.health.status,
                "last_success": upstream.health.last_success,
                "last_failure": upstream.health.last_failure,
                "tools": len(self._catalogue) if self._catalogue.primed else None,
            }
            for upstream in self._upstreams or ()
        }
        well = available and all(each["status"] != "down" for each in upstreams.values())
        return {
            "status": "unavailable" if not available else "ok" if well else "degraded",
            "version": VERSION,
            "uptime_seconds": round(time.monotonic() - self._started, 1),
            "policy": {
                "digest": self._policy.digest,
                "reload_failed": self._reload_error is not None,
            },
            "audit": {"available": available, "index": self._index_state},
            "upstreams": upstreams,
        }

    @property
    def _index_state(self) -> str:
        return "loading" if self._index is None else self._index.status.state

    def _policy_shown(self) -> Mapping[str, object]:
        return {
            "digest": self._policy.digest,
            "loaded_at": instant(self._policy_loaded.wall),
            "reload_error": self._reload_error,
            "rules": [
                {"index": rule.index, "rule": rule.label, "action": rule.action}
                for rule in self._policy.compiled.rules
            ],
        }


def _upstream_settings(config: HelioConfig) -> UpstreamSettings:
    upstream = config.upstream
    if upstream is None or upstream.url is None:
        raise StartFailed("no upstream is configured", "Set `upstream.url` in helio.yaml.")
    return UpstreamSettings(
        name=DEFAULT_NAME,
        url=upstream.url,
        headers={name: value.get_secret_value() for name, value in upstream.headers.items()},
        forward_headers=upstream.forward_headers,
        connect_timeout=upstream.connect_timeout / 1000,
        request_timeout=upstream.request_timeout / 1000,
        open_mode=config.auth.mode == "none"
        and not any(name.lower() == "authorization" for name in upstream.headers),
    )


def _told(**details: object) -> str:
    """Details of a record that have no column of their own, as the JSON text of `metadata`."""
    return json.dumps(details)
