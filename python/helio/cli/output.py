"""How commands speak: findings and errors for people, JSON for machines.

Above: the commands. Below: `helio.diagnostics`. Results go to stdout, everything else to stderr;
colour only on a terminal.
"""

import sys
from collections.abc import Iterable
from typing import NoReturn

import typer
from rich.console import Console
from rich.text import Text

from helio.cli.line_changes import line_changes
from helio.diagnostics import Diagnostic, SourceText
from helio.diagnostics.exact_json import json_text
from helio.diagnostics.rendering import Piece, rendered

FINDINGS = 1
"""Exit code: an invalid policy, a failed test, a regression."""
USAGE = 2
"""Exit code: the command could not do what it was asked."""

_STYLES = {
    "error": "bold red",
    "warning": "bold yellow",
    "note": "bold cyan",
    "place": "bold",
    "dim": "dim",
    "plain": "",
}


def console(*, errors: bool = False) -> Console:
    """A console that wraps nothing and colours only terminals."""
    return Console(stderr=errors, soft_wrap=True, highlight=False, markup=False, emoji=False)


def show(
    diagnostics: Iterable[Diagnostic], source: SourceText | None, *, errors: bool = False
) -> None:
    """Findings as text, one after the other; `errors` sends them to stderr."""
    out = console(errors=errors)
    for diagnostic in diagnostics:
        show_lines(rendered(diagnostic, source), out)
        out.print()


def show_lines(lines: Iterable[Iterable[Piece]], out: Console) -> None:
    """Lines of pieces in the styles of findings."""
    for line in lines:
        out.print(Text.assemble(*((piece.text, _STYLES[piece.style]) for piece in line)))


def print_json(value: object) -> None:
    """A JSON value on stdout."""
    sys.stdout.write(json_text(value, indent=2) + "\n")


def show_change(name: str, old: str, new: str, what: str) -> None:
    """What would change in a file, as a diff on stdout; `what` says what is done to it."""
    lines = line_changes(
        old.splitlines(keepends=True), new.splitlines(keepends=True), name, f"{name} ({what})"
    )
    for line in lines:
        ended = line.endswith("\n")
        sys.stdout.write(line if ended else f"{line}\n\\ No newline at end of file\n")


def fail(message: str, hint: str | None = None) -> NoReturn:
    """Ends the command with exit code 2, saying why and what to do."""
    out = console(errors=True)
    out.print(Text.assemble(("error", "bold red"), f": {message}"))
    if hint is not None:
        out.print(f"  hint: {hint}")
    raise typer.Exit(USAGE)


def unreadable(path: object, error: OSError) -> NoReturn:
    """Ends the command over a file that cannot be read."""
    hint = "`helio init` writes a first one" if isinstance(error, FileNotFoundError) else None
    fail(f"{path}: {error.strerror or error}", hint)
