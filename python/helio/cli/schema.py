"""`helio schema`: the JSON Schema of `helio.yaml`, for editors, and the OpenAPI document of
the SDK port.

Above: `helio.cli`. Below: `helio.policy.schema`, `helio.sideband.openapi`.
"""

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("schema")(schema_command)


def schema_command(
    openapi: Annotated[
        bool, typer.Option("--openapi", help="The OpenAPI document of the SDK port instead.")
    ] = False,
) -> None:
    """Print the JSON Schema of `helio.yaml`, by which editors complete and check it.

    `helio schema > helio.schema.json`, and as the first line of `helio.yaml`:
    `# yaml-language-server: $schema=helio.schema.json`
    """
    from helio.cli import output as out

    if openapi:
        from helio.sideband.openapi import document

        out.print_json(document())
        return
    from helio.policy.schema import schema

    out.print_json(schema())
