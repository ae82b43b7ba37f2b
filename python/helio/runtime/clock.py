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
    value = (wall // 1_000_000) << 80 | random.getrandbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
