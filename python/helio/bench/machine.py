"""What the figures were measured on.

Above: `helio.cli.bench`. Below: `/proc`, where the system has it, and the disk of the temporary
directory, on which Helio's audit lies during the benchmark.
"""

import os
import platform
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile

from helio.evaluator import VERSION

SYNCS = 40
"""Appends that are synced to know what durability costs on this disk."""
RECORD = b"x" * 1_500
"""An append of the size of a record of the audit."""


def describe() -> dict[str, object]:
    """Processor, system, versions, the time in UTC, and the median of a synced append in ms."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "helio": VERSION,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "sync_ms": round(_sync_ms(), 3),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return platform.processor() or platform.machine()
    model = next((line for line in lines if line.startswith("model name")), None)
    return platform.machine() if model is None else model.partition(":")[2].strip()


def _sync_ms() -> float:
    # Where the system has no fdatasync (macOS), fsync is what there is.
    sync = getattr(os, "fdatasync", os.fsync)
    times = []
    with TemporaryFile(prefix="helio-bench-", buffering=0) as file:
        for _ in range(SYNCS):
            file.write(RECORD)
            started = time.perf_counter()
            sync(file.fileno())
            times.append(time.perf_counter() - started)
    return statistics.median(times) * 1e3
