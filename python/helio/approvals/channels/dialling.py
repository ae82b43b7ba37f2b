"""Connections to where the configuration says that people are reached, and nowhere else.

Above: `webhook`, `slack`. Below: aiohttp, `helio.config.addresses`. What is judged is the address
of each socket before it is connected, so that no name, whatever it resolves to and whenever, and no
way to write an address leads elsewhere. Proxies of the environment are not used.
"""

import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from helio.approvals.channels.attempts import Setback
from helio.config.addresses import (
    Address,
    Network,
    is_loopback,
    is_loopback_host,
    is_public,
    is_within,
    literal,
)
from helio.errors import NotificationFailed

CONNECT_SECONDS: Final = 5.0
TOTAL_SECONDS: Final = 10.0
MAX_CONNECTIONS: Final = 8


class AddressRefused(OSError):
    """An address that the URL may not lead to."""


def dialling(url: str, allow_private: Collection[Network] = ()) -> aiohttp.ClientSession:
    """A client for this one URL. A URL that says that it is this machine leads only there; any
    other only to public addresses and to the networks of `allow_private`.
    """
    here = is_loopback_host(urlsplit(url).hostname or "")

    def make(info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, place = info
        address = literal(str(place[0]).partition("%")[0])
        if address is None or not _allowed(address, here, allow_private):
            raise AddressRefused(f"{place[0]} is not an address that this may be sent to")
        return socket.socket(family, kind, protocol)

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=MAX_CONNECTIONS, use_dns_cache=False, socket_factory=make
        ),
        timeout=aiohttp.ClientTimeout(total=TOTAL_SECONDS, connect=CONNECT_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )


def _allowed(address: Address, here: bool, allow_private: Collection[Network]) -> bool:
    if here:
        return is_loopback(address)
    return is_public(address) or is_within(address, allow_private)


@contextmanager
def told() -> Iterator[None]:
    """Turns what goes wrong with a request into `Setback`, or `NotificationFailed` where another
    attempt would go wrong, too."""
    try:
        yield
    except TimeoutError:
        raise Setback("no answer in time") from None
    except aiohttp.InvalidURL:
        raise NotificationFailed("its URL cannot be called") from None
    except aiohttp.ClientConnectorCertificateError:
        raise NotificationFailed("its certificate is not trusted") from None
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, AddressRefused):
            raise NotificationFailed(str(error.os_error)) from None
        raise Setback(f"no connection: {error.os_error.strerror or error.os_error}") from None
    except aiohttp.ClientError as error:
        raise Setback(f"no answer: {type(error).__name__}") from None


def retry_after(header: str | None) -> float | None:
    """The seconds of a `Retry-After` header (RFC 9110, section 10.2.3); None for a date, too:
    whose clock is right is not known."""
    if header is None or not header.isascii() or not header.isdigit():
        return None
    return float(header[:9])
