"""The conformance suite as a process, and what it found."""

import json
import re
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from peers import Peer

SUITE = Peer("@modelcontextprotocol/conformance")
WITHIN = 120.0
"""Seconds that a run may take; about three are usual."""

Check = tuple[str, str, str, str]
"""Scenario, the check's id, its name, and its status: SUCCESS, FAILURE, WARNING, SKIPPED, INFO."""


@dataclass
class Findings:
    """What a run found: how often each check came out as it did, and what was said of failed ones.

    Neither the suite's exit code nor its totals say as much.
    """

    checks: Counter[Check] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)

    @property
    def passed(self) -> int:
        """How many checks succeeded."""
        return sum(number for check, number in self.checks.items() if check[3] == "SUCCESS")

    @property
    def scenarios(self) -> set[str]:
        """The scenarios that ran."""
        return {scenario for scenario, _, _, _ in self.checks}


def run_suite(url: str, revision: str, output: Path) -> Findings:
    """Runs all scenarios of a revision against a server."""
    command = SUITE.command("server", "--url", url, "--suite", "all", "--spec-version", revision)
    finished = subprocess.run(
        [*command, "-o", str(output)], capture_output=True, text=True, timeout=WITHIN, check=False
    )
    findings = Findings()
    for file in sorted(output.glob("*/checks.json")):
        scenario = re.sub(r"-\d{4}-\d\d-\d\dT.*", "", file.parent.name).removeprefix("server-")
        for check in json.loads(file.read_text("utf-8")):
            status = check["status"]
            findings.checks[scenario, check["id"], check["name"], status] += 1
            if status not in ("SUCCESS", "INFO"):
                told = check.get("errorMessage", "")
                findings.complaints.append(f"{scenario}: {check['id']}: {status}: {told}")
    assert findings.checks, finished.stdout + finished.stderr
    return findings
