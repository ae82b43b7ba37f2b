"""JSON values back into text, so that tests can send what they built. Pure."""

import json

from oracle.numbers import Number
from oracle.strict_json import Json


def write(value: Json) -> str:
    """Return a JSON text of a value; numbers keep their lexeme."""
    if isinstance(value, Number):
        return value.text
    if isinstance(value, list):
        return f"[{','.join(write(element) for element in value)}]"
    if isinstance(value, dict):
        members = (f"{write(key)}:{write(element)}" for key, element in value.items())
        return f"{{{','.join(members)}}}"
    return json.dumps(value)
