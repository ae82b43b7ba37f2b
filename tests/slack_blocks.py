"""What Slack's reference says of texts, blocks and views, for the stand-in (`slack`).

Markup (`mrkdwn`) is refused everywhere: what agents say would be read as markup.
"""

from collections.abc import Mapping
from typing import Any


class SlackFault(Exception):
    """What the API answers as `{"ok": false, "error": …}`."""


_PLAIN = {"plain_text"}
_RICH = {"rich_text_section", "rich_text_preformatted", "rich_text_list", "rich_text_quote"}
_INLINE = {"text", "link", "emoji", "user", "usergroup", "channel", "broadcast", "date", "color"}


def check_text(text: str) -> None:
    """The fallback text of a message."""
    _must(0 < len(text) <= 4000, "invalid_text")


def check_blocks(blocks: list[dict[str, Any]], most: int = 50) -> None:
    """The blocks of a message or view."""
    _must(0 < len(blocks) <= most, "invalid_blocks: count")
    names = [block["block_id"] for block in blocks if "block_id" in block]
    _must(len(names) == len(set(names)), "invalid_blocks: block_id")
    for block in blocks:
        _check_block(block)


def check_view(view: Mapping[str, Any]) -> None:
    """A modal."""
    known = {
        *("type", "title", "blocks", "close", "submit", "private_metadata", "callback_id"),
        *("clear_on_close", "notify_on_close", "external_id", "submit_disabled"),
    }
    _must(set(view) <= known and view["type"] == "modal", "invalid_arguments: view")
    for key in ("title", "close", "submit"):
        if key in view:
            _check_plain(view[key], 24)
    _must(len(view.get("private_metadata", "")) <= 3000, "invalid_arguments: private_metadata")
    _must(len(view.get("callback_id", "")) <= 255, "invalid_arguments: callback_id")
    check_blocks(view["blocks"], 100)
    has_input = any(block["type"] == "input" for block in view["blocks"])
    _must(not has_input or "submit" in view, "invalid_arguments: submit")


def _check_block(block: Mapping[str, Any]) -> None:
    match block["type"]:
        case "header":
            _check_plain(block["text"], 150)
        case "section":
            _check_plain(block["text"], 3000)
        case "context":
            _must(0 < len(block["elements"]) <= 10, "invalid_blocks: context")
            for element in block["elements"]:
                _check_plain(element, 2000)
        case "actions":
            _must(0 < len(block["elements"]) <= 25, "invalid_blocks: actions")
            actions = [element["action_id"] for element in block["elements"]]
            _must(len(actions) == len(set(actions)), "invalid_blocks: action_id")
            for element in block["elements"]:
                _check_button(element)
        case "rich_text":
            for element in block["elements"]:
                _must(element["type"] in _RICH, "invalid_blocks: rich_text")
                for inline in element["elements"]:
                    _check_inline(inline)
        case "input":
            _check_plain(block["label"], 2000)
            _check_input(block["element"])
        case _:
            raise SlackFault("invalid_blocks: type")


def _check_plain(text: Mapping[str, Any], most: int) -> None:
    """Only plain text: `mrkdwn` is where what agents say would be read as markup."""
    _must(text["type"] in _PLAIN, "invalid_blocks: text that is read as markup")
    _must(0 < len(text["text"]) <= most, "invalid_blocks: length of text")


def _check_button(element: Mapping[str, Any]) -> None:
    _must(element["type"] == "button", "invalid_blocks: element")
    _check_plain(element["text"], 75)
    _must(len(element["action_id"]) <= 255, "invalid_blocks: action_id")
    _must(len(element["value"]) <= 2000, "invalid_blocks: value")
    _must(element.get("style", "primary") in ("primary", "danger"), "invalid_blocks: style")


def _check_inline(inline: Mapping[str, Any]) -> None:
    _must(inline["type"] in _INLINE, "invalid_blocks: rich_text element")
    if inline["type"] == "text":
        _must(len(inline["text"]) > 0, "invalid_blocks: empty text")
    if inline["type"] == "date":
        _must(isinstance(inline["timestamp"], int), "invalid_blocks: timestamp")
        _must("{" in inline["format"], "invalid_blocks: format")


def _check_input(element: Mapping[str, Any]) -> None:
    _must(element["type"] == "plain_text_input", "invalid_blocks: input")
    _must(1 <= element.get("max_length", 3000) <= 3000, "invalid_blocks: max_length")
    if "placeholder" in element:
        _check_plain(element["placeholder"], 150)


def _must(holds: bool, error: str) -> None:
    if not holds:
        raise SlackFault(error)
