"""The only place where time is read, and where identifiers are made of it."""

import random
import time

from helio.pipeline.events import Moment


def now() -> Moment:
    """This instant on both clocks, in nanoseconds."""
    return Moment(time.time_ns(), time.monotonic_ns())


def new_call_id(wall: int) -> str:
    """A UUID of version 7 (RFC 9562): sorted by `wall` (nanoseconds since 1970), unique by 74
    random bits. It names a call and grants nothing: its generator need not be a secure one.
    """
    milliseconds, bits = wall // 1_000_000, random.getrandbits(74)
    variant = 0x8000 | bits >> 48 & 0x3FFF
    return (
        f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}-7{bits >> 62:03x}"
        f"-{variant:04x}-{bits & 0xFFFF_FFFF_FFFF:012x}"
    )
