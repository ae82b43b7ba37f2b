"""What of everything that a Helio writes must not be written: the rules of the configuration, its
own secrets, and the key of the hashes that stand for what is hidden.

Above: `helio.app.application`. Below: `helio.evaluator` (the redactor), `helio.config`.
"""

import logging
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import orjson
from pydantic import BaseModel, SecretStr

from helio.config.sections import AuditConfig, DashboardConfig, HelioConfig
from helio.errors import StartFailed
from helio.evaluator import Redactor

KEY_FILE: Final = "redaction.key"
_KEY_BYTES: Final = 32
_KEY: Final = re.compile(rf"[0-9a-f]{{{2 * _KEY_BYTES}}}\n?")
_TRACEBACKS: Final = logging.Formatter()


class Redaction:
    """The redactor of one Helio. `hash_key` is the key where rules redact, else None."""

    def __init__(self, config: HelioConfig, *made: str | None) -> None:
        """Reads the key, or makes it, in the audit's directory, which must be there. `made` are
        secrets that no configuration names.

        Raises `StartFailed`.
        """
        key = _key(config.audit)
        self._known = {*configured_secrets(config), *filter(None, made), key.hex()}
        try:
            self.redactor = Redactor(_rules(config.audit), key, sorted(self._known))
        except ValueError as error:
            raise StartFailed(f"`audit.redact`: {error}", "Correct it in helio.yaml.") from error
        self.hash_key = key if self.redactor.has_rules else None
        self._filter = _LogFilter(self.redactor)

    def know(self, config: HelioConfig) -> None:
        """Hides the secrets of another configuration, too, from now on and everywhere; those that
        were known stay hidden. Raises `StartFailed`, and then hides none of the new ones."""
        known = self._known | set(configured_secrets(config))
        if known == self._known:
            return
        try:
            self.redactor.know(sorted(known))
        except ValueError as error:
            raise StartFailed(str(error), "Use fewer or shorter secrets.") from error
        self._known = known

    def hide_in_logs(self) -> None:
        """Has every handler that the process has now write nothing that is hidden."""
        for handler in logging.getLogger().handlers:
            handler.addFilter(self._filter)

    def release_logs(self) -> None:
        """Takes that back."""
        for handler in logging.getLogger().handlers:
            handler.removeFilter(self._filter)


class _LogFilter(logging.Filter):
    """Changes records on their way to a handler; keeps all of them."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        shown = self._redactor.text(message)
        if shown != message:
            record.msg, record.args = shown, ()
        if record.exc_info:
            trace = record.exc_text or _TRACEBACKS.formatException(record.exc_info)
            shown = self._redactor.text(trace)
            if shown != trace:
                record.exc_info, record.exc_text = None, shown
        return True


def made_secret(dashboard: DashboardConfig) -> str | None:
    """A new secret for operators; None where the configuration names one, or nobody needs one."""
    if dashboard.api_secret is not None or dashboard.allow_open_mode:
        return None
    return secrets.token_urlsafe(32)


def configured_secrets(config: BaseModel) -> Iterator[str]:
    """Every secret of a configuration: whole, without the scheme of credentials before it, and line
    by line, as a key of several lines comes in texts."""
    for _, value in config:
        yield from _secrets(value)


def _secrets(value: object) -> Iterator[str]:
    match value:
        case SecretStr():
            secret = value.get_secret_value()
            yield secret
            yield secret.partition(" ")[2]
            yield from (line.strip() for line in secret.splitlines())
        case BaseModel():
            yield from configured_secrets(value)
        case Mapping():
            for member in value.values():
                yield from _secrets(member)
        case tuple():
            for item in value:
                yield from _secrets(item)


def _rules(audit: AuditConfig) -> bytes:
    return orjson.dumps([rule.model_dump() for rule in audit.redact])


def _key(audit: AuditConfig) -> bytes:
    """The configured key, else that of the audit's directory, made at the first start."""
    if audit.redaction_key is not None:
        return audit.redaction_key.get_secret_value().encode()
    path = audit.path / KEY_FILE
    try:
        return _read_key(path)
    except FileNotFoundError:
        return _make_key(path)
    except OSError as error:
        raise StartFailed(f"{path}: {error.strerror or error}", "Is it readable?") from error


def _read_key(path: Path) -> bytes:
    text = path.read_text(encoding="ascii", errors="replace")
    if _KEY.fullmatch(text) is None:
        hint = (
            "Restore the file, or delete it: a new key is made, and what is hidden from then on "
            "cannot be compared with what was hidden before."
        )
        raise StartFailed(f"{path} does not hold a key of {2 * _KEY_BYTES} hex digits", hint)
    return bytes.fromhex(text)


def _make_key(path: Path) -> bytes:
    """Whole or not at all, whenever the process ends."""
    key = secrets.token_bytes(_KEY_BYTES)
    draft = path.with_suffix(".new")
    try:
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(key.hex() + "\n")
            file.flush()
            os.fsync(descriptor)
        draft.replace(path)
    except OSError as error:
        raise StartFailed(f"{path}: {error.strerror or error}", "Is there room?") from error
    return key
