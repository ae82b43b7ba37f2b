"""What the page on frameworks shows runs in each of them."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from frameworks.record import PAGE
from frameworks.ways import SILENT
from peers import ROOT, VENV

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

CONNECTING, GOVERNING = re.findall(
    r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
)
BEFORE = """
task = "a-task"
def refund_order(order_id: int) -> str:
    "Refund an order."
    return "refunded"
"""
IMPORTS = {
    "langchain": (
        "LangChain",
        "from langchain_mcp_adapters.client import MultiServerMCPClient\n"
        "from langgraph.prebuilt import ToolNode\n"
        "from langchain_core.tools import tool\ntools = [tool(refund_order)]\n",
    ),
    "openai-agents": (
        "OpenAI Agents",
        "from agents.mcp import MCPServerStreamableHttp\n"
        "from agents import function_tool\ntools = [function_tool(refund_order)]\n",
    ),
    "crewai": (
        "CrewAI",
        "from crewai_tools import MCPServerAdapter\n"
        "from crewai.tools import tool\ntools = [tool('refund_order')(refund_order)]\n",
    ),
    "autogen": (
        "AutoGen",
        "from autogen_ext.tools.mcp import McpWorkbench, StreamableHttpServerParams\n"
        "from autogen_core.tools import FunctionTool, StaticWorkbench\n"
        "tools = [FunctionTool(refund_order, '')]\n",
    ),
    "peers": (
        "fastmcp",
        "from fastmcp import Client\n"
        "from fastmcp.client.transports import StreamableHttpTransport\n",
    ),
}
"""What stands before the snippets in a program of each environment."""


def of(name: str, shown: str) -> str:
    """The part of a snippet that is about one framework, with what is for all."""
    common, *parts = re.split(r"^# (?=[A-Z]|fastmcp)", shown, flags=re.MULTILINE)
    return common + "".join(part.partition("\n")[2] for part in parts if part.startswith(name))


@pytest.mark.parametrize("venv", IMPORTS)
def test_a_snippet_runs(venv: str, tmp_path: Path, demo_upstream: str) -> None:
    if not os.environ.get("HELIO_COMPAT"):
        pytest.skip("`make compat` runs it")
    name, imports = IMPORTS[venv]
    connecting = of(name, CONNECTING)
    program = f"url = {demo_upstream!r}\n{BEFORE}{imports}{connecting}"
    if venv != "peers":
        governing = of(name, GOVERNING)
        assert "import" in governing.partition("governor = ")[2]
        program += governing
    if venv == "crewai":
        program += "assert not any(tool.cache_function({}, 'x') for tool in tools)\n"
    assert "task}" in connecting
    python = (VENV if venv == "peers" else ROOT / f".venv-compat-{venv}") / "bin" / "python"
    ended = subprocess.run(
        [str(python), "-c", f"{program}\nprint('it ran', flush=True)\nimport os; os._exit(0)"],
        cwd=tmp_path,
        env={**os.environ, **SILENT, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT / "python")},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.stdout.endswith("it ran\n"), ended.stderr
