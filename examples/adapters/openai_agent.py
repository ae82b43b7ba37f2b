"""Function tools of OpenAI's Agents SDK, governed.

    pip install 'helio[openai-agents]'
    export HELIO_ADAPTER_TOKEN=$(openssl rand -hex 32) HELIO_DEMO_SECRET=$(openssl rand -hex 32)
    helio start -c examples/adapters/helio.yaml &
    python examples/adapters/openai_agent.py

An agent would have them as `Agent(tools=tools, …)`. There is no model: the calls are those of
`shop.DAY`, and what is printed is what the SDK would give to one. Above: nothing. Below: `shop`,
`helio.adapters`.
"""

import asyncio
import json
from typing import Any

from agents import function_tool
from agents.tool_context import ToolContext
from shop import DAY, ORIGIN, TOOLS, show, task

from helio.adapters import AdapterClient, Governor
from helio.adapters.openai_agents import governed


async def main() -> None:
    """Makes the calls."""
    governor = Governor(AdapterClient(), ORIGIN, session_id=task())
    tools = [governed(function_tool(each), governor) for each in TOOLS]
    by_name = {each.name: each for each in tools}
    for name, arguments in DAY:
        given = json.dumps(arguments)
        context: ToolContext[Any] = ToolContext(
            None, tool_name=name, tool_call_id="1", tool_arguments=given
        )
        show(name, arguments, await by_name[name].on_invoke_tool(context, given))


asyncio.run(main())
