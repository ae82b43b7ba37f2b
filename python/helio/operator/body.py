"""The bodies of changes: one JSON object, small, with the keys that are known.

Above: `helio.operator.sign_in`, `approvals`. Below: aiohttp. What is wrong with a body is raised as
`Refused`, with a sentence that names the key.
"""

import asyncio
from collections.abc import Mapping, Set
from typing import Any, Final

import orjson
from aiohttp import web

from helio.operator.faults import Refused

LARGEST: Final = 64 * 1024
"""Bytes of a body; a longer one is refused with 413."""
_SECONDS: Final = 10.0
"""How long a body may take to come."""
_LONGEST_TEXT: Final = 2000
_LONGEST_NAME: Final = 200


async def read_object(request: web.Request, keys: Set[str]) -> Mapping[str, Any]:
    """The object in a request's body; none at all is an empty one.

    Raises `Refused`.
    """
    try:
        async with asyncio.timeout(_SECONDS):
            raw = await request.read()
    except TimeoutError:
        raise Refused(408, "the body did not come in time") from None
    try:
        found = orjson.loads(raw) if raw else {}
    except orjson.JSONDecodeError:
        raise Refused(400, "the body is not JSON") from None
    if not isinstance(found, dict):
        raise Refused(400, "the body is not an object")
    for key in found:
        if key not in keys:
            known = ", ".join(sorted(keys))
            raise Refused(400, f"{key[:50]!r}: is not known; there are {known}")
    return found


def text_of(body: Mapping[str, Any], key: str) -> str:
    """The text under a key. Raises `Refused` when it is missing, empty, or no text."""
    found = optional_text(body, key)
    if found is None:
        raise Refused(400, f"{key}: is missing")
    return found


def optional_text(body: Mapping[str, Any], key: str) -> str | None:
    """The text under a key, without space around it; None when there is none.

    Raises `Refused` when it is no text, or a long one.
    """
    found = body.get(key)
    if found is None:
        return None
    if not isinstance(found, str):
        raise Refused(400, f"{key}: is not a text")
    if len(found) > _LONGEST_TEXT:
        raise Refused(400, f"{key}: is longer than {_LONGEST_TEXT} characters")
    return found.strip() or None


def name_of(body: Mapping[str, Any], key: str) -> str:
    """Who somebody says they are: a text of one line. Raises `Refused`."""
    name = text_of(body, key)
    if len(name) > _LONGEST_NAME or not name.isprintable():
        raise Refused(400, f"{key}: is not a name: one line of at most {_LONGEST_NAME} characters")
    return name
