"""`helio schema`: the schema alone, on stdout."""

import json

from typer.testing import CliRunner

from helio.cli import app
from helio.policy.schema import schema


def test_the_schema_is_printed() -> None:
    result = CliRunner().invoke(app, ["schema"])
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout) == schema()
