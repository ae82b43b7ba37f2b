"""Tickets on a terminal: as blocks of lines, and as a view that follows.

Above: `approvals_asked`. Below: `operator_port`, rich. What agents wrote is shown with escapes for
all that a terminal would obey.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Group
from rich.live import Live
from rich.text import Text

from helio.cli.operator_port import Number, PortUnreachable
from helio.cli.output import console
from helio.governance.lock import visible

Tickets = Callable[[], Sequence[Mapping[str, Any]]]

_LONGEST_ARGUMENTS: Final = 160
_NEW_SECONDS: Final = 30.0
"""How long a ticket that came is marked as new."""
_ENDED_SECONDS: Final = 10.0
"""How long a ticket that ended stays in the view."""
_POLL_SECONDS: Final = 1.0
_PENDING = "pending"
_STYLES = {"pending": "bold yellow", "approved": "green", "break_glass": "bold red"}


def shown(ticket: Mapping[str, Any], *, new: bool = False) -> Text:
    """A ticket in some lines: what, who, why, until when or what became of it, and its id."""
    status = str(ticket["status"])
    head = Text.assemble(
        (_line(ticket["tool_name"]), "bold"),
        " ",
        _shortened(compact(ticket["tool_input"])),
        ("  new" if new else "", "bold green"),
    )
    asked = [f"{name} {_line(ticket[key])}" for name, key in _WHO if ticket.get(key) is not None]
    why = "; ".join(map(_line, ticket.get("reasons") or ()))
    return Text("\n").join(
        [
            head,
            Text("  " + ", ".join(asked), style="dim"),
            *([Text(f"  {why}")] if why else []),
            Text.assemble("  ", (status, _STYLES.get(status, "red")), _fate(ticket)),
            Text(f"  {_line(ticket['id'])}", style="dim"),
        ]
    )


_WHO: Final = (
    ("agent", "agent_id"),
    ("session", "session_id"),
    ("upstream", "upstream"),
    ("rule", "matched_rule"),
    ("channel", "channel_name"),
)


def compact(value: object) -> str:
    """A JSON value in one line, its numbers as they came; what nobody sees is escaped."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{compact(k)}:{compact(each)}" for k, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(compact, value)) + "]"
    if isinstance(value, str):
        return _line(_json(value))
    return _json(value)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _line(text: object) -> str:
    return visible(str(text)).replace("\n", "\\n")


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_ARGUMENTS else text[: _LONGEST_ARGUMENTS - 1] + "…"


def _fate(ticket: Mapping[str, Any]) -> str:
    """How long it still waits and what happens then; or who ended it, and why."""
    if ticket["status"] == _PENDING:
        left = _instant(ticket["timeout_at"]) - datetime.now(UTC).timestamp()
        then = "let through" if ticket.get("default_on_timeout") == "allow" else "denied"
        return f", {_countdown(left)} left, then {then}"
    by = ticket.get("resolved_by")
    reason = ticket.get("denial_reason") or ticket.get("break_glass_reason")
    told = "" if by is None else f" by {_line(by)}"
    return told + ("" if reason is None else f": {_line(reason)}")


def _countdown(seconds: float) -> str:
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


class Watch:
    """The list that `tickets` gives, followed until Ctrl-C; `ticket` gives one, by its id, or None.

    On a terminal a view that is drawn anew; else a block, or a line of JSON, for each ticket that
    comes or ends.
    """

    def __init__(self, tickets: Tickets, ticket: Callable[[str], Any], *, as_json: bool) -> None:
        self._tickets = tickets
        self._ticket = ticket
        self._as_json = as_json
        self._listed: dict[str, Mapping[str, Any]] = {}
        self._came: dict[str, float] = {}
        self._ended: dict[str, tuple[Mapping[str, Any], float]] = {}
        self._trouble = ""

    def run(self) -> None:
        """Until Ctrl-C."""
        out = console()
        try:
            self._poll()
            # What is there at the beginning is not new.
            self._came = dict.fromkeys(self._came, -_NEW_SECONDS)
            if self._as_json or not out.is_terminal:
                self._write(list(self._listed.values()))
            else:
                self._draw()
        except KeyboardInterrupt:
            return

    def _draw(self) -> None:
        with Live(self._view(), console=console(), auto_refresh=False) as live:
            while True:
                time.sleep(_POLL_SECONDS)
                self._poll()
                live.update(self._view(), refresh=True)

    def _write(self, changed: Sequence[Mapping[str, Any]]) -> None:
        out = console()
        while True:
            for ticket in changed:
                if self._as_json:
                    sys.stdout.write(compact(ticket) + "\n")
                else:
                    out.print(shown(ticket))
            sys.stdout.flush()
            time.sleep(_POLL_SECONDS)
            trouble = self._trouble
            changed = self._poll()
            if self._trouble not in ("", trouble):
                sys.stderr.write(f"helio approvals: {self._trouble}; it is asked again\n")

    def _poll(self) -> list[Mapping[str, Any]]:
        """Asks what there is now; the tickets that came, and then those that ended."""
        try:
            found = {str(each["id"]): each for each in reversed(self._tickets() or ())}
            gone = [self._ticket(name) for name in self._listed if name not in found]
        except PortUnreachable as error:
            self._trouble = str(error)
            return []
        self._trouble, now = "", time.monotonic()
        came = [each for name, each in found.items() if name not in self._listed]
        ended = [each for each in gone if each is not None]
        self._came = {name: self._came.get(name, now) for name in found}
        self._ended |= {str(each["id"]): (each, now) for each in ended}
        self._listed = found
        return [*came, *ended]

    def _view(self) -> Group:
        now = time.monotonic()
        parts = [Text(f"{len(self._listed)} tickets; Ctrl-C ends the view", style="bold")]
        if self._trouble:
            parts.append(Text(f"{self._trouble}; it is asked again", style="red"))
        for name, ticket in reversed(self._listed.items()):
            parts.append(shown(ticket, new=now - self._came[name] < _NEW_SECONDS))
        self._ended = {n: kept for n, kept in self._ended.items() if now - kept[1] < _ENDED_SECONDS}
        parts += [shown(ticket) for ticket, _ in self._ended.values()]
        return Group(*parts)
