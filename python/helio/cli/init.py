"""`helio init`: writes a first, commented configuration.

Above: `helio.cli`. Below: `helio.policy.formatting`: some secrets need quotes.
"""

import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

SCHEMA = "helio.schema.json"
"""The schema's name beside the configuration."""

TEMPLATE = """\
# yaml-language-server: $schema=helio.schema.json
# Helio's configuration. `helio compile` checks it; `helio start` serves it.
version: '1'

# The MCP server that holds the tools. Helio calls it on the agent's behalf.
upstream:
  url: 'http://localhost:8080/mcp'

# Where agents connect, in place of the server: http://127.0.0.1:3000/mcp
listen:
  port: 3000

# The operator port. The secret was made for this file; keep it out of version control, or
# write '${{HELIO_DASHBOARD_SECRET}}' here and set the variable.
dashboard:
  port: 3100
  api_secret: '{secret}'

# Every call is written here before it is forwarded.
audit:
  path: ./helio-audit

# The first rule that matches decides. Saved changes are taken up while Helio runs.
policies:
  default: allow
  rules:
    - name: nothing-is-deleted
      match:
        tool: 'delete_*'
      action: deny
      feedback:
        message: 'Nothing may be deleted here.'
        suggestion: 'Ask a person to do it.'

    # - name: searches-per-hour
    #   match: {{ tool: 'search_*' }}
    #   action: rate_limit
    #   limits: {{ max_calls: 100, window: 1h }}

    # - name: payments-per-day
    #   match: {{ tool: create_payment }}
    #   action: spend_limit
    #   limits:
    #     max_spend: {{ field: '$.amount', limit: 5000, currency: GBP, window: 24h }}
"""


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("init")(init_command)


def init_command(
    config: Annotated[Path, typer.Option("-c", "--config", help="The file to write.")] = Path(
        "helio.yaml"
    ),
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
) -> None:
    """Write a commented `helio.yaml` with a secret of its own, readable by you alone.

    Beside it stands its JSON Schema, by which editors complete and check it.
    """
    from helio.cli import output as out
    from helio.policy.formatting import formatted

    text = formatted(TEMPLATE.format(secret=secrets.token_urlsafe(32)))
    try:
        _write(config, text, overwrite=force)
    except FileExistsError:
        out.fail(f"{config} is there already", "use --force to overwrite it")
    except OSError as error:
        out.fail(f"{config}: {error.strerror or error}")
    from importlib.resources import files

    schema = config.with_name(SCHEMA)
    try:
        if force or not schema.exists():
            schema.write_bytes(files("helio").joinpath(SCHEMA).read_bytes())
    except OSError as error:
        out.fail(f"{schema}: {error.strerror or error}")
    typer.echo(f"Wrote {config} and {schema}. Set `upstream.url`, then: helio compile, helio start")


def _write(path: Path, text: str, *, overwrite: bool) -> None:
    """A file for its owner alone. Raises `FileExistsError` when it is there and not to be
    overwritten.
    """
    # A secret is never written into a file that others may have open: a new one takes its place.
    new = path.with_name(f".{path.name}.{os.getpid()}") if overwrite else path
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    if overwrite:
        new.replace(path)
