"""Threads that stand back behind those that carry calls.

Above: `helio.operator`. Below: the operating system.
"""

import os
import sys
import threading

_NICENESS = 10


def stand_back() -> None:
    """Gives this thread less of the processor than others (Linux counts that by thread)."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
