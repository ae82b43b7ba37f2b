"""Findings as GitHub's workflow commands, which become annotations of a change's lines.

Above: `--format github` of `helio compile` and `helio diff`. Below: `diagnostic`. Pure. The form is
that of GitHub's "Workflow commands for GitHub Actions": what would end a part of a command is
percent-encoded.
"""

from typing import Literal

from helio.diagnostics.diagnostic import Diagnostic
from helio.diagnostics.rendering import visible

Level = Literal["error", "warning", "notice"]
_COMMANDS: dict[str, Level] = {"error": "error", "warning": "warning", "note": "notice"}
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
    details = [f"in: {diagnostic.path}"] if diagnostic.path else []
    details += [f"hint: {diagnostic.hint}"] if diagnostic.hint else []
    details += [f"line {label.span.line}: {label.text}" for label in diagnostic.related]
    text = "\n".join(visible(line) for line in (diagnostic.message, *details))
    return _command(_COMMANDS[diagnostic.severity], properties, text)


def annotation(level: Level, file: str, line: int | None, title: str, text: str) -> str:
    """Any text at a line of a file, or at the file, likewise. Texts may have several lines."""
    properties: dict[str, object] = {"file": visible(file)}
    properties |= {} if line is None else {"line": line}
    shown = "\n".join(visible(each) for each in text.split("\n"))
    return _command(level, properties | {"title": title}, shown)


def _command(level: Level, properties: dict[str, object], text: str) -> str:
    written = ",".join(
        f"{name}={_encoded(str(value), _IN_PROPERTIES)}" for name, value in properties.items()
    )
    return f"::{level} {written}::{_encoded(text, _IN_DATA)}"


def _encoded(text: str, table: dict[str, str]) -> str:
    return "".join(table.get(character, character) for character in text)
