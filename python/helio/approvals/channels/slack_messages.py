"""What people read in Slack: a ticket as blocks, and the dialog that asks for a reason. Pure.

Above: `slack`. Below: `helio.governance.ticket`. Tools' names and arguments are hostile: all of it
is put where Slack reads no markup (plain text, and the literal texts of rich text), and what cannot
be seen is written out.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias

from helio.governance.ticket import State, Ticket

Block: TypeAlias = dict[str, Any]

APPROVE: Final = "helio_approve"
DENY: Final = "helio_deny"
REASON: Final = "helio_reason"
"""Ids of the buttons, and of the dialog with its field."""
BUTTONS: Final = "helio_answer"

MOST_ARGUMENTS: Final = 2500
"""Characters of the arguments that are shown."""
MOST_REASON: Final = 500
_MOST_NAME: Final = 120
_MOST_LINE: Final = 300
_MOST_LINES: Final = 10

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+|"')

_OUTLINE: Final = re.compile(r'\{"(?:hmac_)?sha256":"[^"]*","size":(\d{1,15})[,}]')
"""Arguments beyond `audit.max_record`, as a ticket holds them."""

_ENDINGS: Final = {
    State.APPROVED: "Approved",
    State.DENIED: "Denied",
    State.BREAK_GLASS: "Let through in an emergency",
    State.CLIENT_DISCONNECTED: "Nobody answered, and the client had left",
    State.SHUTDOWN_CANCELLED: "Cancelled, because Helio stopped",
    State.CANCELLED: "Cancelled by the agent",
}


@dataclass(frozen=True, slots=True)
class SlackMessage:
    """The arguments of `chat.postMessage` and `chat.update`: `text` is what notifications show."""

    text: str
    blocks: list[Block]


def question(ticket: Ticket, occasion: Literal["requested", "escalated"]) -> SlackMessage:
    """What people are asked, with the buttons to answer it."""
    opening = "Approval needed" if occasion == "requested" else "Still waiting for an answer"
    then = "let through" if ticket.default_on_timeout == "allow" else "denied"
    deadline = [_bold("Until "), _instant(ticket.timeout_at), _text(f", then it is {then}")]
    buttons: Block = {
        "type": "actions",
        "block_id": BUTTONS,
        "elements": [
            _button(APPROVE, "Approve", "primary", ticket.id),
            _button(DENY, "Deny", "danger", ticket.id),
        ],
    }
    return _message(f"{opening}: {_name(ticket)}", ticket, [deadline], [buttons])


def result(ticket: Ticket) -> SlackMessage:
    """What became of it. Nothing can be answered any more."""
    ending = ending_of(ticket)
    lines = []
    if ticket.resolved_by is not None:
        lines.append([_bold("By "), _text(_line(ticket.resolved_by))])
    if ticket.reason is not None:
        lines.append([_bold("Reason "), _text(_line(ticket.reason, MOST_REASON))])
    if ticket.resolved_at is not None:
        lines.append([_bold("At "), _instant(ticket.resolved_at)])
    return _message(f"{ending}: {_name(ticket)}", ticket, lines, [])


def ending_of(ticket: Ticket) -> str:
    """How a ticket ended, in a few words; that it waits, while it does."""
    if ticket.is_pending:
        return "Waiting"
    if ticket.state is State.TIMEOUT:
        return f"Nobody answered: {'let through' if ticket.allows else 'denied'}"
    return _ENDINGS[ticket.state]


def reason_dialog(ticket: Ticket, channel: str) -> Block:
    """The modal that asks why a call is denied. `channel` is which of Helio's channels it is of."""
    return {
        "type": "modal",
        "callback_id": REASON,
        "private_metadata": json.dumps({"ticket": ticket.id, "channel": channel}),
        "title": _plain("Deny this call"),
        "submit": _plain("Deny"),
        "close": _plain("Back"),
        "blocks": [
            {"type": "section", "text": _plain(f"{_name(ticket)} will not run.")},
            {
                "type": "input",
                "block_id": REASON,
                "optional": True,
                "label": _plain("Why? The agent is told."),
                "element": {
                    "type": "plain_text_input",
                    "action_id": REASON,
                    "multiline": True,
                    "max_length": MOST_REASON,
                },
            },
        ],
    }


def notice_dialog(text: str) -> Block:
    """A modal that only tells something."""
    return {
        "type": "modal",
        "title": _plain("Not denied"),
        "close": _plain("Close"),
        "blocks": [{"type": "section", "text": _plain(text)}],
    }


def literal(text: str) -> str:
    """A text for where Slack reads markup: nothing in it links to, formats or calls anybody."""
    return visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def visible(text: str) -> str:
    """A text in one line, with all that cannot be seen, or turns what follows around, written out
    as `\\u{…}`."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else f"\\u{{{ord(each):x}}}" for each in text)


def laid_out(arguments: str) -> tuple[str, bool]:
    """JSON text in lines, every digit as it came, and whether that is all of it: after
    `MOST_ARGUMENTS` characters it is cut."""
    pieces: list[str] = []
    room = MOST_ARGUMENTS
    for piece in _pieces(arguments):
        # One string may be as long as all the rest.
        cut = piece[: room + 1]
        shown = cut if cut.isspace() else visible(cut)
        pieces.append(shown[:room])
        room -= len(shown)
        if room < 0:
            return "".join(pieces), False
    return "".join(pieces), True


def _pieces(text: str) -> Iterator[str]:
    """The tokens of a JSON text, and the white space that shows its structure."""
    depth, opened, listed = 0, False, False
    for found in _TOKEN.finditer(text):
        piece = found[0]
        closes = piece in ("}", "]")
        if closes:
            depth -= 1
        if listed or opened != closes:
            yield "\n" + "  " * depth
        opened, listed = piece in ("{", "["), piece == ","
        if opened:
            depth += 1
        yield piece
        if piece == ":":
            yield " "


def _message(
    title: str, ticket: Ticket, lines: Sequence[list[Block]], buttons: list[Block]
) -> SlackMessage:
    arguments, whole = laid_out(ticket.tool_input)
    elements: list[Block] = [_section(line) for line in (*_facts(ticket), *lines)]
    elements.append({"type": "rich_text_preformatted", "elements": [_text(arguments or "{}")]})
    size = _size(ticket.tool_input, whole)
    if size is not None:
        elements.append(_section([_bold(f"Not all of the arguments is shown: they have {size}.")]))
    blocks: list[Block] = [
        {"type": "header", "text": _plain(_cut(title, 150))},
        {"type": "rich_text", "elements": elements},
        *buttons,
        {"type": "context", "elements": [_plain(f"Ticket {ticket.id}, status {ticket.status}")]},
    ]
    return SlackMessage(literal(_cut(title, 150)), blocks)


def _size(arguments: str, whole: bool) -> str | None:
    """How much there is of arguments that are not shown whole, here or in the ticket already."""
    outline = _OUTLINE.match(arguments)
    if outline is not None:
        return f"{int(outline[1]):,} bytes"
    return None if whole else f"{len(arguments):,} characters"


def _facts(ticket: Ticket) -> Iterator[list[Block]]:
    where = f" in {_line(ticket.environment)}" if ticket.environment else ""
    yield [_bold("Tool "), _text(f"{_name(ticket)} of {_line(ticket.upstream)}{where}")]
    session = f", session {_line(ticket.session_id)}" if ticket.session_id else ""
    yield [_bold("Agent "), _text(_line(ticket.agent_id or "not known") + session)]
    if ticket.matched_rule is not None:
        yield [_bold("Rule "), _text(_line(ticket.matched_rule))]
    for reason in ticket.reasons[:_MOST_LINES]:
        yield [_bold("Why "), _text(_line(reason))]
    for budget in ticket.breached_budgets[:_MOST_LINES]:
        spent = f"{budget.spent} of {budget.limit} {budget.currency} spent"
        wanted = f", this call wants {budget.attempted_amount}"
        yield [_bold("Budget "), _text(_line(f"{budget.name}: {spent}{wanted}"))]
    unnamed = len(ticket.breached_budgets) - _MOST_LINES
    if unnamed > 0:
        yield [_bold("Budget "), _text(f"and {unnamed} more")]


def _name(ticket: Ticket) -> str:
    return _line(ticket.tool_name, _MOST_NAME)


def _line(text: str, most: int = _MOST_LINE) -> str:
    return _cut(visible(text[: most + 1]), most)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": False}


def _text(text: str) -> Block:
    return {"type": "text", "text": text}


def _bold(text: str) -> Block:
    return {"type": "text", "text": text, "style": {"bold": True}}


def _section(elements: list[Block]) -> Block:
    """One line."""
    return {"type": "rich_text_section", "elements": [*elements, _text("\n")]}


def _instant(wall: int) -> Block:
    """A moment in the reader's own time; `wall` in ns."""
    seconds = wall // 1_000_000_000
    fallback = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    form = "{date_short_pretty}, {time_secs}"
    return {"type": "date", "timestamp": seconds, "format": form, "fallback": fallback}


def _button(action: str, label: str, style: str, ticket_id: str) -> Block:
    return {
        "type": "button",
        "action_id": action,
        "text": _plain(label),
        "style": style,
        "value": ticket_id,
    }
