"""A process that asks heavy questions of an operator port, one after the other, until it is ended.

Usage: asking.py OPERATOR_URL SECRET. Writes `PATH STATUS SECONDS` for every answer.
"""

import itertools
import sys
import time
import urllib.request

PATHS = (
    "/api/analytics",
    "/api/audit?tool=a&limit=1000&offset=500",
    "/api/audit/export",
)


def ask(url: str, secret: str) -> None:
    """Asks for ever."""
    for path in itertools.cycle(PATHS):
        began = time.perf_counter()
        headers = {"authorization": f"Bearer {secret}"}
        with urllib.request.urlopen(
            urllib.request.Request(url + path, headers=headers), timeout=60
        ) as answer:
            while answer.read(65536):
                pass
            print(path, answer.status, time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    ask(*sys.argv[1:])
