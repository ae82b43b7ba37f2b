"""What the programs beside this one take turns by, and who governs them."""

import importlib.util
import sys
from pathlib import Path

from helio.adapters import AdapterClient, Governor

_FILE = Path(__file__).parents[2] / "frameworks" / "turns.py"
_SPEC = importlib.util.spec_from_file_location("frameworks_turns", _FILE)
assert _SPEC is not None
assert _SPEC.loader is not None
_TURNS = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_TURNS)

Told, URL, say, take, turns = _TURNS.Told, _TURNS.URL, _TURNS.say, _TURNS.take, _TURNS.turns


def governor(origin: str, url: str) -> Governor:
    """Helio's SDK port at this URL; the session is the program's second argument."""
    return Governor(AdapterClient(url), origin, session_id=sys.argv[2] or None)
