"""What the programs beside this one take turns by, their tools, and who governs them."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

from helio.adapters import AdapterClient, Governor

_ROOT = Path(__file__).parents[3]


def _loaded(file: Path) -> Any:
    """A module that stands elsewhere."""
    spec = importlib.util.spec_from_file_location(f"{file.parent.name}_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_TURNS = _loaded(_ROOT / "tests" / "frameworks" / "turns.py")
_SHOP = _loaded(_ROOT / "examples" / "adapters" / "shop.py")

ORIGIN, TOOLS = _SHOP.ORIGIN, _SHOP.TOOLS
Told, URL, say, take, turns = _TURNS.Told, _TURNS.URL, _TURNS.say, _TURNS.take, _TURNS.turns


def governor(origin: str, url: str) -> Governor:
    """Helio's SDK port at this URL; the session is the program's second argument."""
    return Governor(AdapterClient(url), origin, session_id=sys.argv[2] or None)
