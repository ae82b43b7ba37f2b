"""The client of fastmcp, in a process of its own: `fastmcp_client.py TARGET CALLS`.

TARGET is JSON: a URL, or the command of a server. CALLS is a list of tools with their arguments.
What the client hears is printed as JSON.
"""

import asyncio
import json
import os
import sys
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import SSETransport, StdioTransport, StreamableHttpTransport


def transport(target: Any) -> Any:
    """How the client reaches the target."""
    if isinstance(target, list):
        return StdioTransport(target[0], target[1:], env=dict(os.environ), keep_alive=False)
    return SSETransport(target) if target.endswith("/sse") else StreamableHttpTransport(target)


async def main(target: Any, calls: list[Any]) -> None:
    """Lists and calls."""
    async with Client(transport(target)) as client:
        tools = await client.list_tools_mcp()
        answers = [await client.call_tool_mcp(tool, arguments) for tool, arguments in calls]
        heard = {
            "tools": {tool.name: dump(tool) for tool in tools.tools},
            "answers": [dump(answer) for answer in answers],
        }
    print(json.dumps(heard))


def dump(value: Any) -> Any:
    """A model as JSON values."""
    return value.model_dump(mode="json", by_alias=True, exclude_unset=True)


asyncio.run(main(json.loads(sys.argv[1]), json.loads(sys.argv[2])))
