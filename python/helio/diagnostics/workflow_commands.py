"""Findings as GitHub's workflow commands, which become annotations of a change's lines.

Above: `helio compile --format github`. Below: `diagnostic`. Pure. The form is that of GitHub's
"Workflow commands for GitHub Actions": what would end a part of a command is percent-encoded.
"""

from helio.diagnostics.diagnostic import Diagnostic
from helio.diagnostics.rendering import visible

_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}
_IN_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_IN_PROPERTIES = {**_IN_DATA, ":": "%3A", ",": "%2C"}


def workflow_command(diagnostic: Diagnostic) -> str:
    """One finding as one line, without its line break."""
    span = diagnostic.span
    properties: dict[str, object] = {"file": visible(diagnostic.file), "line": span.line}
    # GitHub takes columns only of what stands in one line.
    if span.end_line == span.line:
        properties |= {"col": span.column, "endColumn": span.end_column}
    else:
        properties["endLine"] = span.end_line
    properties["title"] = diagnostic.code
    written = ",".join(
        f"{name}={_encoded(str(value), _IN_PROPERTIES)}" for name, value in properties.items()
    )
    details = [f"in: {diagnostic.path}"] if diagnostic.path else []
    details += [f"hint: {diagnostic.hint}"] if diagnostic.hint else []
    details += [f"line {label.span.line}: {label.text}" for label in diagnostic.related]
    text = "\n".join(visible(line) for line in (diagnostic.message, *details))
    return f"::{_COMMANDS[diagnostic.severity]} {written}::{_encoded(text, _IN_DATA)}"


def _encoded(text: str, table: dict[str, str]) -> str:
    return "".join(table.get(character, character) for character in text)
