"""The tool catalogue of one upstream: its definitions, those that were accepted, and how they
differ.

Above: `helio.pipeline` (asks), `helio.runtime` (replaces the definitions on Helio's own clock, and
records what is noted here). Below: `helio.governance.definitions`. Pure.

The accepted definitions are pins. Without a lock the first definition seen of a tool is its pin;
with one the pins are the lock's, and nothing is added by being seen.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from helio.governance.definitions import ADDED, REMOVED, UNVERIFIED, Identity, Tool, merged

PIN_LIMIT: Final = 20_000
"""Tools of one upstream that are pinned when first seen. Those beyond it count as added."""

KEPT_BYTES: Final = 1024 * 1024
"""Accepted definitions of one upstream that are kept whole, to be shown when a tool drifts."""

Pins: TypeAlias = Mapping[str, Identity]


@dataclass(frozen=True, slots=True)
class Drift:
    """A tool that is not what was accepted.

    `aspects`: the members that differ, or one of `added`, `removed`, `duplicate`, `unreadable`,
    `unverified`. The fingerprints are None where there is no definition.
    """

    tool: str
    aspects: tuple[str, ...]
    pinned: str | None
    current: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """Something to be recorded: what happened to one tool, and both fingerprints.

    `pinned`: accepted because it was seen first, or because a first lock holds it. `drifted`:
    found to be another than its pin. `cleared`: its pinned definition again. `accepted`: the lock
    has another definition for it, or an operator took the one that it has. `released`: the lock
    holds it no longer, or an operator let it go.
    """

    event: Literal["pinned", "drifted", "cleared", "accepted", "released"]
    tool: str
    aspects: tuple[str, ...]
    pinned: str | None
    current: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a tool at one moment.

    `tool` is None when the upstream does not list it. `views` are the packed hints of every
    definition that a call must be judged by: the listed one, and under drift the pinned one too.
    """

    tool: Tool | None
    drift: Drift | None
    views: tuple[int, ...]

    def overtaken(self, now: "Standing") -> bool:
        """Whether what was judged is no longer what would run: another definition, or drift that
        was not there."""
        if now.drift is not None and now.drift != self.drift:
            return True
        if self.tool is None:
            return False
        return now.tool is None or now.tool.fingerprint != self.tool.fingerprint


_UNKNOWN = Standing(None, None, (0,))


class Catalogue:
    """The tools of one upstream. Empty and `primed == False` until the first list arrived.

    `may_keep` says of an accepted definition's text whether it may be kept, to be shown later.
    """

    def __init__(self, may_keep: Callable[[str], bool] = lambda _: True) -> None:
        self._may_keep = may_keep
        self._kept = 0
        self._tools: dict[str, Tool] = {}
        self._pins: dict[str, Identity] = {}
        self._drifts: dict[str, Drift] = {}
        self.primed = False
        self.locked = False

    @property
    def tools(self) -> Mapping[str, Tool]:
        """Those that the upstream lists, by name."""
        return self._tools

    def find(self, name: str) -> Tool | None:
        """The tool of exactly this name, None when the upstream did not list it."""
        return self._tools.get(name)

    def standing(self, name: str) -> Standing:
        """What is known of the tool of exactly this name."""
        tool = self._tools.get(name)
        drift = self._drifts.get(name)
        if drift is None:
            if tool is not None:
                return Standing(tool, None, tool.views)
            if self.primed or not (self.locked or name in self._pins):
                return _UNKNOWN
        pin = self._pins.get(name)
        if drift is None:
            drift = Drift(name, (UNVERIFIED,), None if pin is None else pin.fingerprint, None)
        listed = (0,) if tool is None else tool.views
        views = dict.fromkeys((0 if pin is None else pin.hints, *listed))
        return Standing(tool, drift, tuple(views))

    @property
    def drifts(self) -> Mapping[str, Drift]:
        """Every tool that is not what was accepted."""
        return self._drifts

    @property
    def pins(self) -> Pins:
        """The accepted definitions."""
        return self._pins

    def replace(self, definitions: Iterable[Tool]) -> list[Change]:
        """Takes the whole `tools/list` of an upstream in place of what was known.

        Of a name that is listed twice nothing is taken as known, whether the two agree or not.
        """
        tools: dict[str, Tool] = {}
        for tool in definitions:
            known = tools.get(tool.name)
            tools[tool.name] = tool if known is None else merged(known, tool)
        self._tools = tools
        self.primed = True
        for name, tool in tools.items():
            pin = self._pins.get(name)
            if pin is not None and pin.definition is None and pin == tool.identity:
                self._pin(name, tool.identity)  # An earlier version kept its fingerprint alone.
        return [*self._pin_new(), *self._compare()]

    def restore(self, pins: Pins) -> None:
        """Takes back the pins of an earlier process."""
        self._take(pins)

    def lock(self, pins: Pins) -> list[Change]:
        """Takes the pins of a lock, all of them, in place of those it had."""
        before, self.locked = self._pins, True
        self._take(pins)
        changes = []
        for name, pin in pins.items():
            old = before.get(name)
            if old is not None and old.fingerprint == pin.fingerprint:
                continue
            aspects = (ADDED,) if old is None else pin.differences(old)
            event: Literal["accepted", "pinned"] = (
                "accepted" if old is not None or name in self._drifts else "pinned"
            )
            fingerprint = None if old is None else old.fingerprint
            changes.append(Change(event, name, aspects, fingerprint, pin.fingerprint))
        changes += [
            Change("released", name, (REMOVED,), before[name].fingerprint, None)
            for name in sorted(before.keys() - pins.keys())
        ]
        settled = {change.tool for change in changes}
        changes += [
            change
            for change in self._compare()
            if change.event != "cleared" or change.tool not in settled
        ]
        return changes

    def accept(self, name: str) -> list[Change]:
        """Takes what a drifted tool is now as its pin; one that is gone has none any more.

        Raises KeyError for a tool that did not drift, and ValueError for one that cannot be
        accepted: a lock holds the pins, or nobody can tell what the definition is.
        """
        drift = self._drifts[name]
        tool = self._tools.get(name)
        if self.locked:
            raise ValueError("helio.tools.lock holds the accepted tools: `helio tools approve`")
        if tool is not None and tool.fault is not None:
            raise ValueError(f"its definition is {tool.fault}")
        event: Literal["accepted", "released"] = "accepted"
        if tool is None:
            self._unpin(name)
            event = "released"
        else:
            self._pin(name, tool.identity)
        self._compare()
        return [Change(event, name, drift.aspects, drift.pinned, drift.current)]

    def unlock(self) -> None:
        """No lock speaks of this upstream any more: the pins stay, and new tools are pinned when
        they are first seen."""
        self.locked = False

    def _take(self, pins: Pins) -> None:
        self._pins, self._kept = {}, 0
        for name, pin in pins.items():
            self._pin(name, pin)

    def _pin(self, name: str, pin: Identity) -> None:
        """Its definition is kept where it may be, and as long as there is room."""
        self._unpin(name)
        definition = pin.definition
        if definition is not None:
            room = self._kept + len(definition) <= KEPT_BYTES
            if room and self._may_keep(definition.decode()):
                self._kept += len(definition)
            else:
                pin = pin.without_definition()
        self._pins[name] = pin

    def _unpin(self, name: str) -> None:
        before = self._pins.pop(name, None)
        if before is not None and before.definition is not None:
            self._kept -= len(before.definition)

    def _pin_new(self) -> list[Change]:
        if self.locked:
            return []
        changes = []
        for name, tool in self._tools.items():
            if name in self._pins or tool.fault is not None or len(self._pins) >= PIN_LIMIT:
                continue
            self._pin(name, tool.identity)
            changes.append(Change("pinned", name, (ADDED,), None, tool.fingerprint))
        return changes

    def _compare(self) -> list[Change]:
        """Finds what drifts now, and says what is another than before."""
        if not self.primed:
            return []
        before, self._drifts = self._drifts, self._found()
        changes = [
            Change("drifted", drift.tool, drift.aspects, drift.pinned, drift.current)
            for name, drift in self._drifts.items()
            if before.get(name) != drift
        ]
        for name in sorted(before.keys() - self._drifts.keys()):
            pin, tool = self._pins.get(name), self._tools.get(name)
            changes.append(
                Change(
                    "cleared",
                    name,
                    before[name].aspects,
                    None if pin is None else pin.fingerprint,
                    None if tool is None else tool.fingerprint,
                )
            )
        return changes

    def _found(self) -> dict[str, Drift]:
        drifts = {}
        for name, tool in self._tools.items():
            pin = self._pins.get(name)
            aspects = _aspects(pin, tool)
            if aspects:
                pinned = None if pin is None else pin.fingerprint
                drifts[name] = Drift(name, aspects, pinned, tool.fingerprint)
        for name in sorted(self._pins.keys() - self._tools.keys()):
            drifts[name] = Drift(name, (REMOVED,), self._pins[name].fingerprint, None)
        return drifts

    def __len__(self) -> int:
        return len(self._tools)


def _aspects(pin: Identity | None, tool: Tool) -> tuple[str, ...]:
    if tool.fault is not None:
        return (tool.fault,)
    return (ADDED,) if pin is None else pin.differences(tool.identity)
