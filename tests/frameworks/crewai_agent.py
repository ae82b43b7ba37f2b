"""CrewAI's tools over `MCPServerAdapter`: `crewai_agent.py URL SESSION`. One session; the result is
what a crew's agent gives to its model. CrewAI's tools are synchronous.
"""

from crewai_tools import MCPServerAdapter
from turns import HEADERS, URL, say, turns


def main() -> None:
    """Takes turns."""
    shop = {"url": URL, "headers": HEADERS, "transport": "streamable-http"}
    with MCPServerAdapter(shop) as found:
        tools = {tool.name: tool for tool in found}
        say({"tools": list(tools)})
        for tool, arguments in turns():
            say({"told": tools[tool].run(**arguments), "error": None})


main()
