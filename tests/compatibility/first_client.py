"""The client of the official library's first version, in a process of its own:
`first_client.py TARGET CALLS`.

TARGET is JSON: a URL, or the command of a server. CALLS is a list of tools with their arguments.
What the client hears is printed as JSON.
"""

import asyncio
import json
import os
import sys
from contextlib import asynccontextmanager
from typing import Any

from mcp import ClientSession, StdioServerParameters, stdio_client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamablehttp_client


@asynccontextmanager
async def streams(target: Any) -> Any:
    """The two ways to the target."""
    if isinstance(target, list):
        parameters = StdioServerParameters(command=target[0], args=target[1:], env=dict(os.environ))
        async with stdio_client(parameters) as found:
            yield found
    elif target.endswith("/sse"):
        async with sse_client(target) as found:
            yield found
    else:
        async with streamablehttp_client(target) as (read, write, _):
            yield read, write


async def main(target: Any, calls: list[Any]) -> None:
    """Lists and calls."""
    async with streams(target) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        tools = await session.list_tools()
        answers = [await session.call_tool(tool, arguments) for tool, arguments in calls]
        heard = {
            "tools": {tool.name: dump(tool) for tool in tools.tools},
            "answers": [dump(answer) for answer in answers],
        }
    print(json.dumps(heard))


def dump(value: Any) -> Any:
    """A model as JSON values."""
    return value.model_dump(mode="json", by_alias=True, exclude_unset=True)


asyncio.run(main(json.loads(sys.argv[1]), json.loads(sys.argv[2])))
