"""What a request to an upstream looks like on the wire: its target, its fixed headers, its head.

Below the client (`helio.upstream.http`). Pure. Heads are built from parts that were checked, never
copied from what an agent sent.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from helio.protocol.headers import NEVER_FORWARDED, is_name, is_value

Header: TypeAlias = tuple[bytes, bytes]

_TARGET: Final = re.compile(r"[!-~]+")
_METHODS: Final = frozenset(("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"))
_WITH_BODY: Final = frozenset(("PATCH", "POST", "PUT"))
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an upstream is: `host` as a resolver takes it, `authority` as Host has it."""

    tls: bool
    host: str
    port: int
    authority: str
    path: str
    query: str


def origin_of(url: str) -> Origin:
    """Reads an upstream's URL. Raises `ValueError` that says what is wrong without showing it."""
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError("an upstream's URL begins with http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("an upstream's URL holds no user or password; put them into its headers")
    if not parts.hostname:
        raise ValueError("an upstream's URL names a host")
    if parts.fragment:
        raise ValueError("an upstream's URL has no fragment")
    port = parts.port if parts.port is not None else _DEFAULT_PORTS[parts.scheme]
    if not port:
        raise ValueError("an upstream's port is not 0")
    path = parts.path or "/"
    for text in (path, parts.query):
        if text and _TARGET.fullmatch(text) is None:
            raise ValueError("an upstream's URL is ASCII, with anything else percent-encoded")
    host = parts.hostname
    if not host.isascii():
        host = host.encode("idna").decode("ascii")
    name = f"[{host}]" if ":" in host else host
    if re.fullmatch(r"[!-~]+", name) is None:
        raise ValueError("an upstream's host has characters that no host has")
    authority = name if port == _DEFAULT_PORTS[parts.scheme] else f"{name}:{port}"
    return Origin(parts.scheme == "https", host, port, authority, path, parts.query)


class RequestWriter:
    """Builds the heads of requests to one upstream. Raises `ValueError` for a header it refuses."""

    def __init__(self, origin: Origin, headers: Mapping[str, str]) -> None:
        self._origin = origin
        lines: list[str] = []
        names: set[bytes] = set()
        for name, value in headers.items():
            key = name.lower().encode("latin-1", "replace")
            if not is_name(key) or key in NEVER_FORWARDED or key in names:
                raise ValueError(f"upstream header {name!r} cannot be set")
            if not value.isascii() or not is_value(value.encode("ascii")):
                raise ValueError(f"the value of upstream header {name!r} cannot be sent")
            names.add(key)
            lines.append(f"{name}: {value}\r\n")
        self._static_names = frozenset(names)
        self._static_lines = "".join(lines)
        self._prefixes: dict[str, bytes] = {}

    def head(
        self, method: str, headers: Sequence[Header], length: int | None, path_suffix: str
    ) -> bytes:
        """The request's head. `length` is the body's in bytes, None without a body.

        Headers that the operator set statically replace those given. Raises `ValueError` for an
        unknown method, a suffix with spaces or controls, a header that only this class may write,
        and a name or value that would break the framing.
        """
        prefix = self._prefixes.get(method) if not path_suffix else None
        if prefix is None:
            prefix = self._prefix(method, path_suffix)
        static = self._static_names
        lines = [prefix]
        for name, value in headers:
            if not _may_send(name):
                raise ValueError(f"header {name[:64]!r} cannot be sent")
            if static and name.lower() in static:
                continue
            lines.append(b"%b: %b\r\n" % (name, value))
        if length is not None:
            lines.append(b"content-length: %d\r\n" % length)
        elif method in _WITH_BODY:
            lines.append(b"content-length: 0\r\n")
        lines.append(b"\r\n")
        head = b"".join(lines)
        # The prefix has `endings` line ends, every other line one. Any more came in with a value.
        endings = prefix.count(b"\n") + len(lines) - 1
        if head.count(b"\n") != endings or head.count(b"\r") != endings or b"\0" in head:
            raise ValueError("a header value holds a line end or NUL")
        return head

    def _prefix(self, method: str, path_suffix: str) -> bytes:
        if method not in _METHODS:
            raise ValueError(f"unknown method {method[:32]!r}")
        target = _target(self._origin, path_suffix)
        text = f"{method} {target} HTTP/1.1\r\nhost: {self._origin.authority}\r\n"
        prefix = (text + self._static_lines).encode("ascii")
        if not path_suffix:
            self._prefixes[method] = prefix
        return prefix


def _target(origin: Origin, path_suffix: str) -> str:
    suffix, _, query = path_suffix.partition("?")
    queries = "&".join(text for text in (origin.query, query) if text)
    target = origin.path + suffix + (f"?{queries}" if queries else "")
    if _TARGET.fullmatch(target) is None:
        raise ValueError("a request target holds a space or a control character")
    return target


@lru_cache(maxsize=512)
def _may_send(name: bytes) -> bool:
    return is_name(name) and name.lower() not in NEVER_FORWARDED
