"""What importing the SDK costs: bounded by what it loads, which no busy machine changes."""

import subprocess
import sys
from pathlib import Path

import pytest

SDK = Path(__file__).resolve().parents[2] / "python/helio/sdk"
HEAVY = ("aiohttp", "asyncio", "duckdb", "pydantic", "orjson", "yaml", "mcp", "typer", "rich")
MOST_MODULES = 110
"""Modules beside those of an idle interpreter; `http.client` brings most of them."""


def loaded(statement: str) -> set[str]:
    """The modules that a statement loads."""
    code = f"import sys; before = set(sys.modules); {statement}; print(*set(sys.modules) - before)"
    return set(
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        ).stdout.split()
    )


def test_it_loads_little_and_of_helio_nothing_else() -> None:
    modules = loaded("from helio.sdk import HelioContext; HelioContext()")
    assert {name for name in modules if name.split(".")[0] in HEAVY} == set()
    helio = {name for name in modules if name.split(".")[0] == "helio"}
    assert helio == {"helio", "helio.sdk"} | {
        f"helio.sdk.{name}" for name in ("client", "connections", "context", "errors")
    }
    assert len(modules) <= MOST_MODULES


def test_the_twins_bring_asyncio_and_nothing_of_helio() -> None:
    modules = loaded("from helio.sdk import AsyncHelioContext")
    assert "asyncio" in modules
    assert not any(name.startswith("helio.") and "sdk" not in name for name in modules)


def test_it_is_small() -> None:
    assert sum(path.read_text("utf-8").count("\n") for path in SDK.glob("*.py")) < 500


def test_it_knows_nothing_that_is_not_there() -> None:
    from helio import sdk

    assert all(hasattr(sdk, name) for name in sdk.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = sdk.Nothing
