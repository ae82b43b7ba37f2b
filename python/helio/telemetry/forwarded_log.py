"""Helio's own log, handed to OpenTelemetry.

Above: `helio.telemetry.collector`. Below: OpenTelemetry's SDK, which sends in a thread of its own.
"""

import logging
from typing import Final

from opentelemetry._logs import Logger, LogRecord, SeverityNumber

_SENDING: Final = frozenset(("opentelemetry", "requests", "urllib3"))
"""Loggers of what sends logs, which must not feed on itself."""


class LogHandler(logging.Handler):
    """Passes log records on, from `info` upwards."""

    def __init__(self, collector: Logger) -> None:
        super().__init__(logging.INFO)
        self._collector = collector
        self.addFilter(lambda record: record.name.partition(".")[0] not in _SENDING)

    def emit(self, record: logging.LogRecord) -> None:
        """Passes one on."""
        attributes = {"logger": record.name}
        if record.exc_info:
            formatter = self.formatter or logging.Formatter()
            attributes["exception.stacktrace"] = formatter.formatException(record.exc_info)
        self._collector.emit(
            LogRecord(
                timestamp=int(record.created * 1e9),
                severity_text=record.levelname,
                severity_number=_severity(record.levelno),
                body=record.getMessage(),
                attributes=attributes,
            )
        )


def _severity(level: int) -> SeverityNumber:
    """Python counts levels in tens, OpenTelemetry in fours."""
    steps = min(max(level // 10, 1), 5)
    return SeverityNumber(4 * steps + 1)
