"""What a rule's limits ask for one call: the window's key, the amount, or why there is none.

The oracle's reading of docs/architecture.md, "Counting". Above it `graph`; below it `jsonpath` and
`numbers`. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from oracle.jsonpath import Segment, select
from oracle.numbers import Number, amount_text
from oracle.strict_json import Json
from oracle.text import write


@dataclass(frozen=True)
class Caller:
    """Who calls what; None is unknown. `call` is the hash of the arguments, in hexadecimal."""

    upstream: str
    tool: str
    call: str
    agent: str | None = None
    session: str | None = None
    session_falls_back: bool = False
    sender: str | None = None


@dataclass(frozen=True)
class Limit:
    """A limit node with its path read; `field` is the path's text."""

    id: str
    kind: str
    maximum: str
    window_ms: int
    key: list[str]
    currency: str | None
    field: str | None
    path: list[Segment] | None


@dataclass(frozen=True)
class Demand:
    """Room that a call needs in one window; fields as in `helio._core.Demand`."""

    limit: str
    rule: int
    kind: str
    key: str
    amount: str
    maximum: str
    window_ms: int
    currency: str | None
    enforced: bool


@dataclass(frozen=True)
class Fault:
    """Why a demand could not be computed."""

    kind: str
    rule: int
    field: str
    found: str


def demand_of(
    limit: Limit, rule: Mapping[str, Any], caller: Caller, arguments: dict[str, Json]
) -> Demand | Fault:
    """Return what one limit of a rule demands of a call, or the fault that prevents it."""
    parts: list[str] = []
    for name in limit.key:
        part = key_part(name, caller)
        if part is None:
            return Fault("session_unresolved", rule["index"], name, "")
        parts.append(part)
    amount = "1"
    if limit.path is not None:
        values = select(limit.path, arguments)
        spent = amount_of(values)
        if spent is None:
            return Fault("invalid_amount", rule["index"], limit.field or "", found(values))
        amount = spent
    return Demand(
        limit=limit.id,
        rule=rule["index"],
        kind=limit.kind,
        key="|".join(parts),
        amount=amount,
        maximum=limit.maximum,
        window_ms=limit.window_ms,
        currency=limit.currency,
        enforced=not rule["shadow"],
    )


def key_part(name: str, caller: Caller) -> str | None:
    """Return one part of a window's key, or None if what it needs is unknown."""
    if name == "session" and caller.session is None and caller.session_falls_back:
        name = "agent"
    value = {
        "tool": f"{caller.upstream}/{caller.tool}",
        "session": caller.session,
        "agent": caller.agent,
        "sender_id": caller.sender,
        "upstream": caller.upstream,
        "global": "",
        "call": f"{caller.upstream}/{caller.tool}/{caller.call}",
    }[name]
    if value is None:
        return None
    return f"{name}={value.replace('%', '%25').replace('|', '%7C').replace('=', '%3D')}"


def amount_of(values: list[Json]) -> str | None:
    """Return the amount if exactly one value is there and is one."""
    if len(values) != 1 or not isinstance(values[0], Number):
        return None
    return amount_text(values[0])


def found(values: list[Json]) -> str:
    """Describe what stood where an amount was expected, in at most 80 characters."""
    if len(values) != 1:
        return f"{len(values)} values" if values else "nothing"
    value = values[0]
    if isinstance(value, Number):
        return value.text[:80]
    if isinstance(value, str):
        return f"string {write(value)}"[:80]
    if value is None or isinstance(value, bool):
        return write(value)
    return "array" if isinstance(value, list) else "object"
