"""Tools of an AutoGen workbench, governed: `autogen_program.py URL SESSION`."""

import asyncio
from typing import Any

from autogen_core.tools import FunctionTool, StaticWorkbench
from turns import ORIGIN, TOOLS, URL, Told, governor, take

from helio.adapters.autogen import GovernedWorkbench


async def main() -> None:
    """Takes turns."""
    made = [FunctionTool(each, each.__doc__ or "") for each in TOOLS]
    async with GovernedWorkbench(StaticWorkbench(made), governor(ORIGIN, URL)) as workbench:

        async def invoke(name: str, arguments: dict[str, Any]) -> Told:
            result = await workbench.call_tool(name, arguments)
            return result.to_text(), result.is_error

        await take([each["name"] for each in await workbench.list_tools()], invoke)


asyncio.run(main())
