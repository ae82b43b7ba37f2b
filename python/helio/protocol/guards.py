"""Who may knock: allowlists for `Host`, `Origin` and the raw path (DNS rebinding, odd paths).

Used by the transport and the operator port. Pure. Absence of a `Host` is a refusal, absence of an
`Origin` is not (only browsers send one).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

LOOPBACK_HOSTS: Final = frozenset(("localhost", "127.0.0.1", "[::1]"))

_HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?")
_ORIGIN: Final = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_WILDCARD_HOSTS: Final = frozenset(("0.0.0.0", "[::]", ""))  # noqa: S104 - refused here, not bound


@dataclass(frozen=True, slots=True)
class HostRules:
    """Host names that may stand in the `Host` header; build it with `host_rules`."""

    any_port: frozenset[str]
    exact: frozenset[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class OriginRules:
    """Origins that may send requests; build it with `origin_rules`."""

    own_ports: frozenset[int]
    listed: frozenset[tuple[str, str, int]]


def host_rules(*, listen_host: str, configured: Iterable[str] = ()) -> HostRules:
    """The loopback names, the host we listen on and the configured ones.

    A configured `name` holds for any port, `name:port` for that one. A wildcard address (`0.0.0.0`,
    `::`) is no name that a client may use. Raises `ValueError` for an entry that is not a host.
    """
    any_port = set(LOOPBACK_HOSTS)
    exact: set[tuple[str, int]] = set()
    listening = _bracketed(listen_host.lower())
    if listening not in _WILDCARD_HOSTS:
        any_port.add(listening)
    for entry in configured:
        found = _HOST.fullmatch(_bracketed(entry.lower()))
        if found is None:
            raise ValueError(f"not a host: {entry!r}")
        if found[2] is None:
            any_port.add(found[1])
        else:
            exact.add((found[1], int(found[2])))
    return HostRules(frozenset(any_port), frozenset(exact))


def host_allowed(host: str | None, rules: HostRules) -> bool:
    """Whether a `Host` header may pass: whole names, case-insensitive, no user part."""
    if host is None:
        return False
    found = _HOST.fullmatch(host.lower())
    if found is None:
        return False
    if found[1] in rules.any_port:
        return True
    return found[2] is not None and (found[1], int(found[2])) in rules.exact


def origin_rules(*, own_ports: Iterable[int], configured: Iterable[str] = ()) -> OriginRules:
    """Loopback origins on our own ports, and the configured origins (`scheme://host[:port]`).

    Raises `ValueError` for an entry that is not an origin.
    """
    listed: set[tuple[str, str, int]] = set()
    for entry in configured:
        origin = _origin(entry.rstrip("/"))
        if origin is None:
            raise ValueError(f"not an origin: {entry!r}")
        listed.add(origin)
    return OriginRules(frozenset(own_ports), frozenset(listed))


def origin_allowed(origin: str | None, rules: OriginRules) -> bool:
    """Whether an `Origin` header may pass; `null` and anything that is no origin may not."""
    if origin is None:
        return True
    parts = _origin(origin)
    if parts is None:
        return False
    _, host, port = parts
    return parts in rules.listed or (host in LOOPBACK_HOSTS and port in rules.own_ports)


def path_allowed(raw_target: str, paths: Iterable[str] = ("/mcp",)) -> bool:
    """Whether a request target, as it came, names one of `paths` exactly; its query does not count.

    Nothing is decoded or normalised: `%2e`, `//`, `;`, a trailing slash and absolute forms are not
    found.
    """
    return raw_target.partition("?")[0] in paths


def _bracketed(host: str) -> str:
    return f"[{host}]" if host.count(":") > 1 and not host.startswith("[") else host


def _origin(text: str) -> tuple[str, str, int] | None:
    found = _ORIGIN.fullmatch(text.lower())
    if found is None:
        return None
    scheme, host, port = found.groups()
    return scheme, host, int(port) if port else _DEFAULT_PORTS[scheme]
