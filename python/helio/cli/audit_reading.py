"""What commands that read the audit share: filters, the audit's directory, notes of progress.

Above: `audit`, `export`, `replay`. Below: `helio.audit.query`, `helio.config`.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

if TYPE_CHECKING:
    from helio.audit.query import Filters
    from helio.config.sections import AuditConfig

_PATIENCE = 1.0
"""Seconds before the first note of progress, and between notes."""


def parsed_filters(command: str, options: Mapping[str, str | bool | int | None]) -> "Filters":
    """As the operator API reads them, so that both take the same. Ends the command for others."""
    from helio.audit.query import Filters
    from helio.errors import FilterError

    try:
        return Filters.parse(
            {
                name: str(value).lower() if isinstance(value, bool) else str(value)
                for name, value in options.items()
                if value is not None
            }
        )
    except FilterError as error:
        fail(command, f"--{error}")


def configured_audit(command: str, config: Path, instead: str) -> "AuditConfig":
    """What a configuration says of the audit. Ends the command when it cannot be read; `instead` is
    how its directory can be named without one."""
    from helio.config import load_config
    from helio.diagnostics.rendering import plain_text

    try:
        loaded = load_config(config, environment=os.environ, purpose="compile")
    except OSError as error:
        why = error.strerror or error
        fail(command, f"{config}: {why}. Name the audit's directory by {instead}.")
    if loaded.config is None:
        for diagnostic in loaded.diagnostics:
            if diagnostic.severity == "error":
                typer.echo(plain_text(diagnostic, loaded.source), err=True)
        typer.echo(f"helio {command}: {instead} needs no configuration", err=True)
        raise typer.Exit(1)
    return loaded.config.audit


class Notes:
    """What a person sees on stderr when it takes more than a moment."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._next = time.monotonic() + _PATIENCE
        self.noted = False

    def say(self, text: str) -> None:
        """Says it now."""
        typer.echo(f"helio {self._command}: {text}", err=True)

    def now_and_then(self, text: str) -> None:
        """Says it when nothing was said for a moment."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _PATIENCE
        self.noted = True
        self.say(text)

    def reading(self, done: int, total: int) -> None:
        """How much of the journal was read, bytes."""
        self.now_and_then(f"reading the journal: {done / 1e6:.0f} of {total / 1e6:.0f} MB")


def fail(command: str, text: str) -> NoReturn:
    """Ends the command with exit code 2."""
    typer.echo(f"helio {command}: {text}", err=True)
    raise typer.Exit(2)
