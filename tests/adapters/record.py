"""`make compat`: runs the examples of the adapters, and writes down how it went.

`docs/figures/adapters.json` gets what happened, `docs/frameworks.md` the table of it.
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

from adapters.day import ADAPTERS, STEPS, Adapter, decisions, helio, outcomes, play
from peers import ROOT

PAGE = ROOT / "docs" / "frameworks.md"
FIGURES = ROOT / "docs" / "figures" / "adapters.json"
TABLE = re.compile(r"(?<=<!-- adapters, made by `make compat` -->\n).*?(?=<!-- end -->)", re.DOTALL)


def recorded(adapter: Adapter) -> dict[str, Any]:
    """How the day went with one adapter."""
    with tempfile.TemporaryDirectory() as place, helio(Path(place)) as process:
        told = play(adapter, process, decided=True)
        audited = decisions(process)
        process.kill()
        away = play(adapter, process, decided=False)
    return {
        "name": adapter.name,
        "how": adapter.how,
        "versions": {adapter.package: adapter.version},
        "outcomes": outcomes(told, away),
        "told": told,
        "audit": [list(each) for each in audited],
    }


def table(results: dict[str, Any]) -> str:
    """The table of the page."""
    lines = [
        f"As run on {results['date']} by `make compat`:",
        "",
        "| framework | version |" + "".join(f" {step} |" for step in STEPS),
        "|---|---|" + "---|" * len(STEPS),
    ]
    for adapter in results["adapters"]:
        versions = ", ".join(f"{name} {version}" for name, version in adapter["versions"].items())
        went = "".join(f" {'yes' if adapter['outcomes'][step] else 'NO'} |" for step in STEPS)
        lines.append(f"| {adapter['name']}: {adapter['how']} | {versions} |{went}")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Runs, writes, and ends with 1 when something did not go as it should."""
    results: dict[str, Any] = {"date": datetime.now(UTC).date().isoformat(), "adapters": []}
    for adapter in ADAPTERS:
        print(f"{adapter.name} …", file=sys.stderr, flush=True)
        results["adapters"].append(recorded(adapter))
    FIGURES.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", "utf-8")
    PAGE.write_text(TABLE.sub(lambda _: table(results), PAGE.read_text("utf-8")), "utf-8")
    sys.exit(0 if all(all(each["outcomes"].values()) for each in results["adapters"]) else 1)


if __name__ == "__main__":
    main()
