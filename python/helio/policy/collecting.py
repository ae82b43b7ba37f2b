"""No search for garbage while many values come to stay.

Above: `compiler`. Below: nothing. A policy is read into a tree that lives until it is compiled:
looking through all of it again and again, as it grows, takes half of the time and finds nothing.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Puts the collector of cycles off until the end. What is not part of a cycle is freed as
    always. What stays counts as old then, so that the next search does not begin with it.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            if not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
            gc.enable()
