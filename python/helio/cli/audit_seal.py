"""`helio audit seal`: days that are over go into the archive now, and what is too old goes.

Above: `audit`. Below: `audit_reading`, `helio.audit.sealer`. Runs beside a serving Helio and
without one. Exit codes: 0 fine, 2 usage or I/O.
"""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from helio.cli.audit_reading import Notes, configured_audit, fail

if TYPE_CHECKING:
    from helio.audit.sealing import Sealed
    from helio.config.sections import AuditConfig

_COMMAND = "audit seal"


def seal(
    directory: Annotated[
        Path | None,
        typer.Argument(
            help="The audit's directory, in place of the configured one.", metavar="[DIR]"
        ),
    ] = None,
    config: Annotated[
        Path, typer.Option("-c", "--config", help="The configuration, for its `audit` section.")
    ] = Path("helio.yaml"),
    after: Annotated[
        str | None,
        typer.Option(help="How long after its end a day is sealed; else audit.archive.after."),
    ] = None,
    format_: Annotated[
        Literal["text", "json"], typer.Option("-f", "--format", help="text or json.")
    ] = "text",
) -> None:
    """Seal the days that are over: their rows become Parquet files, and leave the journal.

    A Helio that serves does this at start and every day; `--after 0s` seals all but today. What
    `audit.retention` says is too old is deleted. Nothing leaves the journal before it was read back
    from the archive.
    """
    from helio.audit.directories import journals
    from helio.audit.sealer import told
    from helio.cli.output import print_json

    audit = configured_audit(_COMMAND, config, "-c FILE")
    where = directory or audit.path
    waits = _duration(after) if after is not None else min(audit.archive.after, audit.retention)
    shown = {}
    for journal in journals(where):
        name = journal.relative_to(where).as_posix()
        done = _sealed(journal, audit, waits)
        shown[name] = told(done)
        if format_ == "text":
            _show("" if name == "." else f"{name}: ", done)
    if format_ == "json":
        print_json({"journals": [{"journal": name, **each} for name, each in shown.items()]})


def _duration(text: str) -> int:
    from helio.config.scalars import UnfitValue, read_duration

    try:
        return int(read_duration(text, positive=False))
    except UnfitValue as error:
        fail(_COMMAND, f"--after: {error}")


def _sealed(journal: Path, audit: "AuditConfig", after: int) -> "Sealed":
    from helio.audit.archive import Archive
    from helio.audit.directories import archive_of
    from helio.audit.sealing import Terms, seal
    from helio.errors import HelioError

    notes = Notes(_COMMAND)
    terms = Terms(timedelta(milliseconds=after), timedelta(milliseconds=audit.retention))
    try:
        archive = Archive(archive_of(journal, audit.archive.path))
        return seal(journal, archive, terms, progress=notes.now_and_then)
    except (HelioError, OSError) as error:
        fail(_COMMAND, f"{journal}: {error}")


def _show(whose: str, done: "Sealed") -> None:
    for part in done.sealed:
        typer.echo(f"{whose}{part.date}: {part.rows} rows sealed, {part.size} bytes")
    for part in done.deleted:
        typer.echo(f"{whose}{part.date}: deleted, {part.rows} rows")
    if done.waiting is not None:
        typer.echo(f"{whose}{done.waiting}: not sealed yet, it has calls without an outcome")
    if done.kept:
        typer.echo(f"{whose}journal files of sealed days are being read, and go the next time")
    if not (done.sealed or done.deleted or done.waiting or done.kept):
        typer.echo(f"{whose}nothing to seal")
