"""AutoGen's MCP workbench: `autogen_agent.py URL SESSION`. One session; the result is what an agent
gives to its model.
"""

import asyncio
from typing import Any

from autogen_ext.tools.mcp import McpWorkbench, StreamableHttpServerParams
from turns import HEADERS, URL, Told, take


async def main() -> None:
    """Takes turns."""
    shop = StreamableHttpServerParams(url=URL, headers=HEADERS)
    async with McpWorkbench(shop) as workbench:

        async def invoke(tool: str, arguments: dict[str, Any]) -> Told:
            result = await workbench.call_tool(tool, arguments)
            return result.to_text(), result.is_error

        await take([tool["name"] for tool in await workbench.list_tools()], invoke)


asyncio.run(main())
