"""The log as lines of JSON."""

import json
import logging
import sys

from helio.telemetry.logs import JsonLines


def line(message: str, *values: object, failure: bool = False) -> dict[str, object]:
    found = None
    if failure:
        try:
            raise KeyError("gone")
        except KeyError:
            found = sys.exc_info()
    record = logging.LogRecord("helio.x", logging.WARNING, "f", 1, message, values, found)
    record.created = 1_767_323_045.678901
    text = JsonLines().format(record)
    assert "\n" not in text
    read: dict[str, object] = json.loads(text)
    return read


def test_a_record_is_one_object() -> None:
    assert line("lost %d of %s", 3, "é\n{}") == {
        "at": "2026-01-02T03:04:05.678901Z",
        "level": "warning",
        "logger": "helio.x",
        "message": "lost 3 of é\n{}",
    }


def test_a_failure_has_its_traceback() -> None:
    assert "KeyError: 'gone'" in str(line("failed", failure=True)["error"])
