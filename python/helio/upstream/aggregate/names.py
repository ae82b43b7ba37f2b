"""What things are called where several upstreams are one. Pure.

Above: the rest of this room, and `helio.app`. A tool or prompt is `<upstream>__<its name>`, a
resource `helio://<upstream>/<its URI>`; ids that an upstream chose (of its questions, and of places
in its streams) carry its name likewise, so that those of two upstreams are never taken for each
other.
"""

from collections.abc import Iterable
from typing import Final

import orjson

from helio.protocol.jsonrpc import identity

AGGREGATE: Final = "aggregate"
"""What the audit calls the upstream of calls whose name belongs to none."""
SEPARATOR: Final = "__"
SCHEME: Final = "helio://"


class Names:
    """The names under which the upstreams are known; none holds `__` or ends with `_`.

    So a prefixed name reads in one way only. Raises `ValueError` for other names, and for two of
    one name.
    """

    def __init__(self, upstreams: Iterable[str]) -> None:
        self._upstreams = tuple(upstreams)
        self._known = frozenset(self._upstreams)
        if len(self._known) != len(self._upstreams):
            raise ValueError("two upstreams have one name")
        for upstream in self._upstreams:
            if SEPARATOR in upstream or upstream.endswith("_") or not upstream:
                raise ValueError(f"{upstream!r} cannot stand before {SEPARATOR!r}")

    def split(self, name: str) -> tuple[str, str] | None:
        """The upstream and its own name of a tool or prompt; None when no upstream has it."""
        upstream, found, own = name.partition(SEPARATOR)
        return (upstream, own) if found and own and upstream in self._known else None

    def split_uri(self, uri: str) -> tuple[str, str] | None:
        """The upstream and its own URI of a resource; None for a URI without a prefix."""
        if not uri.startswith(SCHEME):
            return None
        upstream, found, own = uri[len(SCHEME) :].partition("/")
        return (upstream, own) if found and own and upstream in self._known else None

    def split_place(self, place: bytes) -> tuple[str, bytes] | None:
        """The upstream and its own id of an event; None for an id that none of them gave."""
        upstream, found, own = place.partition(b":")
        name = upstream.decode("latin-1")
        return (name, own) if found and name in self._known else None

    def split_mark(self, value: bytes) -> tuple[str, bytes] | None:
        """The upstream and the raw JSON that it chose, from raw JSON that `marked` gave."""
        if not value.startswith(b'"'):
            return None
        text = identity(value)
        upstream, found, own = str(text).partition(":")
        if not found or upstream not in self._known:
            return None
        try:
            return upstream, own.encode()
        except UnicodeEncodeError:
            return None


def name_prefix(upstream: str) -> bytes:
    """What stands before a name of this upstream."""
    return f"{upstream}{SEPARATOR}".encode()


def uri_prefix(upstream: str) -> bytes:
    """What stands before a URI of this upstream."""
    return f"{SCHEME}{upstream}/".encode()


def placed(upstream: str, place: bytes) -> bytes:
    """An event's id with the upstream that gave it; an empty one (forget the place) stays."""
    return b"%b:%b" % (upstream.encode(), place) if place else place


def marked(upstream: str, value: bytes) -> bytes:
    """Raw JSON (an id, a progress token) as raw JSON that also says which upstream chose it."""
    return orjson.dumps(f"{upstream}:{value.decode()}")
