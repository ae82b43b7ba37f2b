"""Tools of an AutoGen workbench, governed.

    pip install 'helio[autogen]'
    export HELIO_ADAPTER_TOKEN=$(openssl rand -hex 32) HELIO_DEMO_SECRET=$(openssl rand -hex 32)
    helio start -c examples/adapters/helio.yaml &
    python examples/adapters/autogen_agent.py

An agent would have it as `AssistantAgent(workbench=workbench, …)`. There is no model: the calls are
those of `shop.DAY`, and what is printed is what an agent would give to one. Above: nothing. Below:
`shop`, `helio.adapters`.
"""

import asyncio

from autogen_core.tools import FunctionTool, StaticWorkbench
from shop import DAY, ORIGIN, TOOLS, show, task

from helio.adapters import AdapterClient, Governor
from helio.adapters.autogen import GovernedWorkbench


async def main() -> None:
    """Makes the calls."""
    tools = StaticWorkbench([FunctionTool(each, each.__doc__ or "") for each in TOOLS])
    governor = Governor(AdapterClient(), ORIGIN, session_id=task())
    async with GovernedWorkbench(tools, governor) as workbench:
        for name, arguments in DAY:
            result = await workbench.call_tool(name, arguments)
            show(name, arguments, result.to_text())


asyncio.run(main())
