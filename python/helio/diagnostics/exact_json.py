"""JSON of values whose numbers may be decimals, with all their digits. Pure.

Above: rendering, witnesses, the commands' output. Below: nothing.
"""

import json
import re
from decimal import Decimal
from typing import Any, Final

import orjson

_MARK: Final = "\ue000"
"""Around a decimal, while it is a text: a character for private use."""
_MARKED: Final = re.compile(rf'"{_MARK}(-?[0-9]+(?:\.[0-9]+)?){_MARK}"')


def json_text(value: object, indent: int | None = None) -> str:
    """The JSON text for people, not only of ASCII."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=_marked)
    return _MARKED.sub(r"\1", text)


def json_bytes(value: object) -> bytes:
    """The JSON text without spaces."""
    return orjson.dumps(value, default=_written)


def _marked(value: Any) -> str:
    return f"{_MARK}{_digits(value)}{_MARK}"


def _written(value: Any) -> orjson.Fragment:
    return orjson.Fragment(_digits(value).encode())


def _digits(value: Any) -> str:
    if not isinstance(value, Decimal) or not value.is_finite():
        raise TypeError(f"no JSON value: {type(value).__name__}")
    return format(value, "f")
