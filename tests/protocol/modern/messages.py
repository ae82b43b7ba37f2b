"""Messages of revision 2026-07-28, and the headers that go with them."""

import json
from collections.abc import Mapping

from helio.evaluator import Message, parse_message
from helio.protocol.headers import Header
from helio.protocol.modern import CLIENT_CAPABILITIES, PROTOCOL_VERSION

REVISION = "2026-07-28"


def envelope(**changed: object) -> dict[str, object]:
    """A complete `_meta`."""
    return {PROTOCOL_VERSION: REVISION, CLIENT_CAPABILITIES: {}, **changed}


def request(
    method: str = "tools/call", params: Mapping[str, object] | None = None, meta: object = ...
) -> Message:
    """A request of a tool named `add`, unless told otherwise; `meta` None leaves `_meta` out."""
    stated = {"name": "add"} if params is None else dict(params)
    if meta is ...:
        meta = envelope()
    if meta is not None:
        stated["_meta"] = meta
    return post({"jsonrpc": "2.0", "id": 1, "method": method, "params": stated})


def post(message: object) -> Message:
    """A message, read as Helio reads it."""
    return parse_message(json.dumps(message).encode())


def headers(
    version: str | None = REVISION,
    method: str | None = "tools/call",
    name: str | None = "add",
    **more: str,
) -> list[Header]:
    """The headers of that request, some changed or left out (None); `_` stands for `-`."""
    stated = {"MCP-Protocol-Version": version, "Mcp-Method": method, "Mcp-Name": name}
    stated.update({key.replace("_", "-"): value for key, value in more.items()})
    return [
        (key.encode(), value.encode("latin-1"))
        for key, value in stated.items()
        if value is not None
    ]
