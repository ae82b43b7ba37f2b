"""What was found in the configuration's file: as it runs, and as it was saved but not taken.

Above: `helio.cli`, which reads the file; `helio.app.policy_view`, which shows it. Below:
`helio.diagnostics`. Pure.
"""

from pathlib import Path
from typing import Any, Final

from helio.diagnostics.rendering import plain_text
from helio.evaluator import Redactor
from helio.policy import Compiled

_MOST: Final = 100
"""Findings of one file that are kept."""

Finding = dict[str, Any]


class Findings:
    """The findings about the file of the policy that runs, and about a later one with faults.

    Each is `{code, severity, message, hint, path, line, column, text}`; `text` is the finding as
    `helio compile` shows it, with the lines of the file that it is about, secrets left out.
    `file` is None where the policy is of none.
    """

    def __init__(self) -> None:
        self.loaded: list[Finding] = []
        self.refused: list[Finding] = []
        self.file: Path | None = None

    def take(self, compiled: Compiled) -> None:
        """The file holds what runs."""
        self.loaded, self.refused = _listed(compiled), []
        file = Path(compiled.diagnostics.file).absolute()
        self.file = file if file.is_file() else None

    def refuse(self, compiled: Compiled) -> None:
        """The file was saved with faults: what ran before goes on."""
        self.refused = _listed(compiled)

    def shown(self, redactor: Redactor) -> dict[str, list[Finding]]:
        """`{findings, refused}`, without what is secret in this Helio."""
        return {
            "findings": [_without_secrets(each, redactor) for each in self.loaded],
            "refused": [_without_secrets(each, redactor) for each in self.refused],
        }


def _listed(compiled: Compiled) -> list[Finding]:
    return [
        {
            "code": each.code,
            "severity": each.severity,
            "message": each.message,
            "hint": each.hint,
            "path": each.path,
            "line": each.span.line,
            "column": each.span.column,
            "text": plain_text(each, compiled.source),
        }
        for each in list(compiled.diagnostics)[:_MOST]
    ]


def _without_secrets(finding: Finding, redactor: Redactor) -> Finding:
    return {
        name: redactor.text(value) if isinstance(value, str) else value
        for name, value in finding.items()
    }
