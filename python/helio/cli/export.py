"""`helio export`: the audit, or a budget's ledger, as JSON or CSV, while Helio runs and after it
stopped.

Above: `helio.cli`. Below: `helio.audit.export`, `helio.audit.query`, `helio.config` (where the
audit is).
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, NoReturn

import typer

if TYPE_CHECKING:
    from helio.audit.query import Filters

_PATIENCE = 1.0
"""Seconds before the first note of progress, and between notes."""
_FORMATS = ("json", "csv")


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def export(
        *,
        config: Annotated[
            Path, typer.Option("-c", "--config", help="The configuration, for its `audit.path`.")
        ] = Path("helio.yaml"),
        audit_path: Annotated[
            Path | None, typer.Option(help="The audit's directory; no configuration is read.")
        ] = None,
        output_format: Annotated[str, typer.Option("-f", "--format", help="json or csv.")] = "json",
        output: Annotated[
            Path | None, typer.Option("-o", "--output", help="A file, in place of stdout.")
        ] = None,
        budgets: Annotated[str | None, typer.Option(help="One budget's ledger.")] = None,
        tool: Annotated[str | None, typer.Option(help="A part of the tool's name.")] = None,
        decision: Annotated[str | None, typer.Option(help="For example allow or deny.")] = None,
        reason: Annotated[str | None, typer.Option(help="Why calls were blocked.")] = None,
        blocked: Annotated[
            bool | None, typer.Option("--blocked/--not-blocked", help="Kept from going through.")
        ] = None,
        session: Annotated[str | None, typer.Option(help="One session.")] = None,
        agent: Annotated[str | None, typer.Option(help="One agent.")] = None,
        upstream: Annotated[str | None, typer.Option(help="One upstream.")] = None,
        origin: Annotated[str | None, typer.Option(help="The door that calls came by.")] = None,
        record_kind: Annotated[str | None, typer.Option(help="For example tool_call.")] = None,
        dry_run: Annotated[
            bool | None, typer.Option("--dry-run/--no-dry-run", help="Dry runs only, or none.")
        ] = None,
        since: Annotated[
            str | None, typer.Option("--from", help="ISO 8601, included; UTC unless it says more.")
        ] = None,
        until: Annotated[str | None, typer.Option("--to", help="ISO 8601, not included.")] = None,
        limit: Annotated[int | None, typer.Option(min=0, help="Rows at most.")] = None,
        offset: Annotated[int, typer.Option(min=0, help="Rows to leave out first.")] = 0,
    ) -> None:
        """Export the audit, one row per call, or one budget's charges; oldest first.

        Complete while Helio runs, after it stopped, and after it was killed. Times are UTC.
        """
        if output_format == "parquet":
            _fail("--format parquet is not available in this version")
        if output_format not in _FORMATS:
            _fail(f"--format {output_format}: there are json and csv")
        filters = _filters(
            {
                "tool": tool,
                "decision": decision,
                "reason": reason,
                "blocked": blocked,
                "session": session,
                "agent": agent,
                "upstream": upstream,
                "origin": origin,
                "record_kind": record_kind,
                "dry_run": dry_run,
                "from": since,
                "to": until,
                "limit": limit,
                "offset": offset,
            }
        )
        directory = audit_path if audit_path is not None else _configured(config)
        _export(directory, output_format, output, filters, budgets)


def _filters(options: dict[str, str | bool | int | None]) -> "Filters":
    """As the operator API reads them, so that both take the same."""
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
        _fail(f"--{error}")


def _configured(config: Path) -> Path:
    """The directory that a configuration names."""
    from helio.config import load_config
    from helio.diagnostics.rendering import plain_text

    try:
        loaded = load_config(config, environment=os.environ, purpose="compile")
    except OSError as error:
        _fail(f"{config}: {error.strerror or error}. Name the audit's directory by --audit-path.")
    if loaded.config is None:
        for diagnostic in loaded.diagnostics:
            if diagnostic.severity == "error":
                typer.echo(plain_text(diagnostic, loaded.source), err=True)
        typer.echo("helio export: --audit-path DIR needs no configuration", err=True)
        raise typer.Exit(1)
    return loaded.config.audit.path


def _export(
    directory: Path,
    output_format: str,
    output: Path | None,
    filters: "Filters",
    budget: str | None,
) -> None:
    from helio.audit.export import AUDIT, LEDGER, all_opened, merged, write
    from helio.errors import JournalDamaged

    notes = _Notes()
    try:
        with all_opened(directory, notes.reading) as sources:
            if torn := sum(source.torn for source in sources):
                notes.say(f"left out {torn} bytes at the end, of a line never written whole")
            with _destination(output) as out:
                rows = merged(sources, filters, budget)
                number = write(rows, output_format, out, AUDIT if budget is None else LEDGER)
            notes.done(number)
            if not number and budget is not None:
                notes.say(f"there is no charge of a budget called {budget}")
    except BrokenPipeError:
        # Whoever read has enough. Python's own last flush must not meet the closed pipe again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except JournalDamaged as error:
        _fail(f"the journal in {directory} is damaged: {error}")
    except OSError as error:
        _fail(str(error))


@contextmanager
def _destination(output: Path | None) -> Iterator[BinaryIO]:
    """Stdout, or a file that appears under its name only when it is whole."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    partial = output.with_name(f".{output.name}.partial")
    try:
        with partial.open("wb") as file:
            yield file
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)


class _Notes:
    """What a person sees on stderr when it takes more than a moment."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _PATIENCE
        self._noted = False

    def say(self, text: str) -> None:
        typer.echo(f"helio export: {text}", err=True)

    def reading(self, done: int, total: int) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _PATIENCE
        self._noted = True
        self.say(f"reading the journal: {done / 1e6:.0f} of {total / 1e6:.0f} MB")

    def done(self, number: int) -> None:
        if self._noted:
            self.say(f"{number} rows")


def _fail(text: str) -> NoReturn:
    typer.echo(f"helio export: {text}", err=True)
    raise typer.Exit(2)
