"""Which headers cross the proxy: upwards one short list, downwards another; everything else stays.

The transport hands in what the agent sent (`request_headers`) and what the upstream answered
(`answer_headers`). Pure. Headers are pairs of bytes as the wire has them; results have names in
lower case.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import translate
from typing import Final, TypeAlias

Header: TypeAlias = tuple[bytes, bytes]

_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE_BREAKERS: Final = re.compile(rb"[\r\n\0]")

NEVER_FORWARDED: Final = frozenset(
    (
        b"accept-encoding",
        b"connection",
        b"content-length",
        b"expect",
        b"host",
        b"http2-settings",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
"""Headers that belong to one connection, or that the upstream's client writes itself."""

_UPWARDS: Final = frozenset((b"accept", b"content-type", b"mcp-protocol-version"))
_LEGACY_UPWARDS: Final = frozenset((b"last-event-id", b"mcp-session-id"))
_MODERN_UPWARDS: Final = frozenset((b"mcp-method", b"mcp-name"))
PARAMETER: Final = b"mcp-param-"
"""What the name of a header that mirrors an argument begins with (2026-07-28)."""
_LISTS: Final = frozenset((b"accept",))
_AUTHORIZATION: Final = b"authorization"

_DOWNWARDS: Final = frozenset(
    (
        b"allow",
        b"cache-control",
        b"content-encoding",
        b"content-type",
        b"mcp-protocol-version",
        b"retry-after",
        b"www-authenticate",
        b"x-accel-buffering",
    )
)
_LEGACY_DOWNWARDS: Final = _DOWNWARDS | {b"mcp-session-id"}


class HeaderRefused(ValueError):
    """A header that must not go on. `name` is its name for people; its value is never shown."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"header {name!r} {why}")
        self.name = name


def is_name(name: bytes) -> bool:
    """Whether `name` is a field name (RFC 9110, section 5.1)."""
    return _TOKEN.fullmatch(name) is not None


def is_value(value: bytes) -> bool:
    """Whether `value` holds no CR, LF or NUL (RFC 9110, section 5.5)."""
    return _VALUE_BREAKERS.search(value) is None


def fold(name: bytes) -> bytes:
    """A name as servers may compare it: in lower case, with `-` for `_`."""
    return name.lower().replace(b"_", b"-")


@dataclass(frozen=True, slots=True)
class ForwardRules:
    """What of an agent's headers goes up to one upstream; build it with `forward_rules`.

    `operator_names` are folded: servers that hand headers on as variables cannot tell `x_key` from
    `x-key`, and an agent's must never stand for the operator's.
    """

    operator_names: frozenset[bytes]
    authorization: bool
    _extra: re.Pattern[bytes] | None

    def passes(self, name: bytes, *, modern: bool = False) -> bool:
        """Whether a header (its name in lower case) goes up.

        With a `modern` request (2026-07-28) those go that mirror its body, which are not to be
        trusted on any other; sessions and the places of streams go with the other ones only.
        """
        if name in NEVER_FORWARDED:
            return False
        if self.operator_names and fold(name) in self.operator_names:
            return False
        if name in _UPWARDS or name in (_MODERN_UPWARDS if modern else _LEGACY_UPWARDS):
            return True
        if modern and name.startswith(PARAMETER):
            return True
        if name == _AUTHORIZATION:
            return self.authorization
        return self._extra is not None and self._extra.fullmatch(name) is not None


def forward_rules(
    *,
    operator_names: Iterable[str] = (),
    patterns: Sequence[str] = (),
    open_mode: bool = True,
) -> ForwardRules:
    """The rules of one upstream (product contract, `upstream`).

    `operator_names`: the operator's static headers, which always win. `patterns`:
    `forward_headers`, names or globs (`*`, `?`, `[set]`, any case) that begin with `x-`.
    `open_mode`: `auth.mode` is none; only then does the agent's `authorization` go up. Raises
    `ValueError` for a pattern outside `x-*`.
    """
    lowered = [pattern.lower() for pattern in patterns]
    for pattern in lowered:
        if not pattern.startswith("x-"):
            raise ValueError(f"forward_headers: {pattern!r} does not begin with 'x-'")
    union = "|".join(translate(pattern) for pattern in lowered)
    return ForwardRules(
        operator_names=frozenset(fold(name.encode("latin-1")) for name in operator_names),
        authorization=open_mode,
        _extra=re.compile(union.encode("latin-1"), re.DOTALL) if lowered else None,
    )


def request_headers(
    received: Iterable[Header], rules: ForwardRules, *, modern: bool = False
) -> list[Header]:
    """The agent's headers that go up, in the order received. `modern`: see `ForwardRules.passes`.

    `accept` may come several times and is joined. Any other that goes up must come once: two values
    could be read differently here and there. Raises `HeaderRefused` for such a header and for a
    value with CR, LF or NUL.
    """
    passed: dict[bytes, bytes] = {}
    for raw_name, value in received:
        name = raw_name.lower()
        if not rules.passes(name, modern=modern):
            continue
        if not is_value(value):
            raise HeaderRefused(name.decode("latin-1"), "holds a line end or NUL")
        if name not in passed:
            passed[name] = value
        elif name in _LISTS:
            passed[name] += b", " + value
        else:
            raise HeaderRefused(name.decode("latin-1"), "comes more than once")
    return list(passed.items())


def answer_headers(received: Iterable[Header], *, modern: bool = False) -> list[Header]:
    """The upstream's headers that go down to the agent, in the order received.

    The answer to a `modern` request names no session (2026-07-28, Streamable HTTP, "Earlier
    Streamable HTTP Revisions").

    Values with CR, LF or NUL cannot get here past the parser; they are refused all the same
    (`HeaderRefused`).
    """
    names = _DOWNWARDS if modern else _LEGACY_DOWNWARDS
    passed = [(name, value) for raw, value in received if (name := raw.lower()) in names]
    for name, value in passed:
        if not is_value(value):
            raise HeaderRefused(name.decode("latin-1"), "holds a line end or NUL")
    return passed
