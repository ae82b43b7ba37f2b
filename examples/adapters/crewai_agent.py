"""Tools of a crew, governed.

    pip install 'helio[crewai]'
    export HELIO_ADAPTER_TOKEN=$(openssl rand -hex 32) HELIO_DEMO_SECRET=$(openssl rand -hex 32)
    helio start -c examples/adapters/helio.yaml &
    python examples/adapters/crewai_agent.py

A crew would have them as `Agent(tools=tools, …)`. There is no model: the calls are those of
`shop.DAY`, and what is printed is what an agent of the crew would read. Above: nothing. Below:
`shop`, `helio.adapters`.
"""

from crewai.tools import tool
from shop import DAY, ORIGIN, TOOLS, show, task

from helio.adapters import AdapterClient, Governor
from helio.adapters.crewai import governed


def main() -> None:
    """Makes the calls."""
    governor = Governor(AdapterClient(), ORIGIN, session_id=task())
    tools = [governed(tool(each.__name__)(each), governor) for each in TOOLS]
    by_name = {each.name: each for each in tools}
    for name, arguments in DAY:
        called = by_name[name]
        show(name, arguments, called.format_output_for_agent(called.run(**arguments)))


main()
