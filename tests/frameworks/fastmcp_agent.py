"""fastmcp's client: `fastmcp_agent.py URL SESSION`. An error is raised, and its text is what an
agent would give to its model.
"""

import asyncio
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.exceptions import ToolError
from turns import HEADERS, URL, Told, take


async def main() -> None:
    """Takes turns."""
    async with Client(StreamableHttpTransport(URL, headers=HEADERS)) as client:

        async def invoke(tool: str, arguments: dict[str, Any]) -> Told:
            try:
                result = await client.call_tool(tool, arguments)
            except ToolError as error:
                return str(error), True
            return "\n".join(item.text for item in result.content if item.type == "text"), False

        await take([tool.name for tool in await client.list_tools()], invoke)


asyncio.run(main())
