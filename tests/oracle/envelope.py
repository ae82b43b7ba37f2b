"""The strict envelope: which messages of an agent are taken, and why the others are refused.

The oracle's reading of docs/architecture.md, "The strict envelope". Above it the tests; below it
`strict_json`. Pure.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from oracle.numbers import Number
from oracle.strict_json import Json, JsonError, parse

CODES = {
    "parse_error": -32700,
    "too_deep": -32700,
    "number_too_long": -32700,
    "duplicate_key": -32600,
    "batch_refused": -32600,
    "not_an_object": -32600,
    "invalid_version": -32600,
    "invalid_id": -32600,
    "invalid_method": -32600,
    "invalid_request": -32600,
    "missing_id": -32600,
    "invalid_params": -32602,
    "missing_tool_name": -32602,
    "invalid_tool_name": -32602,
    "invalid_arguments": -32602,
}
MAX_TOOL_NAME_BYTES = 256
INVISIBLE = {"Cc", "Cf", "Zl", "Zp"}
INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
Kind = Literal["request", "notification", "response"]


class Refused(ValueError):
    """A message that is not taken; `reason` is a row of the table, `code` the JSON-RPC code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = CODES[reason]


@dataclass(frozen=True)
class Message:
    """One message that was taken. `tool` and `arguments` are those of a tools/call."""

    kind: Kind
    method: str | None
    tool: str | None
    arguments: dict[str, Json]


def parse_message(body: bytes) -> Message:
    """Read one message; raise `Refused` with the reason if it is not taken."""
    try:
        value = parse(body)
    except JsonError as error:
        raise Refused(error.reason) from error
    if isinstance(value, list):
        raise Refused("batch_refused")
    if not isinstance(value, dict):
        raise Refused("not_an_object")
    if value.get("jsonrpc") != "2.0":
        raise Refused("invalid_version")
    kind = kind_of(value)
    method = value.get("method")
    assert method is None or isinstance(method, str)
    if kind == "response":
        return Message(kind, None, None, {})
    if method == "tools/call":
        return tools_call(kind, value)
    if "params" in value and not isinstance(value["params"], dict | list):
        raise Refused("invalid_params")
    return Message(kind, method, None, {})


def kind_of(message: dict[str, Json]) -> Kind:
    """Tell requests, notifications and responses apart, or raise `Refused`."""
    answers = [name for name in ("result", "error") if name in message]
    if "method" not in message:
        return response_kind(message, answers)
    if answers:
        raise Refused("invalid_request")
    if not isinstance(message["method"], str):
        raise Refused("invalid_method")
    if "id" not in message:
        return "notification"
    if not valid_id(message["id"]):
        raise Refused("invalid_id")
    return "request"


def response_kind(message: dict[str, Json], answers: Sequence[str]) -> Kind:
    """Accept a response: one answer, with the id of the request, which only errors may not know."""
    unknown_id = message.get("id") is None
    if len(answers) != 1 or ("id" not in message and answers == ["result"]):
        raise Refused("invalid_request")
    if unknown_id and answers == ["error"]:
        return "response"
    if not valid_id(message["id"]):
        raise Refused("invalid_id")
    return "response"


def valid_id(value: Json) -> bool:
    """Tell whether an id is a text or an integer literal."""
    if isinstance(value, Number):
        return INTEGER.fullmatch(value.text) is not None
    return isinstance(value, str)


def tools_call(kind: Kind, message: dict[str, Json]) -> Message:
    """Read a tools/call, or raise `Refused`."""
    if kind != "request":
        raise Refused("missing_id")
    params = message.get("params")
    if not isinstance(params, dict):
        raise Refused("invalid_params")
    if "name" not in params:
        raise Refused("missing_tool_name")
    name = params["name"]
    if not isinstance(name, str) or not valid_tool_name(name):
        raise Refused("invalid_tool_name")
    arguments = params.get("arguments")
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, dict):
        raise Refused("invalid_arguments")
    return Message(kind, "tools/call", name, arguments)


def valid_tool_name(name: str) -> bool:
    """Tell whether a name is short, not empty, and holds no character that cannot be seen."""
    if not 0 < len(name.encode()) <= MAX_TOOL_NAME_BYTES:
        return False
    return not any(unicodedata.category(character) in INVISIBLE for character in name)
