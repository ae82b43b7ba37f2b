"""`WWW-Authenticate` as bytes: its parameters found and replaced where they stand (RFC 9110,
section 11.6.1; RFC 6750; RFC 9728, section 5.1).

Above: `helio.transport`. Pure. What is not touched stays as it came.
"""

import re
from typing import Final

_QUOTED: Final = rb'"(?:[^"\\]|\\.)*"'
_PARAMETER: Final = re.compile(
    rb"(?P<separator>[ \t]*,[ \t]*|[ \t]+|^)"
    rb"(?P<name>[!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*=[ \t]*(?P<value>" + _QUOTED + rb"|[^\s,\"]+)"
    rb"|" + _QUOTED,
    re.DOTALL,
)


def parameter(challenge: bytes, name: bytes) -> bytes | None:
    """The value of the first parameter of this name (any case), unquoted; None without one."""
    for found in _PARAMETER.finditer(challenge):
        if found["name"] is not None and found["name"].lower() == name:
            return unquoted(found["value"])
    return None


def replace_parameter(challenge: bytes, name: bytes, value: bytes) -> bytes:
    """The challenge with every parameter of this name (any case) given another value."""

    def replaced(found: re.Match[bytes]) -> bytes:
        if found["name"] is None or found["name"].lower() != name:
            return found[0]
        return b"%b%b=%b" % (found["separator"], found["name"], quoted(value))

    return _PARAMETER.sub(replaced, challenge)


def quoted(text: bytes) -> bytes:
    """A quoted-string (RFC 9110, section 5.6.4)."""
    return b'"' + re.sub(rb'(["\\])', rb"\\\1", text) + b'"'


def unquoted(value: bytes) -> bytes:
    """What a token or a quoted-string says."""
    if not value.startswith(b'"'):
        return value
    return re.sub(rb"\\(.)", rb"\1", value[1:-1], flags=re.DOTALL)
