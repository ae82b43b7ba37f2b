"""CrewAI's own MCP client, as `Agent(mcps=[…])` has it: `crewai_mcps_agent.py URL SESSION`. Every
call is a session of its own. What a server calls an error is a `ToolFailure`.
"""

from crewai.mcp import MCPServerHTTP
from crewai.mcp.tool_resolver import MCPToolResolver
from crewai.tools.mcp_native_tool import MCPNativeTool
from crewai.tools.tool_failure import ToolFailure
from crewai.utilities.logger import Logger
from turns import HEADERS, URL, say, turns


def main() -> None:
    """Takes turns, by the names that the server has for its tools."""
    resolver = MCPToolResolver(None, Logger())
    found = resolver.resolve([MCPServerHTTP(url=URL, headers=HEADERS)])
    tools = {tool.original_tool_name: tool for tool in found if isinstance(tool, MCPNativeTool)}
    say({"tools": list(tools)})
    for tool, arguments in turns():
        said = tools[tool].run(**arguments)
        if isinstance(said, ToolFailure):
            say({"told": said.as_agent_message(), "error": True})
        else:
            say({"told": said, "error": False})
    resolver.cleanup()


main()
