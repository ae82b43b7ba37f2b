"""Tools of a crew, governed: `crewai_program.py URL SESSION`."""

from crewai.tools import tool
from crewai.tools.tool_failure import ToolFailure
from turns import ORIGIN, TOOLS, URL, governor, say, turns

from helio.adapters.crewai import governed


def main() -> None:
    """Takes turns."""
    governing = governor(ORIGIN, URL)
    made = [tool(each.__name__)(each) for each in TOOLS]
    tools = {each.name: governed(each, governing) for each in made}
    say({"tools": list(tools)})
    for name, arguments in turns():
        try:
            result = tools[name].run(**arguments)
            failed = isinstance(result, ToolFailure)
            say({"told": result.as_agent_message() if failed else result, "error": failed})
        except ValueError as error:
            say({"told": str(error), "error": True})


main()
