"""`helio start`: serves until SIGTERM or Ctrl-C.

Above: `helio.cli`. Below: `helio.app`, `helio.policy` (compiles what the file says now).
"""

from pathlib import Path
from typing import Annotated

import typer

from helio.cli.logs import LogFormat


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def start(
        config: Annotated[
            Path, typer.Option("-c", "--config", help="The configuration.", show_default=True)
        ] = Path("helio.yaml"),
        graph: Annotated[
            Path | None,
            typer.Option(
                help="Run this rule graph (from `helio compile -o`) in place of the file's rules."
            ),
        ] = None,
        log_level: Annotated[
            str, typer.Option(help="debug, info, warning or error; logs go to stderr.")
        ] = "info",
        log_format: Annotated[
            LogFormat, typer.Option(help="How the log looks: text, or one JSON object a line.")
        ] = LogFormat.TEXT,
    ) -> None:
        """Serve: agents on `listen`, operators on `dashboard`. Rules reload when the file is
        saved."""
        from helio.cli.serving import serve

        raise typer.Exit(serve(config, graph, log_level, log_format))
