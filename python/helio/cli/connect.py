"""`helio connect`: leads the servers that an MCP client has configured through Helio, and back.

Above: `helio.cli`. Below: `connecting`, `connect_shown`.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

ClientName = Literal["claude-desktop", "claude-code", "cursor", "vscode"]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("connect")(connect)


def connect(
    client: Annotated[ClientName, typer.Argument(help="The client whose servers are meant.")],
    config: Annotated[
        Path, typer.Option("-c", "--config", help="The configuration that governs the servers.")
    ] = Path("helio.yaml"),
    *,
    file: Annotated[
        Path | None, typer.Option(help="The client's file, where it is not the usual one.")
    ] = None,
    project: Annotated[
        Path | None, typer.Option(help="The project whose own file is meant, not the user's.")
    ] = None,
    program: Annotated[
        str | None,
        typer.Option("--helio", help="What the client starts; this installation's `helio`."),
    ] = None,
    format_: Annotated[
        Literal["text", "json"], typer.Option("-f", "--format", help="What is told of it.")
    ] = "text",
    undo: Annotated[bool, typer.Option("--undo", help="Lead the servers back.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")
    ] = False,
    print_: Annotated[
        bool, typer.Option("--print", help="Print the new file, and change nothing.")
    ] = False,
) -> None:
    """Lead a client's MCP servers through Helio.

    Servers that are commands are started by `helio stdio` from then on; those at a URL that is one
    of the configuration's upstreams are reached at Helio. All else of the file stays as it is, and
    a copy of it as it was lies beside it. Ends with 1 when a server was left as it is.
    """
    from helio.cli import connect_shown, connecting
    from helio.cli import output as out

    if file is not None and project is not None:
        out.fail("--file and --project exclude each other")
    if print_ and (dry_run or format_ == "json"):
        out.fail("--print prints the file alone", "leave --dry-run and --format away")
    place = connecting.place_of(client, file, project)
    if undo:
        planned = connecting.undoing(client, place)
    else:
        planned = connecting.connecting(client, place, connecting.door(config, program))
    if print_:
        typer.echo(planned.after, nl=False)
    elif not dry_run:
        connecting.write(planned)
    if format_ == "json":
        connect_shown.as_json(planned, written=not dry_run)
    else:
        connect_shown.as_text(planned, dry_run=dry_run, quiet=print_)
    if planned.left:
        raise typer.Exit(out.FINDINGS)
