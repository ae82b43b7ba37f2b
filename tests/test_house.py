"""Rules of this house that no other tool checks."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
PYTHON_LINES, RUST_LINES = 400, 500
TEXT_SUFFIXES = {
    ".py",
    ".pyi",
    ".rs",
    ".toml",
    ".md",
    ".yaml",
    ".yml",
    ".json",
    ".lock",
    ".txt",
    "",
}


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()]


def texts(suffixes: set[str]) -> Iterator[tuple[Path, str]]:
    for path in tracked():
        if path.suffix in suffixes:
            yield path.relative_to(ROOT), path.read_text("utf-8")


def test_files_are_rooms_not_halls() -> None:
    allowed = {".py": PYTHON_LINES, ".rs": RUST_LINES}
    long = {
        str(path): lines
        for path, text in texts(set(allowed))
        if (lines := text.count("\n")) > allowed[path.suffix]
    }
    assert long == {}


def test_nothing_names_a_machine_or_a_registry() -> None:
    # Spelt in pieces, because this file is tracked too.
    foreign = re.compile(
        "|".join(
            [
                r"/wo" r"rk/",
                r"/ro" r"ot/",
                r"pypi\.o" r"rg",
                r"npmjs\.o" r"rg",
                r"pythonhosted\.o" r"rg",
                r"static\.crates\.i" r"o",
            ]
        )
    )
    found = [
        f"{path}: {match[0]}"
        for path, text in texts(TEXT_SUFFIXES)
        for match in foreign.finditer(text)
    ]
    assert found == []


def test_locks_hold_hashes_and_no_host() -> None:
    locks = sorted((ROOT / "requirements").glob("*.lock"))
    assert len(locks) >= 4
    for path in locks:
        lock = path.read_text("utf-8")
        assert "://" not in lock
        for requirement in re.split(r"\n(?=\S)", lock.strip()):
            assert "--hash=sha256:" in requirement, requirement.splitlines()[0]
    npm = json.loads((ROOT / "tests/clients/package-lock.json").read_text("utf-8"))
    packages = [package for name, package in npm["packages"].items() if name]
    assert all("integrity" in package and "resolved" not in package for package in packages)


def test_the_runtime_lock_is_part_of_the_dev_lock() -> None:
    def pins(name: str) -> set[str]:
        lock = (ROOT / "requirements" / f"{name}.lock").read_text("utf-8")
        return set(re.findall(r"^[\w.-]+==\S+", lock, re.MULTILINE))

    assert pins("runtime") <= pins("dev")


def test_every_dependency_has_its_reason() -> None:
    reasons = (ROOT / "docs/dependencies.md").read_text("utf-8")
    given = set(re.findall(r"^\| `([^`]+)`", reasons, re.MULTILINE))
    assert given == set(_direct_dependencies())


def _direct_dependencies() -> Iterator[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    python = [*project["project"]["dependencies"]]
    for group in project["dependency-groups"].values():
        python += [entry for entry in group if isinstance(entry, str)]
    yield from (re.split(r"[<>=; \[]", requirement)[0] for requirement in python)
    workspace = tomllib.loads((ROOT / "Cargo.toml").read_text("utf-8"))
    for name, dependency in workspace["workspace"]["dependencies"].items():
        if not (isinstance(dependency, dict) and "path" in dependency):
            yield name
    yield from json.loads((ROOT / "tests/clients/package.json").read_text("utf-8"))["dependencies"]


def test_crates_take_their_dependencies_from_the_workspace() -> None:
    for manifest in (ROOT / "rust").glob("*/Cargo.toml"):
        crate = tomllib.loads(manifest.read_text("utf-8"))
        for name, dependency in crate.get("dependencies", {}).items():
            assert dependency.get("workspace") is True, f"{manifest}: {name}"


def test_figures_and_pages_that_the_docs_name_exist() -> None:
    pages = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    pages += sorted((ROOT / "docs").glob("**/*.md"))
    link = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)")
    missing = [
        f"{page.relative_to(ROOT)}: {match[1]}"
        for page in pages
        for match in link.finditer(page.read_text("utf-8"))
        if not (page.parent / match[1]).exists()
    ]
    assert missing == []


def test_the_changelog_knows_this_version() -> None:
    version = tomllib.loads((ROOT / "Cargo.toml").read_text("utf-8"))["workspace"]["package"][
        "version"
    ]
    headings = re.findall(
        r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
    )
    assert headings[0] == "Unreleased"
    assert version in headings or len(headings) == 1


def test_modules_say_what_they_are_for() -> None:
    silent = [
        str(path)
        for path, text in texts({".py", ".pyi"})
        if path.parts[0] == "python" and not ast.get_docstring(ast.parse(text))
    ]
    assert silent == []


def test_only_its_doors_import_the_extension() -> None:
    importers = {
        path.relative_to("python/helio").as_posix()
        for path, text in texts({".py"})
        if path.parts[0] == "python" and "helio._core" in set(_imported(ast.parse(text)))
    }
    assert importers == {"evaluator.py", "diagnostics/nodes.py"}


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_import_contracts_name_every_room() -> None:
    contracts = (ROOT / ".importlinter").read_text("utf-8")
    for room in _rooms():
        assert re.search(rf"^    (.*\| )?{room}( \|.*)?$", contracts, re.MULTILINE), room


def _rooms() -> set[str]:
    package = ROOT / "python/helio"
    return {
        path.stem
        for path in package.iterdir()
        if (path.is_dir() and (path / "__init__.py").exists())
        or (path.suffix == ".py" and not path.stem.startswith("__"))
    }


@pytest.mark.parametrize("module", ["helio.cli", "helio.config", "helio.policy"])
def test_what_starts_often_starts_light(module: str) -> None:
    heavy = {"mcp", "aiohttp", "duckdb", "uvloop"}
    loaded = subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert heavy.isdisjoint(loaded.stdout.split())


def test_examples_hold_the_policy_of_the_demo() -> None:
    packaged = (ROOT / "python/helio/demo/helio.yaml").read_bytes()
    assert (ROOT / "examples/demo/helio.yaml").read_bytes() == packaged


def test_tracked_yaml_is_readable() -> None:
    for path, text in texts({".yaml", ".yml"}):
        if path.parts[0] != "tests":
            assert list(yaml.safe_load_all(text)), path
