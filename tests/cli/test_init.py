"""`helio init`: what it writes is private, never overwrites unasked, and compiles clean."""

import json
import os
import re
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from helio.cli import app
from helio.policy import compile_file
from helio.policy.schema import schema

pytestmark = pytest.mark.usefixtures("directory")


def helio_init(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["init", *arguments])


def secret_of(path: Path) -> str:
    found = re.search(r"api_secret: '?([^'\s]+)", path.read_text("utf-8"))
    assert found is not None
    return found[1]


def test_it_writes_a_file_for_its_owner_alone() -> None:
    before = os.umask(0)
    try:
        result = helio_init()
    finally:
        os.umask(before)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "helio.yaml" in result.stdout
    assert stat.S_IMODE(Path("helio.yaml").stat().st_mode) == 0o600
    assert {path.name for path in Path().iterdir()} == {"helio.yaml", "helio.schema.json"}
    first = Path("helio.yaml").read_text("utf-8").partition("\n")[0]
    assert first == "# yaml-language-server: $schema=helio.schema.json"


def test_the_schema_beside_it_is_that_of_this_version_unless_one_is_there() -> None:
    helio_init()
    assert json.loads(Path("helio.schema.json").read_bytes()) == schema()
    Path("helio.schema.json").write_text("{}", "utf-8")
    helio_init("-c", "other.yaml")
    assert Path("helio.schema.json").read_text("utf-8") == "{}"
    helio_init("--force")
    assert json.loads(Path("helio.schema.json").read_bytes()) == schema()


def test_what_it_writes_compiles_without_a_finding() -> None:
    helio_init()
    compiled = compile_file(Path("helio.yaml"), {}, "run")
    assert list(compiled.diagnostics) == []
    assert compiled.policy is not None
    assert [rule.label for rule in compiled.policy.rules] == ["nothing-is-deleted"]
    assert CliRunner().invoke(app, ["compile", "--strict"]).exit_code == 0


def test_what_it_only_suggests_compiles_too() -> None:
    helio_init()
    text = Path("helio.yaml").read_text("utf-8")
    suggested = re.sub(r"(?m)^    # (- |  )", r"    \1", text)
    assert suggested != text
    Path("helio.yaml").write_text(suggested, "utf-8")
    compiled = compile_file(Path("helio.yaml"), {}, "run")
    assert list(compiled.diagnostics) == []
    assert compiled.policy is not None
    assert len(compiled.policy.rules) > 1


def test_each_file_has_a_secret_of_its_own_that_is_not_printed() -> None:
    results = [helio_init("-c", name) for name in ("a.yaml", "b.yaml")]
    secrets = {secret_of(Path("a.yaml")), secret_of(Path("b.yaml"))}
    assert len(secrets) == 2
    for secret in secrets:
        assert len(secret) >= 32
        assert all(secret not in result.output for result in results)


def test_it_does_not_overwrite() -> None:
    Path("helio.yaml").write_text("mine", "utf-8")
    result = helio_init()
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--force" in result.stderr
    assert Path("helio.yaml").read_text("utf-8") == "mine"


def test_it_does_not_write_through_a_link_to_nothing() -> None:
    Path("helio.yaml").symlink_to("elsewhere.yaml")
    result = helio_init()
    assert result.exit_code == 2
    assert not Path("elsewhere.yaml").exists()


def test_it_overwrites_when_forced() -> None:
    Path("helio.yaml").write_text("mine", "utf-8")
    Path("helio.yaml").chmod(0o644)
    assert helio_init("--force").exit_code == 0
    assert Path("helio.yaml").read_text("utf-8").startswith("#")
    assert stat.S_IMODE(Path("helio.yaml").stat().st_mode) == 0o600
    assert {path.name for path in Path().iterdir()} == {"helio.yaml", "helio.schema.json"}


def test_a_directory_that_is_not_there() -> None:
    result = helio_init("-c", "nowhere/helio.yaml")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "nowhere/helio.yaml" in result.stderr
