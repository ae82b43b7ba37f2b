"""All upstreams of a configuration as one (`aggregate: true`): what agents reach at `/mcp`.

Above: `helio.app.governed`. Below: `helio.upstream.aggregate`, `helio.transport`. Calls are judged
and recorded as those of the upstream that they are for, by its own name of the tool.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from helio.evaluator import Message
from helio.governance.catalogue import Catalogue
from helio.pipeline.governance import Governance
from helio.protocol.headers import forward_rules
from helio.protocol.modern import Parameters
from helio.transport.listing import Judged
from helio.transport.target import Target
from helio.upstream.aggregate import Aggregate, Member, by_name
from helio.upstream.aggregate.names import AGGREGATE, name_prefix
from helio.upstream.build import UpstreamSettings
from helio.upstream.registry import Upstream

if TYPE_CHECKING:
    from helio.app.governed import GovernedUpstream


class Aggregated:
    """Upstreams as one; `settings` are theirs, in the same order.

    An agent's `authorization` is for one server: it goes to an upstream only when no other one
    would get it. Raises `ValueError` for names that cannot stand before those of tools.
    """

    def __init__(
        self,
        governed: "Sequence[GovernedUpstream]",
        settings: Sequence[UpstreamSettings],
        *,
        max_sessions: int,
    ) -> None:
        self._governed = {each.upstream.name: each for each in governed}
        own = _with_one_authorization(settings)
        members = [
            _member(each, one) for each, one in zip(self._governed.values(), own, strict=True)
        ]
        self._port = Aggregate(members, max_sessions=max_sessions)
        self._targets = {
            member.name: _target(each, one, self._port, member, self._named)
            for each, one, member in zip(self._governed.values(), own, members, strict=True)
        }
        self._upstream = Upstream(_of_all(own), _now, port=self._port)
        self._upstream.parameters_of = self._parameters
        self._nobodys = Target(self._upstream, self._unserved, _nothing)

    @property
    def target(self) -> Target:
        """What agents reach at `/mcp`."""
        return replace(self._nobodys, amend_tools=self._shown, address=self._address)

    async def aclose(self) -> None:
        """Ends what is under way; the upstreams stay."""
        await self._port.aclose()

    def _address(self, call: Message) -> tuple[Target, Message]:
        """The upstream of a call, and the call with that upstream's own name of the tool."""
        found = by_name(call, self._port.names, "params", "name")
        if found is None:
            return self._nobodys, call
        return self._targets[found.upstream], found.message

    def _shown(self, answer: bytes, agent: str | None) -> bytes:
        """What an agent is shown of the list of all tools."""
        listing = next(iter(self._governed.values())).listing
        return listing.show_several(answer, agent, self._judged)

    def _judged(self, name: str) -> Judged | None:
        found = self._port.names.split(name)
        return None if found is None else self._governed[found[0]].judged(found[1])

    def _parameters(self, name: str) -> Parameters | None:
        found = self._port.names.split(name)
        if found is None:
            return None
        return self._governed[found[0]].upstream.parameters_of(found[1])

    def _named(self, upstream: str, tool: str) -> str:
        """What agents call a tool that a call of this upstream needs: there first, else where it is
        listed, else as it is."""
        governed = sorted(self._governed.values(), key=lambda each: each.upstream.name != upstream)
        for each in governed:
            if each.catalogue.find(tool) is not None:
                return f"{name_prefix(each.upstream.name).decode()}{tool}"
        return tool

    def _unserved(self) -> Governance:
        """What a call is governed by that is for no upstream: it goes nowhere."""
        one = next(iter(self._governed.values()))
        return replace(one.target.governance(), catalogue=Catalogue(), unserved=True)


def _member(governed: "GovernedUpstream", settings: UpstreamSettings) -> Member:
    rules = forward_rules(
        operator_names=settings.headers,
        patterns=settings.forward_headers,
        open_mode=settings.open_mode,
    )
    return Member(
        governed.upstream,
        rules,
        patience=min(settings.connect_timeout, settings.request_timeout),
        on_tools_changed=governed.keeper.changed,
    )


def _target(
    governed: "GovernedUpstream",
    settings: UpstreamSettings,
    port: Aggregate,
    member: Member,
    named: Callable[[str, str], str],
) -> Target:
    """An upstream as calls reach it that came by the aggregate; `named` as `Aggregated._named`."""
    way = Upstream(settings, _now, port=port.line(member), health=governed.upstream.health)
    way.parameters_of = governed.upstream.parameters_of

    def governance() -> Governance:
        return replace(governed.target.governance(), shown=partial(named, governed.upstream.name))

    return replace(governed.target, upstream=way, governance=governance)


def _with_one_authorization(settings: Sequence[UpstreamSettings]) -> list[UpstreamSettings]:
    takers = [each.name for each in settings if each.open_mode and each.transport != "stdio"]
    return [replace(each, open_mode=takers == [each.name]) for each in settings]


def _of_all(settings: Sequence[UpstreamSettings]) -> UpstreamSettings:
    """What any of them gets goes as far as the aggregate, which gives each its own."""
    patterns = {pattern for each in settings for pattern in each.forward_headers}
    return UpstreamSettings(
        name=AGGREGATE,
        forward_headers=sorted(patterns),
        open_mode=any(each.open_mode for each in settings),
        request_timeout=max(each.request_timeout for each in settings),
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _nothing() -> None:
    """The members say themselves when their tools change."""
