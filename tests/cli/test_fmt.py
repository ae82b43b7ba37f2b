"""`helio fmt`: what it writes and where, its exit codes, and the example in docs/formatting.md."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from helio.cli import app
from helio.policy.formatting import formatted

ROOT = Path(__file__).resolve().parents[2]
OLD, NEW = re.findall(
    r"```yaml\n(.*?)```", (ROOT / "docs" / "formatting.md").read_text("utf-8"), re.DOTALL
)


def fmt(*arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(app, ["fmt", *arguments], input=given)


@pytest.mark.usefixtures("directory")
class TestFmt:
    def test_the_file_is_written_with_its_permissions(self) -> None:
        file = Path("helio.yaml")
        file.write_text(OLD, "utf-8")
        file.chmod(0o600)
        result = fmt()
        assert (result.exit_code, result.stdout) == (0, "")
        assert result.stderr == "1 file reformatted, 0 files unchanged\n"
        assert file.read_text("utf-8") == NEW
        assert file.stat().st_mode & 0o777 == 0o600
        before = file.stat().st_mtime_ns, file.stat().st_ino
        assert fmt().stderr == "0 files reformatted, 1 file unchanged\n"
        assert (file.stat().st_mtime_ns, file.stat().st_ino) == before

    def test_check_writes_nothing_and_shows_the_difference(self) -> None:
        Path("a.yaml").write_text(OLD, "utf-8")
        Path("b.yaml").write_text(NEW, "utf-8")
        result = fmt("--check", "a.yaml", "b.yaml")
        assert result.exit_code == 1
        assert result.stdout.startswith("--- a.yaml\n+++ a.yaml (formatted)\n@@ ")
        assert '-      name: "deletes"  # nobody deletes\n' in result.stdout
        assert "+    - name: deletes  # nobody deletes\n" in result.stdout
        assert result.stderr == "1 file would be reformatted, 1 file unchanged\n"
        assert Path("a.yaml").read_text("utf-8") == OLD
        assert fmt("--check", "b.yaml").exit_code == 0

    def test_stdin_to_stdout(self) -> None:
        result = fmt("-", given=OLD)
        assert (result.exit_code, result.stdout) == (0, NEW)
        assert fmt("--check", "-", given=OLD).exit_code == 1

    def test_what_cannot_be_formatted_is_left_and_told_and_the_others_are_done(self) -> None:
        Path("broken.yaml").write_text("a: [1,\n", "utf-8")
        Path("latin.yaml").write_bytes(b"a: \xe9\n")
        Path("good.yaml").write_text("a:   1\n", "utf-8")
        result = fmt("broken.yaml", "none.yaml", "latin.yaml", "good.yaml")
        assert (result.exit_code, result.stdout) == (2, "")
        assert "broken.yaml:1:4: error[HL001]" in result.stderr
        assert "broken.yaml: the file has faults of form; it is left as it is\n" in result.stderr
        assert "error: none.yaml: No such file or directory\n" in result.stderr
        assert "error: latin.yaml: the file is not UTF-8\n" in result.stderr
        assert Path("broken.yaml").read_text("utf-8") == "a: [1,\n"
        assert Path("good.yaml").read_text("utf-8") == "a: 1\n"


@pytest.mark.usefixtures("directory")
def test_what_helio_writes_itself_is_formatted() -> None:
    assert CliRunner().invoke(app, ["init"]).exit_code == 0
    assert fmt("--check").exit_code == 0
    own = [ROOT / "python" / "helio" / "demo" / "helio.yaml", *ROOT.glob("examples/**/helio.yaml")]
    for path in own:
        text = path.read_text("utf-8")
        assert formatted(text) == text, path
