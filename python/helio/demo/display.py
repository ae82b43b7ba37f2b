"""What the tour prints: each decision as it comes, and the closing panel.

Above it: `helio.demo.tour`. Below it: `helio.demo.agent`'s values. Off a terminal it is plain text.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from helio.demo.agent import Seen

DECISIONS = {
    "allow": ("allowed", "green"),
    "deny": ("denied", "red"),
    "rate_limited": ("rate limited", "yellow"),
    "spend_limited": ("spend limited", "yellow"),
    "dry_run": ("dry run", "cyan"),
    "failed": ("failed", "magenta"),
}
"""How a decision is shown: its words and its colour."""

INDENT = 5


@dataclass(frozen=True)
class Places:
    """Where things are while the tour's Helio runs."""

    mcp_url: str
    operator_url: str
    config: Path


class Stage:
    """Prints the story to a console, one row a call, so that nothing is lost off a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def chapter(self, title: str) -> None:
        """A heading."""
        self._console.print()
        self._console.print(Text(title, style="bold"))

    def tools(self, names: list[str]) -> None:
        """The tools that the agent found."""
        self._note(Text(f"{len(names)} tools: {', '.join(names)}"))

    def seen(self, seen: Seen) -> None:
        """One call: number, tool, arguments, decision; below it what the agent was told."""
        row = Table.grid(padding=(0, 1), expand=True)
        row.add_column(width=INDENT - 2, justify="right")
        row.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        row.add_column(justify="right", no_wrap=True)
        words, colour = DECISIONS[seen.decision]
        call = Text.assemble((seen.tool, "bold"), " ", (brief(seen.arguments), "dim"))
        row.add_row(Text(str(seen.number), style="dim"), call, Text(words, style=colour))
        self._console.print(row)
        for line in _explained(seen):
            self._note(line)

    def closing(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """What happened, counted from the audit's rows."""
        counts = Counter(row["policy_decision"] for row in rows)
        table = Table.grid(padding=(0, 2))
        for decision, count in counts.items():
            words, colour = DECISIONS[decision]
            table.add_row(Text(words, style=colour), str(count))
        self._console.print()
        self._console.print(Panel(table, title=f"{len(rows)} calls in the audit", expand=False))
        for row in rows:
            for shadow in row["shadow"] or ():
                self._note(
                    Text(
                        f"On trial: rule {shadow['rule']} ({shadow['action']}) matched "
                        f"{row['tool_name']}, which went through."
                    )
                )

    def serving(self, places: Places) -> None:
        """Where a person can look and go on, and how it ends."""
        self._console.print()
        rows = [
            ("Agents connect to", places.mcp_url),
            ("Operators look at", f"{places.operator_url}/api/health"),
            ("The policy is", f"{places.config} (saved changes are taken up)"),
            ("The audit reads", f"helio export -c {places.config}"),
        ]
        for label, value in rows:
            # No soft wrap: a path or a command is copied whole.
            self._console.print(Text.assemble((f"{label}: ", "bold"), value), soft_wrap=True)
        self._console.print("Ctrl-C ends the demo.")

    def fault(self, message: str) -> None:
        """Why the tour ends early."""
        self._console.print()
        self._console.print(Text(message, style="red"))

    def _note(self, line: Text) -> None:
        line.stylize("dim")
        for part in line.wrap(self._console, self._console.width - INDENT):
            part.rstrip()
            self._console.print(Text(" " * INDENT) + part)


def brief(arguments: Mapping[str, Any]) -> str:
    """Arguments in short: `order_id: 7, amount: 120`; long texts are cut."""
    return ", ".join(f"{name}: {_cut(str(value))}" for name, value in arguments.items())


def _cut(text: str, longest: int = 28) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _explained(seen: Seen) -> list[Text]:
    lines = []
    if seen.repairs:
        lines.append(Text("repaired, as the feedback before suggested"))
    if seen.decision == "dry_run":
        fate = "be forwarded" if seen.told["would_forward"] else "be blocked"
        lines.append(Text(f"would {fate}: {seen.told['decision']} (rule {seen.told['rule']})"))
    elif seen.told:
        advice = " ".join(filter(None, (seen.told["message"], seen.told["suggestion"])))
        lines.append(Text(f"{advice} (rule {seen.told['rule']})"))
    return lines
