"""`make compat`: plays the scenario through every framework, and writes down how it went.

`docs/figures/frameworks.json` gets what happened, `docs/frameworks.md` the table of it.
"""

import json
import re
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from frameworks.scenario import decisions, outcomes, play, shop
from frameworks.ways import WAYS, Way
from peers import ROOT

PAGE = ROOT / "docs" / "frameworks.md"
FIGURES = ROOT / "docs" / "figures" / "frameworks.json"
STEPS = ("allowed", "blocked", "repaired", "approved", "limited")
TABLE = re.compile(r"(?<=<!-- made by `make compat` -->\n).*?(?=<!-- end -->)", re.DOTALL)


def recorded(way: Way) -> dict[str, Any]:
    """How the scenario went through one framework. The session is named by the header."""
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        with shop(directory) as pair:
            with way.connected(pair.helio.mcp_url, directory, "a-day") as framework:
                day = play(framework, pair)
            audited = decisions(pair)
    return {
        "name": way.name,
        "how": way.how,
        "versions": way.versions,
        "sessions": way.sessions,
        "marks_errors": way.marks,
        "renamed": day.renamed,
        "outcomes": outcomes(day, marks=way.marks),
        "told": {"denied": day.denied.text, "blocked": day.blocked.text},
        "audit": [list(each) for each in audited],
    }


def table(results: dict[str, Any]) -> str:
    """The table of the page."""
    steps = "".join(f" {step} |" for step in STEPS)
    lines = [
        f"As played on {results['date']} by `make compat`:",
        "",
        f"| framework | versions | sessions of its own | marks errors |{steps}",
        "|---|---|---|---|" + "---|" * len(STEPS),
    ]
    for way in results["ways"]:
        versions = ", ".join(f"{name} {version}" for name, version in way["versions"].items())
        marks = "yes" if way["marks_errors"] else "no"
        went = "".join(f" {'yes' if way['outcomes'][step] else 'NO'} |" for step in STEPS)
        cell = f"{way['name']}: {way['how']}"
        lines.append(f"| {cell} | {versions} | {way['sessions']} | {marks} |{went}")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Plays, writes, and ends with 1 when something did not go as it should."""
    results: dict[str, Any] = {"date": datetime.now(UTC).date().isoformat(), "ways": []}
    for way in WAYS:
        print(f"{way.name} …", file=sys.stderr, flush=True)
        results["ways"].append(recorded(way))
    text = json.dumps(results, indent=2, ensure_ascii=False) + "\n"
    FIGURES.write_text(text, "utf-8")
    PAGE.write_text(TABLE.sub(lambda _: table(results), PAGE.read_text("utf-8")), "utf-8")
    went = all(all(way["outcomes"].values()) for way in results["ways"])
    sys.exit(0 if went else 1)


if __name__ == "__main__":
    main()
