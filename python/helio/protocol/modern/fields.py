"""The headers of one request that mirror its body. Pure."""

from collections.abc import Iterable
from typing import Final

from helio.protocol.headers import PARAMETER, Header
from helio.protocol.modern.refusal import mismatch

VERSION: Final = b"mcp-protocol-version"
METHOD: Final = b"mcp-method"
NAME: Final = b"mcp-name"

_MIRRORS: Final = frozenset((VERSION, METHOD, NAME))


def mirrors(headers: Iterable[Header]) -> dict[bytes, bytes]:
    """The mirroring headers by their names in lower case.

    Raises `Refused` for one that comes twice: who reads the first and who reads the last would
    disagree.
    """
    found: dict[bytes, bytes] = {}
    for raw_name, value in headers:
        name = raw_name.lower()
        if name not in _MIRRORS and not name.startswith(PARAMETER):
            continue
        if name in found:
            raise mismatch(f"The header {name.decode('latin-1')} comes more than once.")
        found[name] = value
    return found
