"""What is expected against what was found. Pure.

Above: `running`. Below: `helio.diagnostics`. Numbers compare by value, whatever their length; of a
mapping only what is expected must be there; lists have as many items.
"""

import json
from typing import Any

from helio.diagnostics import Mapping, Node, Number, Scalar, Sequence
from helio.evaluator import compare_numbers


def read_found(text: str | bytes) -> Any:
    """JSON in which numbers keep their digits, as `Number`."""
    return json.loads(text, parse_int=Number, parse_float=Number)


def agrees(expected: Node, found: object) -> bool:
    """Whether `found`, of `read_found`, is what the file expects."""
    match expected:
        case Mapping(entries=entries):
            return isinstance(found, dict) and all(
                agrees(entry.value, found.get(key)) for key, entry in entries.items()
            )
        case Sequence(items=items):
            return (
                isinstance(found, list)
                and len(items) == len(found)
                and all(map(agrees, items, found))
            )
        case Scalar(value=Number(text=text)):
            return isinstance(found, Number) and compare_numbers(text, found.text) == 0
        case Scalar(value=value):
            return type(value) is type(found) and value == found


def shown(value: object) -> str:
    """A found value as a file would say it."""
    match value:
        case None:
            return "nothing"
        case Number(text=text):
            return text
        case dict():
            parts = (f"{key}: {shown(each)}" for key, each in value.items())
            return "{ " + ", ".join(parts) + " }" if value else "{}"
        case list():
            return "[" + ", ".join(map(shown, value)) + "]"
        case bool():
            return str(value).lower()
        case _:
            return str(value)


def shown_node(node: Node) -> str:
    """The same of what the file says."""
    return shown(_plain(node))


def _plain(node: Node) -> object:
    match node:
        case Mapping(entries=entries):
            return {key: _plain(entry.value) for key, entry in entries.items()}
        case Sequence(items=items):
            return [_plain(item) for item in items]
        case Scalar(value=value):
            return value
