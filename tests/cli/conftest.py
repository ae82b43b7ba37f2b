"""A directory to work in, and `helio` as people call it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]

HEAD = "version: '1'\nupstream: { url: 'http://localhost:8080/mcp' }\n"
CLEAN = HEAD + "policies:\n  rules:\n    - { match: { tool: 'delete_*' }, action: deny }\n"
WARNED = HEAD + "audit: { storage: sqlite }\n"
FAULTY = HEAD + "policies:\n  default: alow\n  rules:\n    - { mach: {}, action: deny }\n"


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def helio(directory: Path) -> Command:
    """`helio(*arguments, **environment)` as a process in `directory`, its output off a terminal."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        kept = {
            name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ
        }
        return subprocess.run(
            [sys.executable, "-m", "helio", *arguments],
            cwd=directory,
            env={**kept, **environment},
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run
