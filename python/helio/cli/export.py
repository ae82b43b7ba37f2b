"""`helio export`: the audit, or a budget's ledger, as JSON, CSV or Parquet, while Helio runs and
after it stopped.

Above: `helio.cli`. Below: `audit_reading`, `helio.audit.export`, `helio.audit.query`.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, NamedTuple

import typer

from helio.cli.audit_reading import Notes, configured_audit, fail, parsed_filters

if TYPE_CHECKING:
    from helio.audit.query import Filters

_FORMATS = ("json", "csv", "parquet")


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
        archive: Annotated[
            str | None,
            typer.Option(help="Where sealed days are: a directory or URL, if not configured."),
        ] = None,
        output_format: Annotated[
            str, typer.Option("-f", "--format", help="json, csv or parquet.")
        ] = "json",
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
        if output_format not in _FORMATS:
            fail("export", f"--format {output_format}: there are json, csv and parquet")
        filters = parsed_filters(
            "export",
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
            },
        )
        if audit_path is None:
            configured = configured_audit("export", config, "--audit-path DIR")
            audit_path = configured.path
            archive = archive or configured.archive.path
        _export(Places(audit_path, archive), output_format, output, filters, budgets)


class Places(NamedTuple):
    """The audit's directory, and where its sealed days are, unless they are in it."""

    directory: Path
    archive: str | None


def _export(
    places: Places,
    output_format: str,
    output: Path | None,
    filters: "Filters",
    budget: str | None,
) -> None:
    from helio.audit.export import AUDIT, LEDGER, all_opened, merged, write
    from helio.errors import IndexUnavailable, JournalDamaged

    notes = Notes("export")
    try:
        with all_opened(places.directory, notes.reading, places.archive) as sources:
            if torn := sum(source.torn for source in sources):
                notes.say(f"left out {torn} bytes at the end, of a line never written whole")
            with _destination(output) as out:
                rows = merged(sources, filters, budget)
                number = write(rows, output_format, out, AUDIT if budget is None else LEDGER)
            if notes.noted:
                notes.say(f"{number} rows")
            if not number and budget is not None:
                notes.say(f"there is no charge of a budget called {budget}")
    except JournalDamaged as error:
        fail("export", f"the journal in {places.directory} is damaged: {error}")
    except (IndexUnavailable, OSError) as error:
        fail("export", str(error))


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
