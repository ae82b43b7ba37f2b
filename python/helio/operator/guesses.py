"""How often somebody may present a wrong secret.

Above: `helio.operator.access`. Below: nothing. An address has a few wrong ones free, and gets them
back with time. Past them its attempts, right ones too, wait for each other: so the right secret is
never refused for what others try from the same address, and nobody tries many. Other addresses
notice nothing, and neither does who is signed in.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

logger = logging.getLogger(__name__)

FREE: Final = 10
"""Wrong secrets that cost nothing."""
_REFILL_SECONDS: Final = 6.0
"""After so long one more is free."""
_PAUSE_SECONDS: Final = 1.0
"""Between two attempts past the free ones."""
_MOST_WAITING: Final = 5
"""Attempts of one address that wait for their turn; more are refused unseen."""
_MOST_ADDRESSES: Final = 1000
_NETWORK_BITS: Final = 64
"""What of an IPv6 address tells who it is: the rest anybody chooses freely."""


@dataclass(slots=True)
class _Address:
    """One address: what it has left at the instant `at`, and who waits."""

    left: float
    at: float
    waiting: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Guesses:
    """Counts wrong secrets by address. `pause` is in seconds, `clock` monotonic seconds."""

    def __init__(
        self, *, pause: float = _PAUSE_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pause = pause
        self._clock = clock
        self._addresses: OrderedDict[str, _Address] = OrderedDict()

    async def turn(self, address: str | None) -> bool:
        """Waits until this address may present a secret; False when too many wait already."""
        found = self._addresses.get(_network(address))
        if found is None or self._left(found) >= 1:
            return True
        if found.waiting >= _MOST_WAITING:
            return False
        found.waiting += 1
        try:
            async with found.turn:
                await asyncio.sleep(self._pause)
        finally:
            found.waiting -= 1
        return True

    def wrong(self, address: str | None) -> None:
        """Notes a wrong secret from there."""
        network = _network(address)
        found = self._addresses.setdefault(network, _Address(FREE, self._clock()))
        self._addresses.move_to_end(network)
        left = self._left(found)
        found.left, found.at = max(0.0, left - 1), self._clock()
        if left >= 1 > found.left:
            logger.warning("wrong secrets come from %s to the operator port", network)
        self._forget()

    def _left(self, found: _Address) -> float:
        return min(FREE, found.left + (self._clock() - found.at) / _REFILL_SECONDS)

    def _forget(self) -> None:
        while len(self._addresses) > _MOST_ADDRESSES:
            self._addresses.popitem(last=False)


def _network(address: str | None) -> str:
    """Whom an address belongs to."""
    try:
        parsed = ip_address((address or "").partition("%")[0])
    except ValueError:
        return "an unknown address"
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Address(int(parsed) >> _NETWORK_BITS << _NETWORK_BITS))
