"""The process: `python -m helio.audit.asking PARENT LEVEL`, with the line as its stdin.

Above: `helio.app.indexing` starts it. Below: `answering`. Once it has loaded what it needs, it
stands back behind all others. `PARENT` is the process that started it: it ends with that one,
however that ends, by the line, and on Linux by the kernel, too. `LEVEL` is the number from which on
it logs.
"""

import ctypes
import logging
import os
import signal
import socket
import sys
from typing import Final

from helio.audit.asking.answering import Answering
from helio.audit.asking.channel import Channel

_NICENESS: Final = 10
_SET_PARENT_DEATH_SIGNAL: Final = 1
"""`PR_SET_PDEATHSIG` of `prctl`."""


def main(parent: int, level: int) -> None:
    """Answers until the line ends."""
    _end_with(parent)
    _stand_back()
    # Who ends Helio may tell its whole group; this one ends when Helio has no more questions.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    channel = Channel(socket.socket(fileno=sys.stdin.fileno()))
    logging.basicConfig(level=level, handlers=[_Forwarding(channel)])
    Answering(channel).run()


def _end_with(parent: int) -> None:
    """Has the kernel end this process when its parent is gone, whatever it does then."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit()


def _stand_back() -> None:
    """Takes what processors others leave. A nice process is still let finish its turn of some
    milliseconds when a call comes; an idle one is not. Where there is one processor only, a busy
    Helio would leave an idle one nothing."""
    if sys.platform == "linux" and (os.cpu_count() or 1) > 1:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.nice(_NICENESS)


class _Forwarding(logging.Handler):
    """Gives what is logged to the parent, which knows where it goes and what must not show."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        """Sends it."""
        self._channel.log(record.levelno, record.name, self.format(record))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
