"""Where Helio's log goes, and how it looks: text for people, or lines of JSON.

Above: `start`, `stdio`. Below: `helio.telemetry.logs`, rich.
"""

import logging
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


class LogFormat(StrEnum):
    """How the log on stderr looks."""

    TEXT = "text"
    JSON = "json"


def log_to(console: "Console", level: str, form: LogFormat = LogFormat.TEXT) -> None:
    """Sends what is logged from this level on to the console, or to stderr as JSON."""
    handler: logging.Handler
    if form is LogFormat.JSON:
        from helio.telemetry.logs import JsonLines

        handler = logging.StreamHandler()
        handler.setFormatter(JsonLines())
    else:
        from rich.logging import RichHandler

        handler = RichHandler(console=console, show_path=False, markup=False)
        handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    # It tells every change in the directory, which may hold Helio's own files.
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
