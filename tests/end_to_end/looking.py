"""How a page of the dashboard looks: nothing beyond the edge, nothing that axe finds serious. With
`HELIO_SCREENSHOTS=1` the pictures of docs/dashboard.md are taken anew, with a directory's name all
of them, there."""

import os
from pathlib import Path
from typing import Any

from end_to_end.browsing import Desk, Theme
from peers import NODE_MODULES

DOCS = Path(__file__).resolve().parents[2] / "docs"
SHOWN = (DOCS / "dashboard.md").read_text("utf-8")
AXE = NODE_MODULES / "axe-core" / "axe.min.js"
WIDTHS = (1280, 768, 360)
THEMES: tuple[Theme, ...] = ("light", "dark")


def serious(desk: Desk) -> list[Any]:
    """What axe finds that is serious or worse."""
    found = desk.page.evaluate(
        "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
        ".filter(({impact}) => ['serious', 'critical'].includes(impact))"
        ".map(({id, nodes}) => [id, nodes.map(({html}) => html)])"
    )
    return list(found)


def look(desk: Desk, page: str, theme: Theme, *, width: int = 1280, checked: bool = True) -> None:
    """Checks what is shown now at a width, and takes its picture where that is asked for."""
    desk.page.set_viewport_size({"width": width, "height": 800})
    assert desk.page.evaluate("document.documentElement.scrollWidth") <= width, page
    if checked and (AXE.exists() or os.environ.get("HELIO_REQUIRE_PEERS")):
        desk.page.evaluate(AXE.read_text("utf-8"))
        assert serious(desk) == [], page
    wanted, name = os.environ.get("HELIO_SCREENSHOTS"), f"{page}-{theme}-{width}.png"
    if wanted == "1" and name in SHOWN:
        desk.page.screenshot(path=DOCS / "screenshots" / name)
    elif wanted not in (None, "1"):
        desk.page.screenshot(path=Path(wanted) / name)
