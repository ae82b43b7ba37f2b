"""`helio schema`: the JSON Schema of `helio.yaml`, for editors.

Above: `helio.cli`. Below: `helio.policy.schema`.
"""

import typer


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("schema")(schema_command)


def schema_command() -> None:
    """Print the JSON Schema of `helio.yaml`, by which editors complete and check it.

    `helio schema > helio.schema.json`, and as the first line of `helio.yaml`:
    `# yaml-language-server: $schema=helio.schema.json`
    """
    from helio.cli import output as out
    from helio.policy.schema import schema

    out.print_json(schema())
