"""Answers as JSON: one value, or a list whose rows are JSON already.

Above: everything in `helio.operator`. Below: aiohttp, orjson. Pure.
"""

from collections.abc import Iterable, Mapping

import orjson
from aiohttp import web


def json_answer(value: object) -> web.Response:
    """A value as JSON, `helio.governance.feedback.exact` numbers included."""
    return json_bytes(orjson.dumps(value))


def json_bytes(body: bytes) -> web.Response:
    """What is JSON already."""
    return web.Response(body=body, content_type="application/json")


def listed(rows: Iterable[bytes], beside: Mapping[str, object]) -> bytes:
    """`{"data": […], …}` of rows and what stands beside them."""
    return b'{"data":[' + b",".join(rows) + b"]," + orjson.dumps(beside)[1:]
