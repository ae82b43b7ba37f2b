"""`helio schema`: the schema alone, on stdout."""

import json
from importlib.resources import files
from pathlib import Path

from typer.testing import CliRunner

from helio.cli import app
from helio.policy.schema import schema
from helio.sideband.openapi import document


def test_the_schema_is_printed() -> None:
    result = CliRunner().invoke(app, ["schema"])
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout) == schema()


def test_the_schema_in_the_package_is_this_one() -> None:
    # `helio schema > python/helio/helio.schema.json` writes it anew.
    published = files("helio").joinpath("helio.schema.json").read_text("utf-8")
    assert published == CliRunner().invoke(app, ["schema"]).stdout


def test_the_openapi_document_beside_the_documentation_is_this_one() -> None:
    # `helio schema --openapi > docs/openapi.json` writes it anew.
    shown = CliRunner().invoke(app, ["schema", "--openapi"]).stdout
    published = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"
    assert published.read_text("utf-8") == shown
    assert json.loads(shown) == document()
