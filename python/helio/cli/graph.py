"""`helio graph`: the rules as a picture.

Above: `helio.cli`. Below: `helio.policy.picture`. Exit codes: 0 fine, 1 for an invalid
configuration, 2 usage or I/O.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("graph")(graph_command)


def graph_command(
    file: Annotated[
        Path | None, typer.Argument(help="The configuration.", show_default="helio.yaml")
    ] = None,
    config: Annotated[
        Path, typer.Option("-c", "--config", help="The configuration, as an option.")
    ] = Path("helio.yaml"),
    format_: Annotated[
        Literal["text", "dot", "mermaid", "json"],
        typer.Option("-f", "--format", help="What is printed."),
    ] = "text",
) -> None:
    """Show the rules as a picture: the way of a call, evidence between tools, labels, budgets.

    `helio graph -f dot | dot -Tsvg > policy.svg`; a Mermaid block in Markdown is drawn by GitHub.
    """
    from helio.cli import output as out
    from helio.cli.candidate import compiled_or_ended, loaded_for_trying
    from helio.policy.picture import as_dot, as_mermaid, as_text, draw

    path = file or config
    try:
        loaded = loaded_for_trying(path)
    except OSError as error:
        out.unreadable(path, error)
    drawing = draw(compiled_or_ended(loaded))
    if format_ == "json":
        out.print_json(drawing.as_object())
        return
    written = {"text": as_text, "dot": as_dot, "mermaid": as_mermaid}[format_](drawing)
    typer.echo(written, nl=False)
