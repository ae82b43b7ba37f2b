"""Bytes of the JSON-RPC answers that Helio makes itself.

Used by the transport and the pipeline's feedback. Ids are raw JSON as the agent wrote them: they
are spliced in byte for byte, so that no number or escape changes on the way back. Pure.
"""

import json
from typing import Final

import orjson

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603

_NULL: Final = b"null"
_PLAIN_DIGITS: Final = 18
"""Digits of an id that is read without a parser: nearly all are such."""
_OF_IDS: Final = frozenset(b'"-0123456789')
_MOST_DIGITS: Final = 4000


def identity(identifier: bytes) -> str | int | float | None:
    """What an id says, whatever its escapes: ids of one meaning are equal.

    `identifier` is the raw JSON of an id. Integers keep every digit. None for null, and for what no
    id can be (`true`, which is not 1; an array; an object).
    """
    if identifier.isdigit() and len(identifier) <= _PLAIN_DIGITS:
        return int(identifier)
    if not identifier or identifier[0] not in _OF_IDS:
        return None
    value: str | int | float = json.loads(identifier, parse_int=_whole)
    return value


def _whole(digits: str) -> int | float:
    """An integer; one of more digits than Python converts, which nobody here gives, is infinite."""
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


def error_answer(identifier: bytes | None, code: int, message: str, data: object = None) -> bytes:
    """An error answer (JSON-RPC 2.0, section 5.1).

    `identifier` is the raw JSON of the request's id, None when none could be read (then `null`).
    `data` is any value that orjson serialises and is left out when None. Raises `TypeError` for
    data that is not JSON.
    """
    error: dict[str, object] = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    return _answer(identifier, b"error", error)


def result_answer(identifier: bytes, result: object) -> bytes:
    """A result answer; `identifier` is the raw JSON of the request's id.

    Raises `TypeError` for a result that is not JSON.
    """
    return _answer(identifier, b"result", result)


def same_identifier(left: bytes | None, right: bytes | None) -> bool:
    """Whether two ids, as raw JSON, are the same: a server may write the characters of a text
    another way (`"\\u00e9"` for `"é"`).
    """
    if left is None or right is None:
        return False
    return left == right or identity(left) == identity(right)


def _answer(identifier: bytes | None, member: bytes, value: object) -> bytes:
    return b'{"jsonrpc":"2.0","id":%b,"%b":%b}' % (
        _NULL if identifier is None else identifier,
        member,
        orjson.dumps(value),
    )
