"""How many files and connections this process may have open.

Above: `helio.cli`. Below: the kernel. Shells grant 1024, for the sake of programs that use
`select`; each agent takes a connection or two, and as many towards its upstream.
"""

import logging
import resource
from typing import Final

logger = logging.getLogger(__name__)

WANTED: Final = 65536


def allow_many() -> None:
    """Raises the soft limit towards `WANTED`, as far as the hard one lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError) as error:
        # Some kernels grant less than the hard limit says.
        logger.warning("no more than %d files and connections may be open: %s", soft, error)
