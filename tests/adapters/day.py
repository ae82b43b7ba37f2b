"""The day of examples/adapters, in each framework and before a real Helio: what a model is told."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from end_to_end.people import People
from frameworks.ways import SILENT
from peers import ROOT, Peer
from processes import SECRET, HelioProcess, choose_free_port

EXAMPLES = ROOT / "examples" / "adapters"
TOKEN = "the-token-of-adapters-on-that-day"
AWAY = "Blocked: no decision could be had, so this was not done: "
"""What a model is told of each call when Helio is not there."""


@dataclass(frozen=True)
class Adapter:
    """One framework's adapter: `venv` and `example` are named after the framework, `package` is
    what of it is installed, and `how` what of it governs."""

    name: str
    venv: str
    example: str
    package: str
    how: str

    @property
    def version(self) -> str:
        """The framework's version."""
        return Peer(self.package, ROOT / f".venv-compat-{self.venv}").version


ADAPTERS = (
    Adapter(
        "LangChain and LangGraph",
        "langchain",
        "langchain_agent.py",
        "langgraph",
        "`GovernedCalls`, around the calls of `ToolNode`",
    ),
    Adapter("CrewAI", "crewai", "crewai_agent.py", "crewai", "`governed`, around each tool"),
    Adapter(
        "AutoGen",
        "autogen",
        "autogen_agent.py",
        "autogen-core",
        "`GovernedWorkbench`, around a workbench",
    ),
    Adapter(
        "OpenAI Agents",
        "openai-agents",
        "openai_agent.py",
        "openai-agents",
        "`governed`, around each function tool",
    ),
)

DAY = (
    ("blocked", "delete_order", "Blocked: Orders are never deleted. Ask a person."),
    (
        "repaired",
        "refund_order",
        "Blocked: Missing required evidence: lookup_order. Call lookup_order with `$.order_id` ",
    ),
    ("allowed", "lookup_order", "order 7: standing desk"),
    ("repaired", "refund_order", "order 7 is refunded"),
    (
        "rehearsed",
        "close_books",
        "Dry run: Nothing was done. This call would have been allowed.",
    ),
    ("allowed", "search_orders", "orders with desk: 7"),
    ("limited", "search_orders", "orders with lamp: 7"),
    ("limited", "search_orders", "Blocked: 2 of 2 calls in 1h are used."),
    ("approved", "pay_supplier", "the supplier got 350"),
    ("denied", "pay_supplier", "Blocked: ann denied this call: not this month. "),
)
"""What each call shows, its tool, and how what a model is told begins."""
STEPS = ("allowed", "blocked", "repaired", "approved", "denied", "limited", "rehearsed", "away")
DECISIONS = [
    ("delete_order", "deny"),
    ("refund_order", "deny"),
    ("lookup_order", "allow"),
    ("refund_order", "allow"),
    ("close_books", "dry_run"),
    ("search_orders", "allow"),
    ("search_orders", "allow"),
    ("search_orders", "rate_limited"),
    ("pay_supplier", "allow"),
    ("pay_supplier", "require_approval"),
]
"""What the audit says after such a day."""


@contextmanager
def helio(directory: Path) -> Iterator[HelioProcess]:
    """Helio with the example's own configuration."""
    config = Path(shutil.copy(EXAMPLES / "helio.yaml", directory))
    mcp, operator, sdk = (choose_free_port() for _ in range(3))
    environment = {
        "HELIO_DEMO_PORT": str(mcp),
        "HELIO_DEMO_OPERATOR_PORT": str(operator),
        "HELIO_DEMO_SDK_PORT": str(sdk),
        "HELIO_DEMO_SECRET": SECRET,
        "HELIO_ADAPTER_TOKEN": TOKEN,
    }
    process = HelioProcess(config, mcp, operator, sdk_port=sdk, environment=environment).start()
    try:
        yield process
    finally:
        if process.process is not None:
            process.stop()


def play(adapter: Adapter, process: HelioProcess, *, decided: bool) -> list[str]:
    """Runs the example; what a model is told of each call, in order. Where people are there to
    decide, ann lets the first payment pass and no other.
    """
    log = process.directory / "agent.log"
    with log.open("wb") as errors:
        agent = subprocess.Popen(
            [
                str(ROOT / f".venv-compat-{adapter.venv}" / "bin" / "python"),
                str(EXAMPLES / adapter.example),
                "a-day",
            ],
            cwd=process.directory,
            env={
                **os.environ,
                **SILENT,
                "HOME": str(process.directory),
                "PYTHONPATH": str(ROOT / "python"),
                "HELIO_ADAPTER_TOKEN": TOKEN,
                "HELIO_SDK_URL": process.sdk_url,
            },
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    if decided:
        people = People(process, patience=60)
        (ticket,) = people.wait_for()
        assert people.approve(ticket) == 200
        (ticket,) = people.wait_for()
        assert people.deny(ticket, "not this month") == 200
    output, _ = agent.communicate(timeout=120)
    assert agent.returncode == 0, log.read_text("utf-8")
    return [line.removeprefix("  -> ") for line in output.splitlines() if line.startswith("  -> ")]


def outcomes(told: list[str], away: list[str]) -> dict[str, bool]:
    """What went as it should; `away` is what was told without Helio."""
    went = dict.fromkeys(STEPS, True)
    went["away"] = len(away) == len(DAY) and all(each.startswith(AWAY) for each in away)
    for (step, _, begins), said in zip(DAY, told, strict=True):
        went[step] = went[step] and said.startswith(begins)
    return went


def decisions(process: HelioProcess) -> list[tuple[str, str]]:
    """What the audit says of the calls, in their order."""
    return [(row["tool_name"], row["policy_decision"]) for row in process.calls()]
