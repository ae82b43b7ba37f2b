"""`helio stdio`: Helio as a stdio server, for clients that start a command.

Above: `helio.cli`. Below: `helio.cli.stdio_serving`.
"""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def stdio(
        command: Annotated[
            list[str] | None,
            typer.Argument(metavar="[-- CMD ARG…]", help="The stdio server to stand in front of."),
        ] = None,
        *,
        config: Annotated[
            Path | None,
            typer.Option(
                "-c", "--config", help="The configuration; helio.yaml where there is one."
            ),
        ] = None,
        upstream: Annotated[
            str | None,
            typer.Option(help="A configured upstream, in place of a command."),
        ] = None,
        name: Annotated[
            str | None,
            typer.Option(help="What rules and the audit call the command's server."),
        ] = None,
        operator: Annotated[
            bool, typer.Option("--operator", help="Open the operator port of `dashboard` too.")
        ] = False,
        log_level: Annotated[
            str, typer.Option(help="debug, info, warning or error; logs go to stderr.")
        ] = "warning",
    ) -> None:
        """Stand between a client on standard input and output and one server.

        The server is a command behind `--`, or an upstream of the configuration. Everything else
        of the configuration applies, but no port is opened. Ends with standard input.
        """
        from helio.cli import output
        from helio.cli.stdio_served import Served
        from helio.cli.stdio_serving import serve

        if command and upstream is not None:
            output.fail("a command and --upstream exclude each other")
        if name is not None and not command:
            output.fail("--name is for a command", "--upstream NAME takes a configured one")
        served = Served(tuple(command or ()), upstream, name)
        raise typer.Exit(serve(served, config, operator=operator, log_level=log_level))
