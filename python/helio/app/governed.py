"""The upstreams of one configuration, each with the catalogue of its tools and what governs its
calls.

Above: `helio.app.application`. Below: `helio.upstream`, `helio.governance`, `helio.runtime`.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from helio.app.aggregated import Aggregated
from helio.config.sections import (
    HelioConfig,
    NamedUpstreamConfig,
    PoliciesConfig,
    UpstreamConfig,
)
from helio.errors import StartFailed
from helio.evaluator import VERSION, Redactor
from helio.governance.catalogue import Catalogue, Change
from helio.governance.definitions import Identity
from helio.governance.lock import ToolLock
from helio.pipeline.governance import UNREDACTED, ActivePolicy, Governance
from helio.protocol.modern import Parameters
from helio.runtime.drift import DriftRecords
from helio.runtime.keeper import CatalogueKeeper
from helio.transport.listing import Judged, Listing
from helio.transport.target import Target
from helio.upstream.build import UpstreamSettings
from helio.upstream.registry import DEFAULT_NAME, Upstream, Upstreams

FIRST_LIST_SECONDS = 2.0
"""How long the start waits for the upstreams' tools; after that they are fetched while serving, and
calls wait for them."""

StoredPins: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Accepted definitions as the journal holds them, by upstream and tool."""


class GovernedUpstream:
    """One upstream, its tools, and what its next call is governed by."""

    def __init__(
        self,
        upstream: Upstream,
        config: HelioConfig,
        policy: ActivePolicy,
        records: DriftRecords,
        redactor: Redactor,
    ) -> None:
        self.upstream = upstream
        self._redactor = redactor
        self.catalogue = Catalogue(lambda text: redactor.text(text) == text)
        upstream.parameters_of = self._parameters
        self._config = config
        self._records = records
        self.keeper = CatalogueKeeper(
            upstream, self.catalogue, VERSION, _interval(config.policies), self.note
        )
        self.govern(policy, config.policies)

    def _parameters(self, tool: str) -> Parameters | None:
        found = self.catalogue.find(tool)
        return None if found is None else found.parameters

    def note(self, changes: Sequence[Change], by: str | None = None) -> None:
        """Records what happened to the tools' definitions, and which operator had it so."""
        self._records.record(self.upstream.name, changes, self.catalogue.pins, by=by)

    def govern(self, policy: ActivePolicy, policies: PoliciesConfig) -> None:
        """Has the next call judged by `policy`, and the tools read and shown as `policies` says."""
        config = self._config
        self._listing = listing(policies, agents_differ=config.auth.mode != "none")
        self.keeper.set_interval(_interval(policies))
        self._governance = Governance(
            policy=policy,
            catalogue=self.catalogue,
            environment=config.environment,
            session_falls_back=config.session.on_unresolved == "anonymous",
            allow_unrecorded=config.audit.on_failure == "allow",
            include_responses=config.audit.include_responses,
            max_record=config.audit.max_record,
            current=lambda: self._governance.policy,
            redactor=self._redactor,
        )

    @property
    def target(self) -> Target:
        """What agents reach."""
        return Target(
            self.upstream,
            governance=lambda: self._governance,
            on_tools_changed=self.keeper.changed,
            amend_tools=self._shown,
            tools_tried=self.keeper.tried,
        )

    def judged(self, tool: str) -> Judged:
        """As what a call of one of its tools is judged now."""
        return Judged(tool, self.upstream.name, self._governance)

    @property
    def listing(self) -> Listing:
        """How much agents are shown of its list of tools now."""
        return self._listing

    def _shown(self, answer: bytes, agent: str | None) -> bytes:
        """What an agent is shown of the list of tools."""
        return self._listing.show(answer, agent, self.upstream.name, self._governance)


class GovernedUpstreams:
    """All of them, in the configuration's order.

    Raises `helio.errors.StartFailed` for a configuration that names none, or one that cannot be
    used.
    """

    def __init__(
        self,
        config: HelioConfig,
        policy: ActivePolicy,
        records: DriftRecords,
        pins: StoredPins,
        redactor: Redactor = UNREDACTED,
    ) -> None:
        """`pins` are what an earlier process accepted, as `pins` gave them."""
        settings = upstream_settings(config)
        try:
            self._upstreams = Upstreams(settings)
        except ValueError as error:
            raise StartFailed(str(error), "Correct the upstream in helio.yaml.") from None
        self._governed = [
            GovernedUpstream(each, config, policy, records, redactor) for each in self._upstreams
        ]
        self._single = config.upstream is not None
        self._aggregated = (
            Aggregated(self._governed, settings, max_sessions=config.session.max)
            if config.aggregate
            else None
        )
        self._pins = pins
        for each in self._governed:
            stored = pins.get(each.upstream.name, {})
            each.catalogue.restore(
                {tool: Identity.restored(values) for tool, values in stored.items()}
            )

    def __iter__(self) -> Iterator[GovernedUpstream]:
        return iter(self._governed)

    async def start(self) -> None:
        """Begins to keep the catalogues, and waits a little for the first lists."""
        async with asyncio.TaskGroup() as group:
            for each in self._governed:
                group.create_task(each.keeper.start(FIRST_LIST_SECONDS))

    def govern(self, policy: ActivePolicy, policies: PoliciesConfig) -> None:
        """Has the next calls judged by `policy`, whole."""
        for each in self._governed:
            each.govern(policy, policies)

    def lock(self, lock: ToolLock) -> None:
        """Takes the pins of a lock. An upstream that it does not name keeps its own."""
        for each in self._governed:
            if each.upstream.name in lock.upstreams:
                each.note(each.catalogue.lock(lock.pins(each.upstream.name)))
            else:
                each.catalogue.unlock()
            each.keeper.changed()

    def lists(self, upstream: str, tool: str) -> bool:
        """Whether this upstream lists this tool."""
        for each in self._governed:
            if each.upstream.name == upstream:
                return each.catalogue.find(tool) is not None
        return False

    def pins(self) -> StoredPins:
        """What is accepted, as JSON values; of upstreams that are not configured now, too: one that
        comes back is held to what it was."""
        return {
            **self._pins,
            **{
                each.upstream.name: {
                    tool: pin.stored() for tool, pin in each.catalogue.pins.items()
                }
                for each in self._governed
            },
        }

    def health(self) -> dict[str, dict[str, object]]:
        """How each upstream is, and how many tools it has."""
        return {
            each.upstream.name: {
                "status": each.upstream.health.status,
                "last_success": each.upstream.health.last_success,
                "last_failure": each.upstream.health.last_failure,
                "tools": len(each.catalogue) if each.catalogue.primed else None,
                "tools_drifted": len(each.catalogue.drifts),
            }
            for each in self._governed
        }

    def targets(self) -> Mapping[str | None, Target]:
        """What agents reach, by name; a single upstream has none, and neither have all as one."""
        if self._single:
            return {None: self._governed[0].target}
        named: dict[str | None, Target] = {
            each.upstream.name: each.target for each in self._governed
        }
        return named if self._aggregated is None else {None: self._aggregated.target, **named}

    async def stop(self) -> None:
        """Ends the keepers."""
        for each in self._governed:
            await each.keeper.stop()

    async def aclose(self) -> None:
        """Ends the upstreams' connections and processes."""
        if self._aggregated is not None:
            await self._aggregated.aclose()
        await self._upstreams.aclose()


def listing(policies: PoliciesConfig, *, agents_differ: bool) -> Listing:
    """How much agents are shown of the lists of tools.

    They keep a list no longer than Helio's own view of the tools may be old, unless told otherwise.
    """
    revalidation = policies.tool_revalidation
    longest = revalidation.max_advertised_ttl
    if longest is None and revalidation.enabled:
        longest = revalidation.interval
    return Listing(
        hide_denied=policies.hide_denied, max_ttl_ms=longest, agents_differ=agents_differ
    )


def _interval(policies: PoliciesConfig) -> float | None:
    """Seconds between two readings of an upstream's tools; None when only changes count."""
    revalidation = policies.tool_revalidation
    return revalidation.interval / 1000 if revalidation.enabled else None


def upstream_settings(config: HelioConfig) -> list[UpstreamSettings]:
    """The settings of all upstreams. Raises `StartFailed` when there is none."""
    open_mode = config.auth.mode == "none"
    if config.upstream is not None:
        return [_settings(DEFAULT_NAME, config.upstream, open_mode=open_mode)]
    if not config.upstreams:
        raise StartFailed("no upstream is configured", "Set `upstream.url` in helio.yaml.")
    return [_settings(each.name, each, open_mode=open_mode) for each in config.upstreams]


def _settings(
    name: str, upstream: UpstreamConfig | NamedUpstreamConfig, *, open_mode: bool
) -> UpstreamSettings:
    pinned = upstream.protocol_version
    return UpstreamSettings(
        name=name,
        url=upstream.url or "",
        transport=upstream.transport,
        headers={key: value.get_secret_value() for key, value in upstream.headers.items()},
        forward_headers=upstream.forward_headers,
        connect_timeout=upstream.connect_timeout / 1000,
        request_timeout=upstream.request_timeout / 1000,
        open_mode=open_mode and not any(key.lower() == "authorization" for key in upstream.headers),
        command=upstream.command,
        args=upstream.args,
        env={key: value.get_secret_value() for key, value in upstream.env.items()},
        cwd=upstream.cwd,
        processes=upstream.processes,
        max_processes=upstream.max_processes,
        idle_timeout=upstream.idle_timeout / 1000,
        protocol_version=None if pinned == "auto" else pinned,
    )
