"""Helio's own log as lines of JSON. Pure.

Above: `helio.cli` (the form of stderr).
"""

import json
import logging
from datetime import UTC, datetime


class JsonLines(logging.Formatter):
    """One object a line: `{"at", "level", "logger", "message"}`, and `error` with a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """A record as its line."""
        line: dict[str, object] = {
            "at": instant(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def instant(seconds: float) -> str:
    """Seconds since 1970 as an ISO 8601 time in UTC."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
