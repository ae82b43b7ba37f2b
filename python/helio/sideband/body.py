"""The bodies of requests: one object of strict JSON, with the keys that are known.

Above: `marks`. Below: `helio.evaluator` (strict JSON), orjson. What is wrong is raised as
`Refused`, with a sentence that names the key.
"""

import asyncio
from collections.abc import Mapping, Set
from typing import Any, Final

import orjson
from aiohttp import web

from helio.evaluator import canonical_json, select
from helio.governance.identity import is_session_id
from helio.operator.faults import Refused

_SECONDS: Final = 10.0
"""How long a body may take to come."""
LONGEST_NAME: Final = 256
"""Characters of a name."""


async def read(request: web.Request) -> bytes:
    """The body, strict JSON. Raises `Refused`."""
    try:
        async with asyncio.timeout(_SECONDS):
            raw = await request.read()
    except TimeoutError:
        raise Refused(408, "the body did not come in time") from None
    try:
        canonical_json(raw)
    except ValueError as error:
        raise invalid(f"the body is not JSON, or not strict: {error}") from None
    return raw


def selected(path: str, raw: bytes) -> list[bytes]:
    """The values at a path of a body that `read` took, each as it came. Raises `Refused` for keys
    that differ by case alone: not every reader of the value would tell them apart."""
    try:
        return select(path, raw)
    except ValueError as error:
        raise invalid(f"the body is not JSON, or not strict: {error}") from None


def members(value: object, keys: Set[str], where: str = "") -> Mapping[str, Any]:
    """An object's members. Raises `Refused` for what is none, and for keys that are not known."""
    if not isinstance(value, dict):
        raise invalid(f"{where.removesuffix('.') or 'the body'}: is not an object")
    for key in value:
        if key not in keys:
            known = ", ".join(sorted(keys))
            raise invalid(f"{where}{key[:50]!r}: is not known; there are {known}")
    return value


def decoded(raw: bytes) -> Any:
    """The values of a body that `read` took. Raises `Refused`."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise invalid(f"the body cannot be read: {error}") from None


def name(found: Mapping[str, Any], key: str, where: str = "") -> str:
    """A name of one line under a key. Raises `Refused`."""
    text = optional_name(found, key, where)
    if text is None:
        raise invalid(f"{where}{key}: is missing")
    return text


def optional_name(found: Mapping[str, Any], key: str, where: str = "") -> str | None:
    """A name of one line, or None. Raises `Refused`."""
    text = found.get(key)
    if text is None:
        return None
    if not isinstance(text, str) or not 0 < len(text) <= LONGEST_NAME or not text.isprintable():
        raise invalid(f"{where}{key}: is not a name of 1 to {LONGEST_NAME} visible characters")
    return text


def session_id(found: Mapping[str, Any], where: str = "") -> str:
    """The session's id under `session_id`. Raises `Refused`."""
    text = name(found, "session_id", where)
    if not is_session_id(text):
        raise invalid(f"{where}session_id: is not 1 to 256 visible ASCII characters without spaces")
    return text


def invalid(text: str) -> Refused:
    """For a request that cannot be meant."""
    return Refused(400, text, more={"reason": "invalid"})
