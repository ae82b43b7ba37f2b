"""The command line: `helio`, one module a command.

Above: nothing. Below: everything. Importing this module loads no command's own dependencies: each
command imports what it needs when it runs.
"""

import gc
from typing import Annotated

import typer

from helio.cli import (
    approvals,
    audit,
    bench,
    compile,  # noqa: A004
    connect,
    demo,
    diff,
    explain,
    export,
    fmt,
    graph,
    hook,
    init,
    replay,
    schema,
    start,
    stdio,
    testing,
    tools,
)
from helio.cli.streams import with_output

COMMANDS = (
    init,
    compile,
    fmt,
    schema,
    testing,
    explain,
    graph,
    diff,
    replay,
    tools,
    start,
    stdio,
    connect,
    hook,
    approvals,
    export,
    audit,
    bench,
    demo,
)
"""The modules of the commands, in the order of `helio --help`. Each has `register(app)`."""

YOUNG_OBJECTS = 10_000
"""Objects made, and not freed, between two looks for cycles among them."""


def _print_version(wanted: bool) -> None:
    if wanted:
        from helio.evaluator import VERSION

        typer.echo(f"helio {VERSION}")
        raise typer.Exit


app = typer.Typer(
    name="helio",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


@app.callback()
def _helio(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Say the version."),
    ] = False,
) -> None:
    """Govern every tool call that AI agents make over MCP."""


for module in COMMANDS:
    module.register(app)


def main() -> None:
    """Runs the command line. Exit codes: 0 fine, 1 findings, 2 usage or I/O."""
    # Nearly all that is loaded now stays: looking through it every 700 objects is time lost.
    gc.set_threshold(YOUNG_OBJECTS)
    with_output(app)
