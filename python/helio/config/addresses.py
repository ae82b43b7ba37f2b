"""Which addresses Helio may be led to by a URL: the public ones, and what the operator names.

Above: `types`, `channels`, and whoever dials such a URL (`helio.approvals.channels.dialling`).
Pure.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_NAT64: Final = IPv6Network("64:ff9b::/96")
"""RFC 6052: the last 32 bits are the IPv4 address that is reached."""


def meant(address: Address) -> Address:
    """The address that is reached by it: what an IPv6 address holds of an older one (mapped, NAT64
    or 6to4), else itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour or address


def is_public(address: Address) -> bool:
    """Whether anybody on the internet reaches the same machine by it. Private, loopback, link-local
    (clouds' metadata services), shared, multicast and reserved addresses are not public.
    """
    reached = meant(address)
    if isinstance(reached, IPv6Address) and reached not in _GLOBAL_UNICAST:
        return False
    return reached.is_global and not reached.is_multicast


def is_within(address: Address, networks: Iterable[Network]) -> bool:
    """Whether one of the networks holds it, as it is or as what is meant by it."""
    reached = meant(address)
    return any(each in network for network in networks for each in (address, reached))


def is_loopback(address: Address) -> bool:
    """Whether it leads to this machine."""
    return meant(address).is_loopback


def literal(host: str) -> Address | None:
    """The address that a host of a URL is written as; None for a name."""
    try:
        return ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


def is_loopback_host(host: str) -> bool:
    """Whether a host of a URL says that it is this machine."""
    address = literal(host)
    return host.lower() == "localhost" if address is None else is_loopback(address)
