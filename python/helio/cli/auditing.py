"""What commands on an audit share: which directory is meant, and what people see of long work.

Above: `export`, `audit`. Below: `helio.config`. Everything here goes to stderr.
"""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

if TYPE_CHECKING:
    from helio.config.sections import AuditConfig

_PATIENCE = 1.0
"""Seconds before the first note of progress, and between notes."""


def configured(command: str, config: Path, instead: str) -> "AuditConfig":
    """What a configuration says of the audit; `instead` says how to do without one. Ends the
    command when it cannot be read."""
    from helio.config import load_config
    from helio.diagnostics.rendering import plain_text

    try:
        loaded = load_config(config, environment=os.environ, purpose="compile")
    except OSError as error:
        fail(command, f"{config}: {error.strerror or error}. {instead}")
    if loaded.config is None:
        for diagnostic in loaded.diagnostics:
            if diagnostic.severity == "error":
                typer.echo(plain_text(diagnostic, loaded.source), err=True)
        typer.echo(f"helio {command}: {instead}", err=True)
        raise typer.Exit(1)
    return loaded.config.audit


def fail(command: str, text: str) -> NoReturn:
    """Ends the command with exit code 2."""
    typer.echo(f"helio {command}: {text}", err=True)
    raise typer.Exit(2)


class Notes:
    """What a person sees when `command` takes more than a moment."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._next = time.monotonic() + _PATIENCE
        self.noted = False

    def say(self, text: str) -> None:
        """A sentence, at once."""
        typer.echo(f"helio {self._command}: {text}", err=True)

    def reading(self, done: int, total: int) -> None:
        """How far it is, in bytes; said now and then."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _PATIENCE
        self.noted = True
        self.say(f"reading the journal: {done / 1e6:.0f} of {total / 1e6:.0f} MB")
